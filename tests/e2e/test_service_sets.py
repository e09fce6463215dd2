"""Several calls under one decision: create the new key, delete the old one. Each is made once, in order."""

from __future__ import annotations

import itertools
import time

import pytest

from harness import raw
from harness.calls import Call

numbers = itertools.count(1)


@pytest.fixture
def name() -> str:
    return f"rotate-{next(numbers)}"


def create(held, issuer, *sets: str, key: str = "new") -> Call:
    headers = [("x-scopewarden-set", value) for value in sets]
    body = {"name": key}
    return Call(lambda: raw.request(held.port, "POST", "/acme/keys", issuer.token("acme:keys"), body, headers, timeout=20))


def delete(held, issuer, *sets: str, key: str = "old") -> Call:
    headers = [("x-scopewarden-set", value) for value in sets]
    return Call(lambda: raw.request(held.port, "DELETE", f"/acme/keys/{key}", issuer.token("acme:keys"), headers=headers, timeout=20))


def step(service, name: str, number: int, of: int = 2) -> dict:
    return service.asked(set={"id": name, "step": number, "of": of})


def test_one_decision_releases_both_in_order(held, service, issuer, upstream, name):
    second = delete(held, issuer, f"{name};step=2;of=2")
    late = step(service, name, 2)
    with upstream.untouched():
        alone = service.decide(late["id"])
        assert (alone.status, "1 of the set's 2 steps" in alone.json()["detail"]) == (409, True)
    first = create(held, issuer, f"{name};step=1;of=2")
    early = step(service, name, 1)
    unseen = service.decide(late["id"], seen=[])
    assert (unseen.status, unseen.json()["type"]) == (409, "urn:scopewarden:problem:set-unseen")
    with upstream.expect(2) as seen:
        assert service.decide(late["id"]).status == 200
        assert (first.answer().status, second.answer().status) == (200, 200)
    assert [(s.method, s.target) for s in seen] == [("POST", "/acme/keys"), ("DELETE", "/acme/keys/old")]
    assert [s.header("x-scopewarden-set") for s in seen] == [[], []], "the upstream has nothing to do with it"
    assert [service.approval(a["id"])["status"] for a in (early, late)] == ["used", "used"]


def test_the_second_step_waits_for_the_first(held, service, issuer, upstream, name):
    """Both are approved, and the caller of the first went away: the second is not made without it."""
    first, second = create(held, issuer, f"{name};step=1;of=2"), delete(held, issuer, f"{name};step=2;of=2")
    step(service, name, 2)
    early = step(service, name, 1)
    with upstream.expect(2):
        service.decide(early["id"])
        assert (first.answer().status, second.answer().status) == (200, 200)
    # The same two calls again, under the same name: the set is done.
    with upstream.untouched():
        again = create(held, issuer, f"{name};step=1;of=2").answer()
        other = delete(held, issuer, f"{name};step=2;of=2", key="another").answer()
    for answer in (again, other):
        assert (answer.status, answer.decision["reason"]) == (403, "approval_denied")
        assert "was done already" in answer.body.decode()


def test_a_denial_is_about_the_whole_set(held, service, issuer, upstream, name):
    first, second = create(held, issuer, f"{name};step=1;of=2"), delete(held, issuer, f"{name};step=2;of=2")
    step(service, name, 1)
    with upstream.untouched():
        assert service.decide(step(service, name, 2)["id"], "deny", reason="keep the old one").status == 200
        assert [call.answer().decision["reason"] for call in (first, second)] == ["approval_denied"] * 2


def test_a_set_is_its_callers_own(held, service, issuer, upstream, name):
    """Somebody else's step under the same name makes no set complete."""
    mine = delete(held, issuer, f"{name};step=2;of=2")
    late = step(service, name, 2)
    token = issuer.token("acme:keys", sub="mallory")
    headers = [("x-scopewarden-set", f"{name};step=1;of=2")]
    theirs = Call(lambda: raw.request(held.port, "POST", "/acme/keys", token, {}, headers, timeout=20))
    other = step(service, name, 1)
    with upstream.untouched():
        assert [service.decide(a["id"]).status for a in (late, other)] == [409, 409]
        for approval in (late, other):
            service.decide(approval["id"], "deny", reason="not a set")
        assert [call.answer().status for call in (mine, theirs)] == [403, 403]


@pytest.mark.parametrize("values", [
    ["x"], [""], ["x;step=1"], ["x;step=1;of=1"], ["x;step=3;of=2"], ["x;step=0;of=2"], ["x;step=01;of=2"], ["X;step=1;of=2"],
    ["x;step=1;of=17"], ["x;of=2;step=1"], ["x; step=1; of=2"], ["x;step=1;of=2;more=1"], ["x" * 65 + ";step=1;of=2"],
    ["x;step=1;of=2", "x;step=2;of=2"], ["x;step=1;of=2, x;step=2;of=2"], ["x;step=+1;of=2"], ["x;step=1e0;of=2"],
], ids=repr)
def test_a_malformed_header_is_refused(held, service, issuer, upstream, values):
    before = service.ids()
    started = time.monotonic()
    with upstream.untouched(0):
        answer = delete(held, issuer, *values).answer()
    assert (answer.status, answer.decision["reason"]) == (400, "header_ambiguous")
    assert time.monotonic() - started < 2, "nobody is asked"
    assert service.ids() == before


def test_the_header_goes_no_further_where_nothing_is_held(held, issuer, upstream):
    token = issuer.token("autogen:model:read")
    with upstream.expect(1) as seen:
        raw.request(held.port, "GET", "/v1/models", token, headers=[("x-scopewarden-set", "s;step=1;of=2")])
    assert seen[0].header("x-scopewarden-set") == []
