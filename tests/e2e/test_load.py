"""A few seconds of load: no decision is wrong while Envoy is busy. `make load` runs for longer and measures as well."""

from __future__ import annotations

from collections import Counter

import pytest

from load.__main__ import failures
from load.run import Report, Slice, run


def test_no_decision_is_wrong_under_load():
    report = run(seconds=4, slices=2)
    assert not report.wrong, report.wrong.most_common(10)
    assert report.answered > 1000 and report.hostile > 50
    assert report.refused["deny"] > 0 and report.refused["envoy"] > 0


def measured(slower: float = 1, growth: float = 0, wrong: Counter | None = None) -> Report:
    slices = [Slice(bool(n % 2), 1.0, [slower if n % 2 else 1.0] * 100, int(1000 + 250 * growth * n)) for n in range(8)]
    return Report(slices, 800, 80, Counter(deny=80), wrong or Counter())


@pytest.mark.parametrize(
    "report, expected",
    [
        (measured(), None),
        (measured(slower=2.5), "the p99 of good requests is 2.50 times"),
        (measured(growth=0.5), "memory grew by"),
        (measured(wrong=Counter({("P1 x", "passed none"): 3})), "3 times `passed none` for P1 x"),
    ],
)
def test_what_fails_a_run(report, expected):
    found = failures(report)
    assert found == [] if expected is None else any(expected in failure for failure in found), found
