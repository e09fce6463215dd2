"""Shadow mode: decides and records, never blocks."""

from __future__ import annotations

import pytest

from conftest import has_keys, load_policy
from harness import raw
from harness.envoy import wait_for


@pytest.fixture
def shadow(start, issuer):
    envoy = start({**load_policy(), "mode": "shadow"})
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    return envoy


@pytest.mark.parametrize(
    "method, target, token, body, reason",
    [
        ("DELETE", "/v1/models/ft:mine", ("autogen:model:read",), None, "scope_missing"),
        ("GET", "/v1/models", None, None, "token_missing"),
        ("GET", "/nothing/known", ("x",), None, "operation_unknown"),
        ("POST", "/v1/chat/completions", ("autogen:prompt",), {"model": "gpt-4o", "messages": []}, "model_not_allowed"),
        ("POST", "/internal/keys/7/rotate", ("autogen:prompt",), None, "scope_missing"),
    ],
)
def test_what_would_be_refused_passes_and_is_recorded(shadow, upstream, issuer, method, target, token, body, reason):
    token = issuer.token(*token) if token else None
    with upstream.expect(1) as seen:
        answer = raw.request(shadow.port, method, target, token, body)
    assert answer.status in (200, 404)
    assert (seen[0].method, seen[0].target) == (method, target)
    record = shadow.record_of(answer)
    assert (record["decision"], record["reason"]) == ("shadow_deny", reason)


def test_what_would_be_allowed_is_recorded_as_such(shadow, issuer):
    answer = raw.request(shadow.port, "GET", "/v1/models", issuer.token("autogen:model:read"))
    assert shadow.record_of(answer)["decision"] == "allow"


def test_a_shadow_rule_in_an_enforced_policy(start, issuer, upstream):
    policy = load_policy()
    policy["rules"][0]["mode"] = "shadow"
    envoy = start(policy)
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    token = issuer.token("autogen:prompt")
    with upstream.expect(1):
        answer = raw.request(envoy.port, "POST", "/v1/chat/completions", token, {"model": "gpt-4o", "messages": []})
    assert answer.status == 200
    record = envoy.record_of(answer)
    assert record["decision"] == "allow"
    assert [(s["rule"], s["reason"]) for s in record["shadow"]] == [("rules[0]", "model_not_allowed")]
    assert raw.request(envoy.port, "DELETE", "/v1/models/x", token).status == 403, "the rest is enforced"
