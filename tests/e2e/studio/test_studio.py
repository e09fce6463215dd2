"""AutoGen Studio 0.4 guarded by a policy. Studio authenticates at best; who may do what is the filter's."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from conftest import closing, load_policy
from harness import raw
from harness.config import Setup
from harness.envoy import Envoy, wait_for
from studio.server import Studio

# Studio without its own login knows one person, and only that one's runs may be connected to.
ALICE, MALLORY = "guestuser@gmail.com", "mallory@example.com"
TEAM = {
    "provider": "autogen_agentchat.teams.RoundRobinGroupChat", "component_type": "team", "version": 1,
    "component_version": 1, "label": "T", "config": {"participants": []},
}


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    with closing(Studio(tmp_path_factory.mktemp("studio"))) as it:
        yield it


@pytest.fixture(scope="session")
def guarded(studio, issuer, tmp_path_factory):
    envoy = Envoy(Setup(load_policy("studio"), studio.port, issuer.port), tmp_path_factory.mktemp("guard"))
    try:
        wait_for(lambda: raw.request(envoy.port, "GET", "/api/version", issuer.token()).status == 200, "Studio")
        wait_for(lambda: {ask(envoy, issuer, "GET", f"/api/teams/?user_id={ALICE}", ALICE, "readers").status
                          for _ in range(8)} == {200}, "the keys")
        yield envoy
    finally:
        envoy.stop()


def ask(envoy, issuer, method: str, target: str, who: str, *groups: str, body: dict | None = None) -> raw.Response:
    return raw.request(envoy.port, method, target, issuer.token(sub=who, email=who, groups=list(groups)), body)


@pytest.fixture
def team(guarded, issuer) -> int:
    """A team of Alice's."""
    body = {"user_id": ALICE, "component": TEAM}
    answer = ask(guarded, issuer, "POST", "/api/teams/", ALICE, "builders", body=body)
    assert answer.status == 200, answer
    return answer.json()["data"]["id"]


@pytest.fixture
def run(guarded, issuer) -> int:
    """A run of Alice's."""
    session = ask(guarded, issuer, "POST", "/api/sessions/", ALICE, "builders", body={"user_id": ALICE, "name": "s"})
    body = {"session_id": session.json()["data"]["id"], "user_id": ALICE}
    return ask(guarded, issuer, "POST", "/api/runs/", ALICE, "builders", body=body).json()["data"]["run_id"]


def test_a_reader_reads_and_cannot_delete(guarded, issuer, team):
    assert ask(guarded, issuer, "GET", f"/api/teams/{team}?user_id={ALICE}", ALICE, "readers").json()["status"] is True
    answer = ask(guarded, issuer, "DELETE", f"/api/teams/{team}?user_id={ALICE}", ALICE, "readers")
    assert (answer.status, answer.decision["reason"]) == (403, "scope_missing")
    assert answer.json()["operation"].startswith("autogen-studio.teams.")
    still = ask(guarded, issuer, "GET", f"/api/teams/{team}?user_id={ALICE}", ALICE, "readers")
    assert still.json()["data"]["id"] == team
    assert ask(guarded, issuer, "DELETE", f"/api/teams/{team}?user_id={ALICE}", ALICE, "builders").status == 200


def test_mallory_cannot_say_that_she_is_alice(guarded, issuer, team):
    answer = ask(guarded, issuer, "GET", f"/api/teams/{team}?user_id={ALICE}", MALLORY, "builders")
    assert (answer.status, answer.decision["reason"]) == (403, "parameter_not_bound")
    answer = ask(guarded, issuer, "DELETE", f"/api/teams/{team}?user_id={ALICE}", MALLORY, "builders")
    assert (answer.status, answer.decision["reason"]) == (403, "parameter_not_bound")
    body = {"user_id": ALICE, "component": TEAM}
    answer = ask(guarded, issuer, "POST", "/api/teams/", MALLORY, "builders", body=body)
    assert (answer.status, answer.decision["reason"]) == (403, "parameter_not_bound")


