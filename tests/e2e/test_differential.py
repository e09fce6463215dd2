"""The operation that the filter names, and what it read, against the route that FastAPI ran and what that read."""

from __future__ import annotations

import pytest

from differential.__main__ import show
from differential.catalogue import OPERATIONS, RPC
from differential.judge import differences
from differential.mutate import NAMES
from differential.requests import Caller, callers
from differential.run import run

SEED, COUNT = 20_240_601, 20_000
KNOWN = callers()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("hardened, numbers", [(True, range(COUNT // 2)), (False, range(COUNT // 2, COUNT))], ids=["hardened", "bare"])
def test_the_named_operation_is_the_route_that_ran(hardened, numbers):
    report = run(SEED, numbers, hardened)
    assert not report.mismatches, "\n".join(show(SEED, mismatch) for mismatch in report.mismatches[:5])
    assert report.answered == len(numbers) and not report.refused["closed"]
    # The run says something: much is served, by every route, and every mutation survives somewhere.
    assert report.routed > len(numbers) * 0.3
    assert {*OPERATIONS, *(f"mcp.{id}" for id, _ in RPC.values()), "mcp.respond"} == set(report.routes)
    assert report.refused["filter scope_missing"] > len(numbers) * 0.02
    assert len(set(NAMES) & set(report.mutations)) > len(NAMES) * 0.8


def seen(route: str, **parts) -> dict:
    return {"route": route, "path": {}, "query": {}, "headers": {}, "body": None, **parts}


def record(operation: str, **more) -> dict:
    return {"decision": "allow", "operation": operation, **more}


ALL, ONLY = KNOWN["all", "alice@example.com"], KNOWN["only", "runs.active"]
MODEL = {"path": {"model": "gpt-4o"}}
READER = Caller("a@example.com", ALL.scopes - {"diff:tool:write"})


@pytest.mark.parametrize(
    "caller, seen, record, expected",
    [
        (ALL, seen("runs.active"), record("runs.active"), None),
        (ALL, seen("runs.active"), record("runs.named"), "the filter named `runs.named`"),
        (ALL, seen("runs.active"), record("runs.active", decision="deny"), "it was served"),
        (ONLY, seen("runs.list"), record("runs.list"), "the caller lacks"),
        (ALL, seen("runs.get", path={"id": 7}), record("runs.get", facts={"task": "07"}), "the task was judged as '07'"),
        (ALL, seen("deployments.get", **MODEL), record("deployments.get", facts={"model": "tiny"}), "the model was judged as 'tiny'"),
        (KNOWN["only", "deployments.get"], seen("deployments.get", **MODEL), record("deployments.get"), "no scope of the caller admits"),
        (ALL, seen("reports.list", query={"view": "all"}), record("reports.list"), "the query's `view`"),
        (ALL, seen("vault.read", headers={"x-tenant": "evil"}), record("vault.read"), "the header `x-tenant`"),
        (ALL, seen("teams.list", query={"user_id": "mallory@example.com"}), record("teams.list"), "`user_id` was read as"),
        (ALL, seen("teams.list", query={"user_id": None}), record("teams.list"), "`user_id` was read as []"),
        (ALL, seen("orders.create", body={"amount": True}), record("orders.create"), "the body's `/amount` was read as [True]"),
        (ALL, seen("orders.items", body={"items": [{"kind": "x"}]}), record("orders.items"), "the body's `/items/*/kind`"),
        (ALL, seen("orders.items", body={"items": []}), record("orders.items"), "the body's `/items/*/kind`"),
        (ALL, seen("mcp.tasks.get", facts={"task": "a"}, body={}), record("mcp.tasks.get"), "the task was judged as None"),
        (ALL, seen("mcp.tasks.get", facts={"task": 7}, body={}), record("mcp.tasks.get", facts={"task": 8}), "the task was judged as 8"),
        (ALL, seen("mcp.tasks.get", facts={"task": 10**20}, body={}), record("mcp.tasks.get"), None),
        (READER, seen("mcp.tools.call", facts={"tool": "create_issue"}, body={"params": {}}), record("mcp.tools.call"), "admits the tool"),
    ],
)
def test_the_judge_sees(caller, seen, record, expected):
    found = list(differences(caller, seen, record))
    if expected is None:
        assert found == []
    else:
        assert any(expected in why for why in found), found
