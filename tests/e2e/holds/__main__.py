"""`python -m holds HOLDS=10000 SECONDS=60`: fails on a request that goes on without a verdict, late with one, or that costs too much."""

from __future__ import annotations

import sys

from .run import run, show

MOST_KIB, MOST_SECONDS = 48, 5


def main(arguments: list[str]) -> int:
    given = dict(argument.split("=", 1) for argument in arguments)
    holds, seconds = int(given.pop("HOLDS", 10_000)), float(given.pop("SECONDS", 60))
    if given:
        raise SystemExit(f"unknown: {', '.join(given)}; known are HOLDS and SECONDS")
    report = run(holds, seconds)
    show(report)
    for failure in (wrong := report.wrong(MOST_KIB, MOST_SECONDS)):
        print(f"  failed: {failure}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
