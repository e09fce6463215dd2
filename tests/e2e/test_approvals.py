"""Held for a second person: released by a verdict, refused by everything else. Catalogue ids: security.md 1.7."""

from __future__ import annotations

import socket
import threading
import time

import jwt
import openai
import pytest
from openai import OpenAI

from conftest import closing, has_keys, load_policy, running
from fakes.approvals import RESET, Approvals, response
from fakes.issuer import Key
from harness import raw
from harness.config import Setup, cluster, shipped, wasm_filter, write_ecds
from harness.envoy import free_port, wait_for

HOLD, TIMEOUT = 1.0, 1.0
SCOPE = "autogen:model:delete"


def policy(approvals: Approvals, **changes) -> dict:
    it = load_policy()
    it["approvals"] = {
        "cluster": "approvals",
        "url": "http://approvals.test/v1/approvals",
        "timeout": f"{TIMEOUT:.0f}s",
        "verdict_keys": {"inline": {"keys": [approvals.key.jwk()]}},
        "require": [{"tier": ["destroy", "admin", "execute"], "scope": "autogen:approve", "hold": f"{HOLD:.0f}s"}],
        **changes,
    }
    return it


def with_cluster(port: int, **changes):
    def adjust(config: dict) -> None:
        config["static_resources"]["clusters"].append({**cluster("approvals", port, False), **changes})

    return adjust


@pytest.fixture(scope="module")
def approvals():
    with closing(Approvals()) as it:
        yield it


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, issuer, upstream, tool_server, approvals):
    """An Envoy that asks the fake approval service."""
    routes = {"/mcp": (tool_server.port, False)}
    setup = Setup(policy(approvals), upstream.port, issuer.port, routes, adjust=with_cluster(approvals.port))
    with running(issuer, setup, tmp_path_factory.mktemp("approvals")) as envoy:
        yield envoy


def delete(envoy, issuer, model: str = "m", **more) -> raw.Response:
    return raw.request(envoy.port, "DELETE", f"/v1/models/{model}", issuer.token(SCOPE), **more)


def client(envoy, issuer, **options) -> OpenAI:
    return OpenAI(base_url=f"{envoy.url}/v1", api_key=issuer.token(SCOPE), timeout=30, **options)


def test_an_approved_call_goes_on_and_is_recorded_with_its_approvers(guarded, approvals, issuer, upstream):
    with upstream.expect(1) as seen, approvals.answering(lambda q: approvals.verdict(q, "approved")) as asked:
        assert client(guarded, issuer).models.delete("ft:mine").deleted
    assert seen[0].target == "/v1/models/ft:mine"
    (question,) = asked
    assert question["call"]["operation"] == "openai.models.delete"
    assert question["call"]["principal"] == {"issuer": "https://idp.test/", "subject": "alice"}
    record = wait_for(lambda: [r for r in guarded.records() if r.get("approval")], "the record")[-1]
    assert (record["decision"], record["approval"]["id"]) == ("allow", "apr_1")
    assert record["approval"]["approvers"] == [{"issuer": "https://idp.test/", "subject": "bo"}]


def test_nothing_reaches_the_upstream_while_it_is_held(guarded, approvals, issuer, upstream):
    go = threading.Event()

    def reply(question: dict) -> bytes:
        go.wait(5)
        return approvals.verdict(question, "approved")

    answers: list[raw.Response] = []
    with approvals.answering(reply) as asked:
        call = threading.Thread(target=lambda: answers.append(delete(guarded, issuer)))
        with upstream.untouched(0.3):
            call.start()
            wait_for(lambda: approvals.questions, "the question")
        with upstream.expect(1):
            go.set()
            call.join(5)
    assert [a.status for a in answers] == [200]
    assert len(asked) == 1


def test_an_unchanged_client_succeeds_when_it_is_approved_between_its_retries(guarded, approvals, issuer, upstream):
    def reply(question: dict) -> bytes:
        return approvals.verdict(question, "approved" if len(approvals.questions) - before == 2 else "pending")

    before = len(approvals.questions)
    with upstream.expect(1), approvals.answering(reply) as asked:
        assert client(guarded, issuer).models.delete("ft:mine").deleted
    assert asked[0]["fingerprint"] == asked[1]["fingerprint"]
    assert asked[0]["nonce"] != asked[1]["nonce"]


def test_a_pending_call_is_a_conflict_that_says_when_to_come_back(guarded, approvals, issuer, upstream):
    with upstream.untouched(), approvals.answering(lambda q: approvals.verdict(q, "pending")):
        answer = delete(guarded, issuer)
    assert (answer.status, answer.decision["reason"]) == (409, "approval_pending")
    assert 0 < int(answer.header("retry-after")) <= 60
    assert answer.header("x-should-retry") == "true"
    assert "apr_1" in answer.json()["error"]["message"]


