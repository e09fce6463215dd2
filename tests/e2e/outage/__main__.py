"""`python -m outage SECONDS=600 RATE=500`: fails on a record that is lost or out of order, and on memory beyond the spool."""

from __future__ import annotations

import sys

from harness.arguments import given

from .run import run, show


def main(arguments: list[str]) -> int:
    seconds, rate = given(arguments, SECONDS=600.0, RATE=500)
    report = run(seconds, rate)
    show(report)
    for failure in (wrong := report.wrong()):
        print(f"  failed: {failure}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
