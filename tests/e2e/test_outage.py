"""A quarter of a minute without a sink. `make audit-outage` takes ten."""

from __future__ import annotations

from outage.run import run


def test_no_record_is_lost_while_the_sink_is_down():
    report = run(seconds=15, rate=300)
    assert report.wrong() == []
    assert len(report.phases["down"]) > 2000
