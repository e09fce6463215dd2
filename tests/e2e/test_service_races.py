"""Many at once, on SQLite and on PostgreSQL: one approval releases one call, whoever asks how often on which worker."""

from __future__ import annotations

from collections import Counter

import pytest

from conftest import closing, held_policy, running
from harness import raw
from harness.calls import Call
from harness.config import Setup
from harness.databases import KINDS
from harness.envoy import Envoy, wait_for
from harness.service import Service
from holds.callers import burst, delete

FILES = "autogen:file:delete"


@pytest.fixture(scope="module", params=KINDS)
def service(request, tmp_path_factory, issuer, databases):
    directory = tmp_path_factory.mktemp("service")
    with closing(Service(directory, issuer, databases.fresh(request.param), open_per_caller=1000)) as it:
        yield it
        assert it.alive(), it.log()[-4000:]


@pytest.fixture(scope="module")
def held(tmp_path_factory, issuer, upstream, service):
    """Four workers, whose VMs know nothing of each other."""
    policy = held_policy(service, holds={"per_caller": 1000, "total": 10000})
    setup = Setup(policy, upstream.port, issuer.port, approvals=service.questions)
    with running(issuer, setup, tmp_path_factory.mktemp("races"), concurrency=4) as envoy:
        yield envoy


@pytest.mark.parametrize("number", range(3))
def test_200_retries_of_one_approved_call_make_it_once(held, service, issuer, upstream, number):
    token, path = issuer.token(FILES), f"/v1/files/race-{number}"
    assert raw.request(held.port, "DELETE", path, token).status == 409
    approval = service.approve(path=path)
    with upstream.expect(1):
        calls = burst(held.port, [delete(path, token)] * 200)
    assert Counter(call.status for call in calls) == {200: 1, 409: 199}
    assert service.approval(approval["id"])["status"] == "used"
    # The others met at one new approval.
    again = service.asked(path=path)
    assert again["id"] != approval["id"]
    assert workers_used(held) > 1


def workers_used(envoy: Envoy) -> int:
    counters = envoy.admin("/stats?filter=worker_.*downstream_cx_total").splitlines()
    return sum(int(line.rsplit(": ", 1)[1]) > 0 for line in counters)


def test_200_that_wait_for_one_approval_make_it_once(held, service, issuer, upstream):
    token, path = issuer.token("autogen:model:delete"), "/v1/models/race"
    waiting = Call(lambda: burst(held.port, [delete(path, token)] * 200))
    approval = service.asked(path=path)
    known = service.ids()
    with upstream.expect(1):
        service.decide(approval["id"])
        again = service.asked_since(known)
        service.decide(again["id"], "deny", reason="once is enough")
        calls = waiting.answer(40)
    assert Counter(call.status for call in calls) == {200: 1, 403: 199}


def test_decisions_that_race_are_one_decision(held, service, issuer, upstream):
    """Two people approve and two deny at the same moment: the first is heard, the others are told."""
    token, path = issuer.token(FILES), "/v1/files/contested"
    raw.request(held.port, "DELETE", path, token)
    id = service.asked(path=path)["id"]
    verdicts = [("approve", "bo"), ("deny", "dee"), ("approve", "fay"), ("deny", "gus")]
    answers = [Call(lambda d=d, who=who: service.decide(id, d, service.token(who), reason="r")) for d, who in verdicts]
    statuses = [call.answer().status for call in answers]
    assert sorted(statuses) == [200, 409, 409, 409]
    approved = verdicts[statuses.index(200)][0] == "approve"
    assert service.approval(id)["status"] == ("approved" if approved else "denied")


def test_callers_that_leave_while_it_is_approved_use_it_once_at_most(held, service, issuer, upstream):
    for number in range(10):
        token, path = issuer.token("autogen:model:delete"), f"/v1/models/leaving-{number}"
        before = len(upstream.requests)
        with raw.opened(held.port, delete(path, token)):
            approval = service.asked(path=path)
            decision = Call(lambda id=approval["id"]: service.decide(id))
        assert decision.answer().status == 200
        status = wait_for(lambda id=approval["id"]: service.approval(id)["status"], "its state")
        made = len(upstream.requests) - before
        assert (status, made) in {("approved", 0), ("used", 0), ("used", 1)}
