"""`python -m holds HOLDS=10000 SECONDS=60`: fails on a request that goes on without a verdict, late with one, or that costs too much."""

from __future__ import annotations

import sys

from harness.arguments import given

from .run import run, show

MOST_KIB, MOST_SECONDS = 48, 5


def main(arguments: list[str]) -> int:
    holds, seconds = given(arguments, HOLDS=10_000, SECONDS=60.0)
    report = run(holds, seconds)
    show(report)
    for failure in (wrong := report.wrong(MOST_KIB, MOST_SECONDS)):
        print(f"  failed: {failure}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
