"""Attacks on approvals, through real Envoy and the real service. The ids are those of the catalogue that test_approvals.py follows, too."""

from __future__ import annotations

import sqlite3
import time
from contextlib import AbstractContextManager

import pytest

from conftest import closing, has_keys, held_policy
from fakes.issuer import Key
from harness import raw
from harness.calls import Call
from harness.config import shipped, wasm_filter, write_ecds
from harness.envoy import wait_for
from harness.service import Service

DELETE = "autogen:model:delete"


def delete(held, token: str, model: str, **more) -> raw.Response:
    return raw.request(held.port, "DELETE", f"/v1/models/{model}", token, **more)


def leaving(held, token: str, target: str) -> AbstractContextManager:
    """A caller that sends a DELETE, and goes away at the end of the block without its answer."""
    head = f"DELETE {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    return raw.opened(held.port, head.encode())


# -- A1, A2, A5: one approval, one call ----------------------------------------------------------------------------------


def test_a1_a_used_approval_is_not_used_again(held, service, issuer, upstream):
    token = issuer.token(DELETE)
    call = Call(lambda: delete(held, token, "replay"))
    first = service.approve(path="/v1/models/replay")
    with upstream.expect(1):
        assert call.answer().status == 200
    with upstream.untouched(0.3), leaving(held, token, "/v1/models/replay"):
        second = service.asked(path="/v1/models/replay")
    assert (first["fingerprint"], first["id"] != second["id"]) == (second["fingerprint"], True)
    assert service.decide(first["id"]).status == 409


ROTATE = {
    "method": "POST", "target": "/acme/keys/KEY?soft=1", "scopes": ["acme:keys", DELETE], "claims": {}, "host": "localhost",
    "headers": [("x-tenant", "a"), ("openai-organization", "o"), ("content-type", "application/json")],
    "body": b'{"days": 7}',
}
SWAPS = {
    "A2 payload": {"body": b'{"days": 8}'},
    "A2 payload's bytes, not its meaning": {"body": b'{"days":7}'},
    "A2 payload gone": {"body": b""},
    "A2 query": {"target": "/acme/keys/KEY?soft=0"},
    "A2 query gone": {"target": "/acme/keys/KEY"},
    "A2 path variable": {"target": "/acme/keys/KEY-2?soft=1"},
    "A2 header that a rule reads": {"headers": [("x-tenant", "b"), *ROTATE["headers"][1:]]},
    "A2 content type": {"headers": [*ROTATE["headers"][:2], ("content-type", "application/json; charset=utf-8")]},
    "A5 caller": {"claims": {"sub": "mallory"}},
    "A5 actor": {"claims": {"act": {"sub": "agent-7"}}},
    "A5 operation": {"method": "PUT"},
    "A5 tenant": {"headers": [ROTATE["headers"][0], ("openai-organization", "p"), ROTATE["headers"][2]]},
    "A5 tenant named beside": {"headers": [*ROTATE["headers"], ("openai-project", "p")]},
    "A5 gateway": {"host": "127.0.0.1"},
    "A5 set": {"headers": [*ROTATE["headers"], ("x-scopewarden-set", "s;step=1;of=2")]},
}


def send(held, issuer, call: dict) -> raw.Response:
    token = issuer.token(*call["scopes"], **call["claims"])
    return raw.request(
        held.port, call["method"], call["target"], token, call["body"], call["headers"], host=call["host"], timeout=20
    )


@pytest.mark.parametrize("name", SWAPS)
def test_an_approval_releases_no_other_call(held, service, issuer, upstream, name):
    known, key = service.ids(), f"k{list(SWAPS).index(name)}"
    call, changed = ({**c, "target": c["target"].replace("KEY", key)} for c in (ROTATE, {**ROTATE, **SWAPS[name]}))
    first = Call(lambda: send(held, issuer, call))
    approved = service.asked_since(known)
    second = Call(lambda: send(held, issuer, changed))
    other = service.asked_since(known | {approved["id"]})
    assert other["fingerprint"] != approved["fingerprint"]
    with upstream.expect(1) as seen:
        service.decide(approved["id"])
        assert first.answer().status == 200
    assert (seen[0].method, seen[0].target, seen[0].body) == (call["method"], call["target"], call["body"])
    with upstream.untouched():
        assert not second.is_over()
        service.decide(other["id"], "deny", reason="another call")
        assert second.answer().status == 403


