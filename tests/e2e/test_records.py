"""Decision records and metrics, as an operator sees them."""

from __future__ import annotations

import re

import pytest

from harness import raw
from harness.envoy import wait_for


def test_an_allowed_request(envoy, issuer):
    answer = raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read", sub="bob"))
    record = envoy.record_of(answer)
    assert record["decision"] == "allow"
    assert (record["operation"], record["tier"]) == ("openai.models.list", "read")
    assert (record["method"], record["path"]) == ("GET", "/v1/models")
    assert record["principal"]["issuer"] == "https://idp.test/"
    assert record["principal"]["subject"] == "bob"
    assert record["policy"] == "e2e"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", record["policy_hash"])
    assert 0 <= record["decision_us"] <= record["duration_us"]
    assert record["status"] == 200


def test_a_refused_request(envoy, issuer):
    answer = raw.request(envoy.port, "DELETE", "/v1/models/ft:mine", issuer.token("autogen:model:read"))
    record = envoy.record_of(answer)
    assert record["record"] == answer.decision["record"]
    assert (record["decision"], record["reason"]) == ("deny", "scope_missing")
    assert (record["operation"], record["path"]) == ("openai.models.delete", "/v1/models/ft:mine")


def test_one_record_for_each_request(envoy, issuer):
    before = len(envoy.records())
    for target in ["/v1/models", "/nothing", "/v1/models%0a"]:
        raw.request(envoy.port, "GET", target, issuer.token("autogen:model:read"))
    raw.request(envoy.port, "GET", "/v1/models")
    wait_for(lambda: len(envoy.records()) >= before + 4, "four records")
    assert len(envoy.records()) == before + 4


def test_no_token_and_no_query_in_any_record(envoy, issuer):
    tokens = [issuer.token("autogen:model:read"), "sk-secret-looking", "eyJhbGciOiJub25lIn0.e30."]
    for token in tokens:
        raw.request(envoy.port, "GET", f"/v1/models?access_token={token}", token)
        raw.request(envoy.port, "GET", f"/api/ws/runs/1?token={token}")
        raw.request(envoy.port, "GET", "/v1/models", None, headers=[("authorization", f"Bearer {token},{token}")])
    log = envoy.log()
    for token in tokens:
        assert token not in log
        assert token.split(".")[-1] in ("",) or token.split(".")[-1] not in log, "a signature was logged"


@pytest.mark.parametrize("target", ["/v1/a%0ab", "/v1/\u001b[31m", "/%e2%80%a8"])
def test_a_record_is_one_line(envoy, issuer, target):
    before = len(envoy.records())
    raw.request(envoy.port, "GET", target.encode().decode("latin-1"), issuer.token("autogen:model:read"))
    assert all("\n" not in str(r.get("path")) for r in envoy.records()[before:])
    assert "\x1b" not in envoy.log()


def samples(envoy, name: str) -> dict[tuple, float]:
    """Samples of one metric in Prometheus form, by their labels."""
    found = {}
    for line in envoy.admin("/stats/prometheus").splitlines():
        if m := re.fullmatch(rf"{name}\{{(.*)\}} ([0-9.e+]+)", line):
            found[tuple(sorted(re.findall(r'(\w+)="([^"]*)"', m[1])))] = float(m[2])
    return found


def labels(decision: str, tier: str, reason: str) -> tuple:
    return tuple(sorted({"decision": decision, "tier": tier, "reason": reason}.items()))


def test_prometheus_has_decision_tier_and_reason(envoy, issuer):
    before = samples(envoy, "scopewarden_decisions")
    raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read"))
    raw.request(envoy.port, "DELETE", "/v1/models/ft:mine", issuer.token("autogen:model:read"))
    raw.request(envoy.port, "GET", "/v1/models")
    raw.request(envoy.port, "GET", "/nothing", issuer.token("autogen:model:read"))
    after = samples(envoy, "scopewarden_decisions")
    rose = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}
    delete_tier = envoy.records()[-3]["tier"]
    assert rose == {
        labels("allow", "read", "ok"): 1,
        labels("deny", delete_tier, "scope_missing"): 1,
        labels("deny", "read", "token_missing"): 1,
        labels("deny", "none", "operation_unknown"): 1,
    }


def test_the_histogram_counts_decisions_in_microseconds(envoy, issuer):
    before = samples(envoy, "scopewarden_decision_us_count").get((), 0)
    raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read"))
    wait_for(lambda: samples(envoy, "scopewarden_decision_us_count").get((), 0) > before, "the histogram", 8)
    buckets = {dict(key)["le"] for key in samples(envoy, "scopewarden_decision_us_bucket")}
    assert {"10", "100", "1000", "+Inf"} <= buckets


def test_key_fetches_have_an_outcome(envoy, issuer):
    assert samples(envoy, "scopewarden_key_fetches")[(("outcome", "ok"),)] >= 2, "one for each worker at least"
