"""The issuer's keys: rotation, outage, floods. Each test has an issuer and an Envoy of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import closing, has_keys, load_policy
from fakes.issuer import Issuer
from harness import raw
from harness.envoy import free_port, wait_for

#: Workers of an Envoy under test. Its main thread fetches keys as well, and decides nothing.
WORKERS = 2


def policy(**jwks) -> dict:
    it = load_policy()
    it["identity"]["issuers"][0]["jwks"].update(jwks)
    return it


def models(envoy, token: str) -> raw.Response:
    return raw.request(envoy.port, "GET", "/v1/models", token)


def all_workers(envoy, token: str, count: int = 8) -> set[int]:
    return {models(envoy, token).status for _ in range(count)}


@pytest.fixture
def own():
    with closing(Issuer()) as it:
        yield it


def test_a_rotated_key_is_usable_after_a_refresh_and_a_removed_one_is_not(start, own):
    envoy = start(policy(refresh="10s"), issuer=own.port)
    wait_for(lambda: has_keys(envoy, own), "the keys")
    old = own.token("autogen:model:read")
    own.add("fresh")
    new = own.token("autogen:model:read", key="fresh")
    wait_for(lambda: all_workers(envoy, new) == {200}, "the new key on every worker", 15)
    assert all_workers(envoy, old) == {200}, "both keys serve while they overlap"
    del own.keys["rsa"]
    wait_for(lambda: all_workers(envoy, old) == {401}, "the old key to be gone", 15)
    assert models(envoy, old).decision["reason"] == "token_key_unknown"
    assert all_workers(envoy, new) == {200}


def flood(envoy, own, count: int = 60) -> None:
    """Tokens that name keys which nobody has, many at once."""
    strangers = [own.token("autogen:model:read", headers={"kid": f"stranger-{n}"}) for n in range(count)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda token: models(envoy, token), strangers))
    assert {(a.status, a.decision["reason"]) for a in answers} == {(401, "token_key_unknown")}


def test_a_flood_of_unknown_keys_costs_the_issuer_one_fetch_in_thirty_seconds(start, own):
    started = time.monotonic()
    envoy = start(policy(refresh="5m"), issuer=own.port)
    wait_for(lambda: has_keys(envoy, own), "the keys")
    before = len(own.fetches)
    flood(envoy, own)
    assert len(own.fetches) == before, "the keys are less than 30 s old"

    own.add("fresh")
    fresh = own.token("autogen:model:read", key="fresh")
    time.sleep(max(0.0, 31 - (time.monotonic() - started)))
    flood(envoy, own)
    # The unknown key was worth a fetch, in which a real new key comes along; each worker has its own key ring.
    wait_for(lambda: all_workers(envoy, fresh) == {200}, "the new key", 5)
    flood(envoy, own)
    assert len(own.fetches) - before <= WORKERS
    assert all_workers(envoy, own.token("autogen:model:read")) == {200}


def test_an_outage_keeps_the_last_good_keys(start, own):
    envoy = start(policy(refresh="10s"), issuer=own.port)
    wait_for(lambda: has_keys(envoy, own), "the keys")
    for mode in ["fail", "html", "truncated"]:
        own.mode = mode
        enough = len(own.fetches) + WORKERS + 1
        wait_for(lambda enough=enough: len(own.fetches) >= enough, f"fetches that {mode}", 15)
        assert all_workers(envoy, own.token("autogen:model:read")) == {200}, mode
    assert envoy.stat("wasmcustom.scopewarden_key_fetches.outcome.failed") > 0


@pytest.mark.parametrize("mode", ["fail", "html", "slow"])
def test_without_keys_everyone_waits_outside(start, own, upstream, mode):
    own.mode = mode
    envoy = start(policy(), issuer=own.port)
    with upstream.untouched():
        answer = models(envoy, own.token("autogen:model:read"))
    assert (answer.status, answer.decision["reason"]) == (503, "keys_unavailable")
    own.mode = "ok"
    wait_for(lambda: has_keys(envoy, own), "recovery", 30)


def test_an_issuer_that_is_down_at_the_start_is_found_later(start, upstream):
    port = free_port()
    envoy = start(policy(), issuer=port)
    probe = Issuer()
    with closing(probe), upstream.untouched():
        answer = models(envoy, probe.token("autogen:model:read"))
        assert (answer.status, answer.decision["reason"]) == (503, "keys_unavailable")
    with closing(Issuer(port)) as late:
        wait_for(lambda: has_keys(envoy, late), "the keys", 40)


def test_a_slow_fetch_does_not_slow_traffic(start, own):
    envoy = start(policy(refresh="10s"), issuer=own.port)
    wait_for(lambda: has_keys(envoy, own), "the keys")
    own.mode = "slow"
    before = len(own.fetches)
    wait_for(lambda: len(own.fetches) > before, "a slow fetch", 15)
    token, worst = own.token("autogen:model:read"), 0.0
    for _ in range(20):
        started = time.monotonic()
        assert models(envoy, token).status == 200
        worst = max(worst, time.monotonic() - started)
    assert worst < 1.0