def test_a_denied_call_raises_permission_denied_with_the_reason(guarded, approvals, issuer, upstream):
    reply = lambda q: approvals.verdict(q, "denied", reason="not on a Friday")  # noqa: E731
    with upstream.untouched(), approvals.answering(reply) as asked, pytest.raises(openai.PermissionDeniedError) as denied:
        client(guarded, issuer).models.delete("ft:mine")
    assert "not on a Friday" in denied.value.message
    assert len(asked) == 1, "a refusal is final"


def test_an_mcp_call_gets_a_json_rpc_error_that_names_the_approval(guarded, approvals, issuer, upstream):
    token = issuer.token("mcp:tool:call", "mcp:github:write")
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": {"name": "create_issue", "arguments": {"repo": "sandbox"}}}
    with approvals.answering(lambda q: approvals.verdict(q, "pending")) as asked:
        answers = [raw.request(guarded.port, "POST", "/mcp", token, {**body, "id": n}).json() for n in (7, 8)]
    assert [a["id"] for a in answers] == [7, 8]
    assert {a["error"]["data"]["approval"] for a in answers} == {"apr_1"}
    assert len({q["fingerprint"] for q in asked}) == 1, "the id counts up, the call is the same"


def test_a9_a_client_that_leaves_abandons_its_approval(guarded, approvals, issuer, upstream):
    release = threading.Event()

    def reply(question: dict) -> bytes:
        release.wait(5)
        return approvals.verdict(question, "approved")

    with upstream.untouched(0.3), approvals.answering(reply) as asked:
        token = issuer.token(SCOPE)
        asking = len(approvals.questions)
        with socket.create_connection(("127.0.0.1", guarded.port)) as connection:
            connection.sendall(
                f"DELETE /v1/models/m HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()
            )
            wait_for(lambda: len(approvals.questions) > asking, "the question")
        wait_for(lambda: approvals.abandoned, "the news that the caller is gone")
        release.set()
    assert approvals.abandoned[-1]["nonce"] == asked[0]["nonce"]