def test_taking_over_a_team_by_its_id_is_an_operation_of_its_own(guarded, issuer, team):
    """Studio overwrites whatever team the body's `id` names, whoever owns it."""
    body = {"id": team, "user_id": MALLORY, "component": TEAM}
    answer = ask(guarded, issuer, "POST", "/api/teams/", MALLORY, "builders", body=body)
    assert (answer.status, answer.decision["reason"]) == (403, "scope_missing")
    assert ask(guarded, issuer, "GET", f"/api/teams/{team}?user_id={ALICE}", ALICE, "readers").status == 200


@pytest.mark.parametrize(
    "query", ["user_id={m}&user_id={a}", "user_id={a}&user_id={m}", "%75ser_id={a}", "user_id={a}%20"]
)
def test_mallory_cannot_say_it_in_another_way(guarded, issuer, team, query):
    target = f"/api/teams/{team}?" + query.format(a=ALICE, m=MALLORY)
    answer = ask(guarded, issuer, "GET", target, MALLORY, "builders")
    assert answer.status in (400, 403)


def test_mallory_as_herself_does_not_find_alices_team(guarded, issuer, team):
    answer = ask(guarded, issuer, "GET", f"/api/teams/{team}?user_id={MALLORY}", MALLORY, "builders")
    assert ALICE not in answer.body.decode()


@pytest.mark.parametrize("target", ["/api/validate/", "/api/validate/test"])
def test_validation_runs_code_and_needs_its_own_scope(guarded, issuer, target):
    body = {"component": TEAM}
    answer = ask(guarded, issuer, "POST", target, ALICE, "builders", body=body)
    assert (answer.status, answer.decision["reason"]) == (403, "scope_missing")
    assert "autogen:code:execute" in answer.header("www-authenticate")


def test_a_developer_may_validate(guarded, issuer):
    answer = ask(guarded, issuer, "POST", "/api/validate/", ALICE, "developers", body={"component": TEAM})
    assert answer.status == 200
    assert "is_valid" in answer.json()


def websocket(guarded, token: str, run: int):
    headers = {"Authorization": f"Bearer {token}"}
    return connect(f"ws://localhost:{guarded.port}/api/ws/runs/{run}", additional_headers=headers, open_timeout=10)


def test_a_websocket_opens_for_who_may(guarded, issuer, run):
    token = issuer.token(sub=ALICE, email=ALICE, groups=["builders"])
    with websocket(guarded, token, run) as connection:
        assert json.loads(connection.recv(timeout=10))["type"] == "system"
        connection.send(json.dumps({"type": "ping"}))
        assert json.loads(connection.recv(timeout=10))["type"] == "pong"


def test_a_websocket_is_refused_at_the_upgrade(guarded, issuer, run):
    with pytest.raises(InvalidStatus) as raised:
        websocket(guarded, issuer.token(sub=ALICE, email=ALICE, groups=["readers"]), run)
    assert raised.value.response.status_code == 403
    assert "reason=scope_missing" in raised.value.response.headers["x-scopewarden-decision"]


def test_a_token_in_the_query_is_no_credential(guarded, run, issuer):
    token = issuer.token(sub=ALICE, email=ALICE, groups=["builders"])
    with pytest.raises(InvalidStatus) as raised:
        connect(f"ws://localhost:{guarded.port}/api/ws/runs/{run}?token={token}", open_timeout=10)
    assert raised.value.response.status_code == 401
    assert token not in guarded.log()


@pytest.mark.parametrize("number", ["01", "+1", "1.0", "%31", "1%20"])
def test_other_spellings_of_an_id_reach_nothing_of_alices(guarded, issuer, team, number):
    answer = ask(guarded, issuer, "GET", f"/api/teams/{number}?user_id={MALLORY}", MALLORY, "builders")
    assert ALICE not in answer.body.decode()
