"""Some hundred requests held at once. `make holds` holds ten thousand."""

from __future__ import annotations

from holds.run import run


def test_what_is_held_waits_for_its_verdict_and_then_goes_on():
    report = run(holds=500, seconds=3)
    assert report.wrong(most_kib=48, most_seconds=5) == []
    assert max(report.others) < 1, "what needs no approval is as fast as ever"
