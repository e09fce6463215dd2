"""`python -m load SECONDS=60`: fails on a wrong decision, on memory that grows, and when good requests suffer from hostile ones."""

from __future__ import annotations

import sys

from harness.arguments import given

from .run import Report, Slice, run

#: Of the 99th percentile of good requests, and of memory after warm-up.
MOST_SLOWER, MOST_GROWTH = 2.0, 0.05
SLICE_SECONDS = 2.5


def show(part: Slice) -> None:
    rate = len(part.latencies) / part.seconds
    mix = "with hostile ones" if part.mixed else "good ones only"
    p99 = sorted(part.latencies)[len(part.latencies) * 99 // 100]
    print(f"{mix:<18} {rate:>7,.0f} good requests/s  p99 {p99:6.1f} ms  Envoy {part.rss / 1024:6.1f} MiB", file=sys.stderr)


def failures(report: Report) -> list[str]:
    found = [f"{times} times `{outcome}` for {kind}" for (kind, outcome), times in report.wrong.most_common(10)]
    if (ratio := report.p99(True) / report.p99(False)) > MOST_SLOWER:
        found.append(f"the p99 of good requests is {ratio:.2f} times that without hostile ones, more than {MOST_SLOWER}")
    if (growth := report.growth()) > MOST_GROWTH:
        found.append(f"memory grew by {growth:.1%} after the first quarter, more than {MOST_GROWTH:.0%}")
    return found


def main(arguments: list[str]) -> int:
    (seconds,) = given(arguments, SECONDS=60.0)
    report = run(seconds, max(round(seconds / SLICE_SECONDS / 2), 2) * 2, show)
    total = sum(part.seconds for part in report.slices)
    print(f"{report.answered:,} requests in {total:.0f} s, {report.hostile:,} of them hostile")
    print(f"refused: {report.refused['deny']:,} by the filter, {report.refused['envoy']:,} by Envoy")
    print(f"wrong decisions: {report.wrong.total()}")
    print(f"p99 of good requests: {report.p99(False):.1f} ms alone, {report.p99(True):.1f} ms among hostile ones, ratio {report.p99(True) / report.p99(False):.2f}")
    print(f"memory of Envoy: {report.slices[-1].rss / 1024:.1f} MiB, {report.growth():+.1%} after the first quarter")
    for failure in failures(report):
        print(f"failed: {failure}")
    return 1 if failures(report) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
