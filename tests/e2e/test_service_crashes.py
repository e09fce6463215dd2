"""A few kills of the approval service under load. `make crashes` does many."""

from __future__ import annotations

import pytest

from crashes.run import run


@pytest.mark.parametrize("database, kills", [("sqlite", 5), ("postgres", 3)])
def test_no_decision_is_lost_and_none_used_twice(databases, database, kills):
    report = run(databases.fresh(database), kills, seed=7)
    assert report.wrong == []
    assert len(report.starts) == kills
    assert report.acknowledged and report.executed and report.left, report
