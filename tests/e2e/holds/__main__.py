"""`python -m holds HOLDS=10000 SECONDS=60`: fails on a request that goes on without a verdict, late with one, or that costs too much.

The verdicts are those of a fake that signs ten thousand in a second; a tenth as many are then held for the service itself.
"""

from __future__ import annotations

import sys

from .real import RealService
from .run import run, show
from .verdicts import Verdicts

MOST_KIB, MOST_SECONDS = 48, 5


def main(arguments: list[str]) -> int:
    given = dict(argument.split("=", 1) for argument in arguments)
    holds, seconds = int(given.pop("HOLDS", 10_000)), float(given.pop("SECONDS", 60))
    if given:
        raise SystemExit(f"unknown: {', '.join(given)}; known are HOLDS and SECONDS")
    failed = False
    for name, service, count in (("a fake", lambda *_: Verdicts(), holds), ("the service", RealService, max(holds // 10, 1))):
        report = run(service, count, seconds)
        print(f"{count:,} requests held on one worker, for {name}")
        show(report)
        for failure in (wrong := report.wrong(MOST_KIB, MOST_SECONDS)):
            print(f"  failed: {failure}")
        failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