# -- A3: nobody approves their own ---------------------------------------------------------------------------------------


def own(name: str) -> tuple[dict, dict]:
    """Claims of the caller's token, and of a token that must not approve."""
    return {
        "the same subject": ({}, {"sub": "alice"}),
        "the same subject with another client": ({}, {"sub": "alice", "client_id": "cli"}),
        "an identity of the same person": ({"sub": "carol-bot"}, {"sub": "carol"}),
        "the actor": ({"act": {"sub": "eve"}}, {"sub": "eve"}),
        "an actor further up": ({"act": {"sub": "eve", "act": {"sub": "frank"}}}, {"sub": "frank"}),
        "an actor that is an identity of the same person": ({"act": {"sub": "carol-bot"}}, {"sub": "carol"}),
        "a token with an actor": ({}, {"sub": "bo", "act": {"sub": "agent-7"}}),
        "a client of its own": ({}, {"sub": "agent-7", "client_id": "agent-7"}),
        "a client of its own, as Auth0 has it": ({}, {"sub": "x@clients", "azp": "x", "gty": "client-credentials"}),
        "an application, as Entra has it": ({}, {"sub": "app", "idtyp": "app"}),
        "a service account of Keycloak": ({}, {"sub": "u", "preferred_username": "service-account-agent"}),
        "a service account of Kubernetes": ({}, {"sub": "system:serviceaccount:default:agent"}),
        "a workload": ({}, {"sub": "spiffe://prod.test/agent"}),
        "a person without the scope": ({}, {"sub": "bo", "scope": "acme:other"}),
        "a person with a longer scope": ({}, {"sub": "bo", "scope": "acme:approve:more"}),
    }[name]


OWN = [
    "the same subject", "the same subject with another client", "an identity of the same person", "the actor",
    "an actor further up", "an actor that is an identity of the same person", "a token with an actor", "a client of its own",
    "a client of its own, as Auth0 has it", "an application, as Entra has it", "a service account of Keycloak",
    "a service account of Kubernetes", "a workload", "a person without the scope", "a person with a longer scope",
]


@pytest.mark.parametrize("name", OWN)
def test_a3_separation_of_duties(held, service, issuer, upstream, name):
    caller, approver = own(name)
    token = service.token(approver.pop("sub"), **approver)
    model = f"own-{OWN.index(name)}"
    with upstream.untouched():
        call = Call(lambda: delete(held, issuer.token(DELETE, **caller), model))
        approval = service.asked(path=f"/v1/models/{model}")
        for decision in ("approve", "deny", "break_glass"):
            answer = service.decide(approval["id"], decision, token, reason="mine")
            assert (answer.status, answer.header("content-type")) == (403, "application/problem+json")
        assert service.approval(approval["id"])["status"] == "pending"
        service.decide(approval["id"], "deny", reason="the end")
        assert call.answer().status == 403


@pytest.mark.parametrize("claims", [
    {"aud": "agents"}, {"iss": "https://other.test/"}, {"exp": int(time.time()) - 600}, {"key": "stranger"}, None,
], ids=["for the gateway", "by another issuer", "expired", "by another key", "none"])
def test_a3_what_is_no_token_of_a_person_decides_nothing(held, service, issuer, claims):
    with leaving(held, issuer.token(DELETE), "/v1/models/nobody"):
        approval = service.asked(path="/v1/models/nobody")
    stranger = Key("rsa", "RS256")
    token = None
    if claims is not None:
        token = service.token("bo", **{**claims, **({"key": stranger} if "key" in claims else {})})
    answer = service.api("POST", f"/v1/approvals/{approval['id']}/decision", token, {"decision": "approve"})
    assert (answer.status, answer.json()["status"]) == (401, 401)
    assert service.approval(approval["id"])["status"] == "pending"