def fault(name: str):
    """What the service does, and the reason that the caller gets."""
    other = Key("approvals-1", "EdDSA")
    signed = lambda change: lambda a, q: response("200 OK", a.sign({**a.claims(q, "approved"), **change(q)}))  # noqa: E731
    plain = lambda text: lambda a, q: text  # noqa: E731
    return {
        "closed": (plain(None), "approval_unavailable"),
        "reset": (plain(RESET), "approval_unavailable"),
        "slow": (lambda a, q: time.sleep(HOLD + TIMEOUT + 1), "approval_unavailable"),
        "500": (plain(response("500 Internal Server Error", b"{}")), "approval_unavailable"),
        "503": (plain(response("503 Service Unavailable", b"")), "approval_unavailable"),
        "302": (plain(b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"), "approval_unavailable"),
        "204": (plain(b"HTTP/1.1 204 No Content\r\n\r\n"), "approval_unavailable"),
        "html": (plain(response("200 OK", b"<html>ok</html>", "text/html")), "approval_invalid"),
        "html-as-jwt": (plain(response("200 OK", b"<html>ok</html>")), "approval_invalid"),
        "empty": (plain(response("200 OK", b"")), "approval_invalid"),
        "truncated": (lambda a, q: response("200 OK", a.sign(a.claims(q, "approved")), length=5000), "approval_unavailable"),
        "garbage": (plain(b"\x00\xff\x13garbage\r\n\r\n"), "approval_unavailable"),
        "no-signature": (
            lambda a, q: response("200 OK", jwt.encode(
                a.claims(q, "approved"), None, algorithm="none", headers={"typ": "scopewarden-verdict+jwt"}).encode()),
            "approval_invalid"),
        "other-key": (lambda a, q: response("200 OK", a.sign(a.claims(q, "approved"), other)), "approval_invalid"),
        "string-true": (plain(response("200 OK", b'{"approved": "true"}', "application/json")), "approval_invalid"),
        "status-true": (signed(lambda q: {"status": True}), "approval_invalid"),
        "other-nonce": (signed(lambda q: {"nonce": "AAAA"}), "approval_invalid"),
        "other-fingerprint": (signed(lambda q: {"fingerprint": "sha256:" + "0" * 64}), "approval_invalid"),
        "expired": (signed(lambda q: {"iat": int(time.time()) - 90, "exp": int(time.time()) - 60}), "approval_invalid"),
        "future": (signed(lambda q: {"iat": int(time.time()) + 20, "exp": int(time.time()) + 40}), "approval_invalid"),
        "long": (signed(lambda q: {"iat": int(time.time()), "exp": int(time.time()) + 90}), "approval_invalid"),
        "replayed": (lambda a, q: a.verdict(a.questions[0], "approved"), "approval_invalid"),
        "access-token": (lambda a, q: response("200 OK", a.sign(a.claims(q, "approved"), typ="JWT")), "approval_invalid"),
    }[name]


FAULTS = [
    "closed", "reset", "slow", "500", "503", "302", "204", "html", "html-as-jwt", "empty", "truncated", "garbage",
    "no-signature", "other-key", "string-true", "status-true", "other-nonce", "other-fingerprint", "expired", "future", "long",
    "replayed", "access-token",
]


@pytest.mark.parametrize("name", FAULTS)
def test_a7_a_fault_releases_nothing(guarded, approvals, issuer, upstream, name):
    reply, reason = fault(name)
    with approvals.answering(lambda q: approvals.verdict(q, "pending")):
        delete(guarded, issuer)  # There is a first question whose verdict can be replayed.
    started = time.monotonic()
    with upstream.untouched(), approvals.answering(lambda q: reply(approvals, q)) as asked:
        answer = delete(guarded, issuer)
    assert (answer.status, answer.decision["reason"]) == (503, reason)
    assert time.monotonic() - started < HOLD + TIMEOUT + 1
    assert asked
    assert raw.request(guarded.port, "GET", "/v1/models", issuer.token("autogen:model:read")).status == 200
    assert guarded.alive()


@pytest.mark.parametrize("early, life", [(3, 30), (-33, 30)], ids=["from the future", "over"])
def test_a4_a_clock_that_is_off_by_three_seconds_is_no_fault(guarded, approvals, issuer, upstream, early, life):
    def reply(question: dict) -> bytes:
        iat = int(time.time()) + early
        return approvals.verdict(question, "approved", iat=iat, exp=iat + life)

    with upstream.expect(1), approvals.answering(reply):
        assert delete(guarded, issuer).status == 200


@pytest.mark.parametrize(
    "cluster",
    [{}, {"circuit_breakers": {"thresholds": [{"max_requests": 0, "max_pending_requests": 0, "max_connections": 0}]}}],
    ids=["down", "breaker-open"],
)
def test_a7_no_way_to_the_service_releases_nothing(start, approvals, issuer, upstream, cluster):
    port = approvals.port if cluster else free_port()
    envoy = start(policy(approvals), adjust=with_cluster(port, **cluster))
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    started = time.monotonic()
    with upstream.untouched():
        answer = delete(envoy, issuer)
    assert (answer.status, answer.decision["reason"]) == (503, "approval_unavailable")
    assert time.monotonic() - started < TIMEOUT + 1
    assert envoy.alive()


def test_a11_the_holds_of_one_caller_are_capped(start, approvals, issuer, upstream):
    envoy = start(policy(approvals, holds={"per_caller": 2}), adjust=with_cluster(approvals.port))
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    go = threading.Event()

    def reply(question: dict) -> bytes:
        go.wait(5)
        return approvals.verdict(question, "pending")

    answers: list[int] = []
    with approvals.answering(reply), upstream.untouched():
        calls = [threading.Thread(target=lambda: answers.append(delete(envoy, issuer).status)) for _ in range(12)]
        for call in calls:
            call.start()
        wait_for(lambda: answers.count(429) >= 8, "the cap: two on each of two workers")
        go.set()
        for call in calls:
            call.join(5)
    assert set(answers) == {409, 429}


def test_a10_a_policy_that_changes_while_a_call_is_held_refuses_it(start, approvals, issuer, upstream, tmp_path):
    directory = tmp_path / "ecds"
    directory.mkdir()
    envoy = start(policy(approvals), adjust=with_cluster(approvals.port), ecds=directory)
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    typed_config = wasm_filter(shipped())["typed_config"]
    typed_config["config"]["vm_config"]["code"]["local"]["filename"] = str(envoy.setup.wasm)
    stricter = policy(approvals)
    stricter["rules"].append({"operation": "openai.models.delete", "require": ["acme:nobody"]})

    def reply(question: dict) -> bytes:
        write_ecds(directory, typed_config, stricter)
        wait_for(lambda: {status() for _ in range(8)} == {"scope_missing"}, "the new policy on every worker")
        return approvals.verdict(question, "approved")

    def status() -> str:
        with approvals.answering(lambda q: approvals.verdict(q, "pending")):
            return delete(envoy, issuer, "other").decision["reason"]

    stricter["approvals"]["timeout"] = "10s"
    first = policy(approvals, timeout="10s")
    write_ecds(directory, typed_config, first)
    with upstream.untouched(), approvals.answering(reply):
        answer = delete(envoy, issuer)
    assert (answer.status, answer.decision["reason"]) == (409, "approval_outdated")
