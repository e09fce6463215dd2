"""Real Envoy, real collector: what was asked is found again, and nothing is lost when the collector is killed."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import yaml
from playwright.sync_api import expect

from conftest import closing, load_policy, running, start_collector
from fakes.scripted import Script
from harness import raw
from harness.config import Setup
from harness.envoy import Envoy, wait_for
from harness.service import BINARY, SCOPE, Service

READ = "scopewarden:audit:read"
SCOPES = ["autogen:prompt", "autogen:model:read", "autogen:model:delete", "autogen:response:write"]
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def collector(tmp_path_factory, issuer) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("collector")
    with closing(start_collector(directory, issuer, mirror=str(directory / "mirror.notes"))) as it:
        yield it
        assert it.alive(), it.log()[-4000:]


@pytest.fixture(scope="module")
def edge(tmp_path_factory, issuer, scripted, collector) -> Iterator[Envoy]:
    policy = load_policy("audit")
    policy["approvals"] = collector.policy({"operation": "openai.models.delete", "scope": SCOPE, "hold": "10s"})
    setup = Setup(policy, scripted.port, issuer.port, approvals=collector.questions, audit=collector.audit)
    with running(issuer, setup, tmp_path_factory.mktemp("edge")) as envoy:
        yield envoy


def search(collector: Service, query: str, scope: str = READ) -> list[dict]:
    answer = collector.api("GET", f"/v1/audit/records?q={quote(query)}&limit=200", collector.token("ada", scope))
    assert answer.status == 200, answer
    return [found["record"] for found in answer.json()["records"]]


def found(collector: Service, query: str, count: int = 1) -> list[dict]:
    """What a search finds, once it finds so many."""
    return wait_for(lambda: len(all := search(collector, query)) >= count and all, f"{count} of `{query}`", 15, 0.2)


def verify(collector: Service, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [BINARY, "audit", "verify", collector.audit_directory, "--key", collector.audit_key, *more], capture_output=True, text=True
    )


def test_who_asked_who_approved_and_what_the_session_said(edge, issuer, collector, scripted, chromium):
    deltas = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("ft:old is ", "not used any more")]
    scripted.script = Script([f"data: {json.dumps(d)}\n\n".encode() for d in deltas], "text/event-stream")
    carol = issuer.token(*SCOPES, sub="carol")
    trace = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")]
    prompt = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "is ft:old used?"}]}
    assert raw.request(edge.port, "POST", "/v1/chat/completions", carol, prompt, headers=trace).status == 200
    scripted.script = None
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(raw.request(edge.port, "DELETE", "/v1/models/ft:old", carol, headers=trace, timeout=20))
    )
    asking.start()
    collector.approve(operation="openai.models.delete")
    asking.join()
    assert answers[0].status == 200

    deleted, intent = found(collector, "operation=openai.models.delete model=ft:old", 2)
    assert (deleted["kind"], intent["kind"]) == ("decision", "intent")
    assert deleted["principal"]["subject"] == "carol"
    assert [who["subject"] for who in deleted["approval"]["approvers"]] == ["bo"]
    assert search(collector, f"approval={deleted['approval']['id']} kind=decision") == [deleted]
    session = collector.api("GET", f"/v1/audit/sessions/trace:{TRACE}", collector.token("ada", READ))
    said = [r["record"] for r in session.json()["records"] if r["record"]["kind"] == "decision"]
    assert [record["operation"] for record in said] == ["openai.chat.completions.create", "openai.models.delete"]
    assert "is ft:old used?" in said[0]["request"]["body"] and "not used any" in said[0]["response"]["body"]
    assert search(collector, '"not used any"') == [said[0]]
    checked = verify(collector)
    assert checked.returncode == 0, checked.stdout

    # The same, by an auditor with a browser.
    ada = chromium.person(collector)
    ada.page.goto(f"{ada.inbox}/login?subject=ada&scopes={READ}")
    ada.press("Log in")
    ada.page.goto(f"{ada.inbox}/audit")
    ada.page.get_by_role("searchbox", name="Search").fill("operation=openai.models.delete model=ft:old kind=decision")
    ada.press("Search")
    ada.looks("audit-deletion-found")
    ada.page.locator("#records a[href^='/audit/records/']").first.click()
    expect(ada.page.get_by_role("heading", level=1)).to_contain_text("carol")
    expect(ada.page.get_by_role("region", name="Approval")).to_contain_text("bo")
    ada.looks("audit-deletion")
    ada.page.get_by_role("link", name="Replay the session").click()
    session = ada.page.locator("ol.session")
    expect(session).to_contain_text("is ft:old used?")
    expect(session).to_contain_text("ft:old is not used any more")
    ada.looks("audit-deletion-session")
    chromium.leave()


def test_readers_need_the_scope_and_senders_the_token(edge, issuer, collector):
    for token in (None, collector.token("bo")):
        answer = collector.api("GET", "/v1/audit/records?q=", token)
        assert answer.status in (401, 403)
    for headers in ([], [("authorization", "Bearer wrong-token-0123456789")]):
        answer = raw.request(collector.audit, "POST", "/v1/logs", None, {"resourceLogs": []}, headers=headers)
        assert answer.status == 401


def look_until(edge: Envoy, issuer, done: threading.Event, answers: list[raw.Response]) -> None:
    token = issuer.token("autogen:model:read", "autogen:response:write")
    while not done.is_set():
        answers.append(raw.request(edge.port, "GET", "/v1/models", token))


def test_a_collector_that_is_killed_loses_nothing(edge, issuer, collector):
    """`make audit-kills` does it fifty times."""
    rounds = int(os.environ.get("KILLS", 4))
    answers, done = [], threading.Event()
    threads = [threading.Thread(target=look_until, args=(edge, issuer, done, answers)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        time.sleep(0.7)
        collector.kill()
        time.sleep(0.2)
        collector.start()
    done.set()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}
    wanted = {answer.header("x-request-id") for answer in answers}

    def kept() -> set[str]:
        segments = sorted((collector.audit_directory / "segments").glob("*.jsonl"))
        return {json.loads(line).get("request_id") for segment in segments for line in segment.read_text().splitlines()}

    wait_for(lambda: wanted <= kept(), "every record", 40, 0.5)
    checked = wait_for(lambda: (c := verify(collector)).returncode == 0 and c, "a log that is sound", 5, 0.5)
    assert "sound" in checked.stdout


def test_what_was_decided_can_be_decided_again(edge, issuer, collector, tmp_path):
    raw.request(edge.port, "GET", "/v1/models", issuer.token("autogen:model:read", sub="rita"))
    found(collector, "principal=rita")
    policy = load_policy("audit")
    policy["rules"] = [{"id": "no-lists", "operation": "openai.models.list", "require": ["acme:lists"]}]
    candidate = tmp_path / "candidate.yaml"
    candidate.write_text(yaml.safe_dump(policy))
    ran = subprocess.run(
        [BINARY, "replay", "--policy", candidate, collector.audit_directory], capture_output=True, text=True
    )
    assert ran.returncode == 1, ran.stderr
    assert "rita" in ran.stdout and "openai.models.list" in ran.stdout
