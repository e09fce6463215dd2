"""`python -m outage SECONDS=600 RATE=500`: fails on a record that is lost or out of order, and on memory beyond the spool."""

from __future__ import annotations

import sys

from .run import run, show


def main(arguments: list[str]) -> int:
    given = dict(argument.split("=", 1) for argument in arguments)
    seconds, rate = float(given.pop("SECONDS", 600)), int(given.pop("RATE", 500))
    if given:
        raise SystemExit(f"unknown: {', '.join(given)}; known are SECONDS and RATE")
    report = run(seconds, rate)
    show(report)
    for failure in (wrong := report.wrong()):
        print(f"  failed: {failure}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