# -- A4, A10: time and policy go on while a call is held -----------------------------------------------------------------


def in_database(service, statement: str, *values) -> None:
    """Time passes faster in here: an approval lives for a minute at least."""
    with sqlite3.connect(service.sqlite, timeout=10) as database:
        assert database.execute(statement, values).rowcount == 1


def test_a4_an_approval_expires_while_it_is_waited_for(held, service, issuer, upstream):
    token = issuer.token(DELETE)
    with leaving(held, token, "/v1/models/late"):
        approval = service.asked(path="/v1/models/late")
    with upstream.untouched():
        in_database(service, "UPDATE approvals SET expires = ? WHERE id = ?", int(time.time() * 1000) + 1500, approval["id"])
        answer = delete(held, token, "late", timeout=20)
    assert (answer.status, answer.decision["reason"]) == (403, "approval_expired")
    refused = service.decide(approval["id"])
    assert (refused.status, service.approval(approval["id"])["status"]) == (409, "expired")


def test_a4_an_approval_that_is_given_expires_too(held, service, issuer, upstream):
    token = issuer.token("autogen:file:delete")
    raw.request(held.port, "DELETE", "/v1/files/late", token)
    approval = service.approve(path="/v1/files/late")
    with upstream.untouched():
        in_database(service, "UPDATE approvals SET expires = ? WHERE id = ?", int(time.time() * 1000) - 1, approval["id"])
        answer = raw.request(held.port, "DELETE", "/v1/files/late", token)
    assert (answer.status, answer.decision["reason"]) == (409, "approval_pending")
    assert service.asked(path="/v1/files/late")["id"] != approval["id"]


def test_a4_the_callers_token_ends_while_it_is_held(held, service, issuer, upstream):
    # A token is good for 30 s beyond its end: the clock skew of policies that say none.
    token = issuer.token(DELETE, lifetime=3 - 30)
    with upstream.untouched():
        call = Call(lambda: delete(held, token, "outlived"))
        approval = service.asked(path="/v1/models/outlived")
        time.sleep(4)
        service.decide(approval["id"])
        answer = call.answer()
    assert (answer.status, answer.decision["reason"]) == (401, "token_expired")


def test_a10_a_scope_is_revoked_while_a_call_is_held(start, service, issuer, upstream, tmp_path):
    directory = tmp_path / "ecds"
    directory.mkdir()
    policy = held_policy(service)
    envoy = start(policy, approvals=service.questions, ecds=directory)
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    typed_config = wasm_filter(shipped())["typed_config"]
    typed_config["config"]["vm_config"]["code"]["local"]["filename"] = str(envoy.setup.wasm)
    policy["rules"] += [{"operation": f"openai.{kind}.delete", "require": ["acme:nobody"]} for kind in ("models", "files")]
    with upstream.untouched():
        call = Call(lambda: delete(envoy, issuer.token(DELETE), "revoked"))
        approval = service.asked(path="/v1/models/revoked")
        write_ecds(directory, typed_config, policy)
        token = issuer.token("autogen:file:delete")
        reason = lambda: raw.request(envoy.port, "DELETE", "/v1/files/f", token).decision["reason"]  # noqa: E731
        wait_for(lambda: {reason() for _ in range(6)} == {"scope_missing"}, "the new policy on every worker")
        service.decide(approval["id"])
        answer = call.answer()
    assert (answer.status, answer.decision["reason"]) == (409, "approval_outdated")


# -- A6, A9, A11, A13 ----------------------------------------------------------------------------------------------------


def test_a6_a_caller_cannot_say_that_it_is_approved(held, service, issuer, upstream):
    token = issuer.token("autogen:file:delete")
    assert raw.request(held.port, "DELETE", "/v1/files/given", token).status == 409
    approval = service.approve(path="/v1/files/given")
    claims = [
        ("x-approval-id", approval["id"]), ("x-approved", "true"), ("x-scopewarden-approval", approval["id"]),
        ("x-scopewarden-decision", "allow"), ("x-approval-status", "approved"), ("approval", approval["id"]),
    ]
    with upstream.untouched():
        answer = raw.request(held.port, "DELETE", "/v1/files/other", token, headers=claims)
    assert (answer.status, answer.decision["reason"]) == (409, "approval_pending")
    assert service.approval(approval["id"])["status"] == "approved", "it is the other call's still"
    assert service.asked(path="/v1/files/other")["call"]["headers"] == []


