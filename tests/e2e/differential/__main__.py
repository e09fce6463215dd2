"""`python -m differential N=1000000 SEED=7`: half of the requests with Envoy's own hardening, half without."""

from __future__ import annotations

import json
import re
import sys
import time

from harness.arguments import given

from .judge import Mismatch, Report
from .run import run

MOST_SHOWN = 10


class Progress:
    """A line on stderr, rewritten twice a second."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.started, self.next = total, Report(), time.monotonic(), 0.0

    def __call__(self, part: Report) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + 0.5
        answered, routed = self.done.answered + part.answered, self.done.routed + part.routed
        wrong = len(self.done.mismatches) + len(part.mismatches)
        rate = answered / (now - self.started)
        line = f"\r{answered:>9,}/{self.total:,}  {rate:,.0f}/s  {routed:,} served by a route  {wrong} mismatches"
        print(line, end="", file=sys.stderr, flush=True)


def show(seed: int, mismatch: Mismatch) -> str:
    case, record = mismatch.case, mismatch.record or {}
    named = {key: record.get(key) for key in ("decision", "operation", "path", "facts")}
    request = re.sub(rb"(authorization: Bearer )[^\r]*", rb"\1...", case.data)
    return "\n".join([
        f"mismatch: request {case.number} of SEED={seed} ({', '.join(case.mutations) or 'not mutated'}): {mismatch.why}",
        f"  sent    {request!r}",
        f"  filter  {json.dumps(named)}",
        f"  route   {json.dumps(mismatch.seen)}",
    ])  # fmt: skip


def main(arguments: list[str]) -> int:
    count, seed, first = given(arguments, N=20_000, SEED=1, FIRST=0)
    progress = Progress(count)
    halves = [(range(first, first + count // 2), True), (range(first + count // 2, first + count), False)]
    if count == 1:
        halves = [(range(first, first + 1), True), (range(first, first + 1), False)]
    for numbers, hardened in halves:
        progress.done.add(run(seed, numbers, hardened, progress))
    report, seconds = progress.done, time.monotonic() - progress.started
    print(file=sys.stderr)
    for mismatch in report.mismatches[:MOST_SHOWN]:
        print(show(seed, mismatch))
    print(f"{report.answered:,} requests (SEED={seed}) in {seconds:.0f} s, {report.answered / seconds:,.0f}/s")
    print(f"{report.routed:,} were served by one of {len(report.routes)} routes; refused were:")
    for why, times in report.refused.most_common():
        print(f"{times:>10,}  {why}")
    print(f"{len(report.mismatches)} mismatches")
    return 1 if report.mismatches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
