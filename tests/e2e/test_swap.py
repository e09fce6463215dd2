"""A policy change while requests are in flight: by ECDS, from a local file, by rename."""

from __future__ import annotations

import threading

import pytest
from openai import OpenAI

from conftest import has_keys, load_policy
from harness import raw
from harness.config import shipped, wasm_filter, write_ecds
from harness.envoy import wait_for


@pytest.fixture
def swapping(start, issuer, tmp_path):
    """An Envoy whose filter comes from a watched file, and a function that changes its policy."""
    directory = tmp_path / "ecds"
    directory.mkdir()
    envoy = start(load_policy(), ecds=directory)
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    typed_config = wasm_filter(shipped())["typed_config"]
    typed_config["config"]["vm_config"]["code"]["local"]["filename"] = str(envoy.setup.wasm)
    return envoy, lambda policy: write_ecds(directory, typed_config, policy)


def without_rule(policy: dict, operation: str) -> dict:
    policy["rules"] = [rule for rule in policy["rules"] if rule["operation"] != operation]
    return policy


def chat(envoy, token: str, model: str) -> int:
    return raw.request(envoy.port, "POST", "/v1/chat/completions", token, {"model": model, "messages": []}).status


def test_a_swap_drops_nothing_in_flight(swapping, issuer, upstream):
    envoy, swap = swapping
    token = issuer.token("autogen:prompt")
    client = OpenAI(base_url=f"{envoy.url}/v1", api_key=token, timeout=20, max_retries=0)
    upstream.gate = threading.Event()
    try:
        stream = iter(client.chat.completions.create(model="gpt-4o-mini", messages=[], stream=True))
        words = [next(stream).choices[0].delta.content]
        assert chat(envoy, token, "gpt-4o") == 403

        swap(without_rule(load_policy(), "openai.chat.completions.create"))
        wait_for(lambda: {chat(envoy, token, "gpt-4o") for _ in range(8)} == {200}, "the new policy on every worker")
    finally:
        upstream.gate.set()
        upstream.gate = None
    words += [part.choices[0].delta.content or "" for part in stream]
    assert "".join(words) == "one two three"
    assert envoy.stat("extension_config_discovery.http_filter.scopewarden.update_rejected") == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p.update(surprise=1),
        lambda p: p["identity"]["issuers"][0].pop("audiences"),
        lambda p: p["surfaces"].append({"use": "nothing"}),
        lambda p: p["rules"].append({"operation": "openai.no.such.operation", "require": ["x"]}),
        lambda p: p.clear(),
    ],
    ids=["unknown key", "no audience", "unknown pack", "unknown operation", "empty"],
)
def test_a_bad_policy_is_rejected_and_the_old_one_stays(swapping, issuer, spoil):
    envoy, swap = swapping
    bad = load_policy()
    spoil(bad)
    swap(bad)
    rejected = "extension_config_discovery.http_filter.scopewarden.update_rejected"
    wait_for(lambda: envoy.stat(rejected) == 1 or envoy.stat(rejected.replace("update_rejected", "config_fail")) == 1, "the rejection")
    token = issuer.token("autogen:prompt")
    assert {chat(envoy, token, "gpt-4o-mini") for _ in range(8)} == {200}
    assert {chat(envoy, token, "gpt-4o") for _ in range(8)} == {403}


def test_a_good_policy_after_a_bad_one_is_taken(swapping, issuer):
    envoy, swap = swapping
    swap({**load_policy(), "surprise": 1})
    wait_for(lambda: envoy.stat("extension_config_discovery.http_filter.scopewarden.update_rejected") == 1, "the rejection")
    swap(without_rule(load_policy(), "openai.chat.completions.create"))
    token = issuer.token("autogen:prompt")
    wait_for(lambda: {chat(envoy, token, "gpt-4o") for _ in range(8)} == {200}, "the new policy")


def test_a_bad_policy_at_the_start_is_named_in_the_log(start):
    with pytest.raises(AssertionError) as raised:
        start({**load_policy(), "surprise": 1})
    assert "surprise" in str(raised.value), "Envoy's log names what is wrong"