def test_a9_a_caller_that_is_gone_uses_nothing_up(held, service, issuer, upstream):
    token = issuer.token(DELETE)
    kinds = lambda: [event["kind"] for event in service.approval(approval["id"])["events"]]  # noqa: E731
    with upstream.untouched(0.5):
        with leaving(held, token, "/v1/models/gone"):
            approval = service.asked(path="/v1/models/gone")
        wait_for(lambda: kinds() == ["asked", "left"], "the service to know")
        service.decide(approval["id"])
    assert service.approval(approval["id"])["status"] == "approved"
    with upstream.expect(1):
        assert delete(held, token, "gone").status == 200, "the same call comes back for it"
    assert kinds() == ["asked", "left", "approved", "used"]


def test_a9_one_of_two_callers_leaves(held, service, issuer, upstream):
    token = issuer.token(DELETE)
    with leaving(held, token, "/v1/models/both"):
        approval = service.asked(path="/v1/models/both")
        call = Call(lambda: delete(held, token, "both"))
        time.sleep(0.3)
    wait_for(lambda: len(service.approval(approval["id"])["events"]) > 1, "the service to know")
    with upstream.expect(1):
        service.decide(approval["id"])
        assert call.answer().status == 200


def test_a11_the_open_approvals_of_one_caller_are_capped(start, issuer, upstream, databases, tmp_path):
    with closing(Service(tmp_path, issuer, databases.fresh("sqlite"), open_per_caller=2)) as service:
        envoy = start(held_policy(service), approvals=service.questions)
        wait_for(lambda: has_keys(envoy, issuer), "the keys")
        send = lambda name, sub="alice": raw.request(  # noqa: E731
            envoy.port, "DELETE", f"/v1/files/{name}", issuer.token("autogen:file:delete", sub=sub)).status
        with upstream.untouched():
            assert [send("a"), send("b"), send("c"), send("a"), send("c", "dave")] == [409, 409, 503, 409, 409]
        assert len(service.pending()) == 3


def test_a13_the_service_is_not_behind_the_gateway(held, service, issuer, upstream):
    token = service.token()
    with leaving(held, issuer.token(DELETE), "/v1/models/inside"):
        approval = service.asked(path="/v1/models/inside")
    decision = f"/v1/approvals/{approval['id']}/decision"
    with upstream.untouched():
        for caller in (token, issuer.token(DELETE), issuer.token("acme:approve")):
            for host in ("localhost", "approvals.test"):
                for method, path in (("POST", decision), ("GET", "/v1/approvals"), ("POST", "/v1/approvals")):
                    body = {"decision": "approve"} if method == "POST" else None
                    answer = raw.request(held.port, method, path, caller, body, host=host)
                    assert answer.status in (401, 403, 421), (host, method, path, answer)
    assert service.approval(approval["id"])["status"] == "pending"


def test_a13_neither_door_does_the_others_work(held, service, issuer):
    with leaving(held, issuer.token(DELETE), "/v1/models/doors"):
        approval = service.asked(path="/v1/models/doors")
    decision = f"/v1/approvals/{approval['id']}/decision"
    at_questions = [
        raw.request(service.questions, "POST", decision, service.token(), {"decision": "approve"}).status,
        raw.request(service.questions, "GET", "/v1/approvals", service.token()).status,
        raw.request(service.questions, "GET", f"/v1/approvals/{approval['id']}", service.token()).status,
    ]
    assert at_questions == [404, 405, 404]
    assert service.api("POST", "/v1/approvals", service.token(), {"version": 1}).status == 405
    assert service.api("POST", "/v1/approvals/abandon", service.token(), {"version": 1}).status in (404, 405)
    assert service.approval(approval["id"])["status"] == "pending"
