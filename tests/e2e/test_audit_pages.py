"""The audit trail in real Chromium: what real clients did behind real Envoy, and who let them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from conftest import closing, load_policy, running, start_collector
from fakes.scripted import Script
from harness import raw
from harness.browser import Person
from harness.calls import Call
from harness.config import Setup
from harness.envoy import Envoy, wait_for
from harness.service import SCOPE, Service
from test_redaction import KEY

READS = "scopewarden:audit:read"
TRACE = "0af7651916cd43dd8448eb211c80319c"
MODEL = "ft:gpt-4o:acme:invoices"
SAID = ["Nobody has used it ", "since January. ", "The key was ", KEY[:9], KEY[9:], ". Shall I delete it?"]
#: A model whose name is markup, and turns around what follows.
HOSTILE = "/v1/models/%3Cscript%3Ealert(1)%E2%80%AE%E2%80%8B"


@pytest.fixture(scope="module")
def archive(tmp_path_factory, issuer) -> Iterator[Service]:
    """The service with the collector and the dev login."""
    with closing(start_collector(tmp_path_factory.mktemp("archive"), issuer)) as it:
        yield it
        assert it.alive(), it.log()[-4000:]


@pytest.fixture(scope="module")
def policy(archive) -> dict:
    policy = load_policy("audit")
    policy["audit"] |= {"timeout": "5s"}
    hold = {"operation": "openai.models.delete", "scope": SCOPE, "hold": "10s", "approvers": 1}
    return policy | {"approvals": archive.policy(hold)}


@pytest.fixture(scope="module")
def front(tmp_path_factory, issuer, scripted, archive, policy) -> Iterator[Envoy]:
    """An Envoy that asks the service, and leaves its records there."""
    setup = Setup(policy, scripted.port, issuer.port, approvals=archive.questions, audit=archive.audit)
    with running(issuer, setup, tmp_path_factory.mktemp("front")) as envoy:
        yield envoy


@pytest.fixture
def person(chromium, archive) -> Iterator[Callable[..., Person]]:
    yield lambda **options: chromium.person(archive, **options)
    chromium.leave()


@pytest.fixture(scope="module")
def afternoon(front, issuer, scripted, archive) -> None:
    """Alice talks to a model, and deletes it with somebody's approval; Mallory tries doors."""
    alice = issuer.token("autogen:prompt", "autogen:model:delete", "autogen:model:read")
    mallory = issuer.token("autogen:prompt", sub="mallory")
    together = [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")]
    events = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in SAID]
    scripted.script = Script([f"data: {json.dumps(event)}\n\n".encode() for event in events], "text/event-stream")
    chat = {"model": "gpt-4o", "stream": True, "messages": [
        {"role": "system", "content": "Look after our models."},
        {"role": "user", "content": f"Who uses {MODEL}? I am bob@example.com"},
    ]}
    assert raw.request(front.port, "POST", "/v1/chat/completions", alice, chat, headers=together).status == 200
    scripted.script = None
    call = Call(lambda: raw.request(front.port, "DELETE", f"/v1/models/{MODEL}", alice, headers=together))
    archive.approve(path=f"/v1/models/{MODEL}")
    assert call.answer().status == 200
    for target in ["/v1/models/gpt-4o", "/v1/models/gpt-4o-mini", HOSTILE]:
        assert raw.request(front.port, "DELETE", target, mallory).status == 403

    def found() -> bool:
        # Not before the index has them.
        answer = archive.api("GET", "/v1/audit/records?q=principal%3Dmallory", archive.token("rita", READS))
        return answer.status == 200 and len(answer.json()["records"]) == 3

    wait_for(found, "the records to arrive", 20, 0.2)


def auditor(person, **options) -> Person:
    rita = person(**options).log_in("rita", f"{READS} {SCOPE}")
    rita.page.get_by_role("link", name="Audit", exact=True).click()
    expect(rita.page.get_by_role("heading", name="Audit trail")).to_be_visible()
    return rita


def search(rita: Person, query: str) -> None:
    rita.page.get_by_label("Search", exact=True).fill(query)
    rita.press("Search")


def test_who_deleted_the_model_who_approved_it_and_what_was_said(afternoon, person):
    rita = auditor(person)
    search(rita, f'model="{MODEL}" kind=decision')
    row = rita.page.get_by_role("row").filter(has_text="openai.models.delete")
    expect(row).to_contain_text("allowed")
    expect(row).to_contain_text("alice")
    row.get_by_role("link").click()
    expect(rita.page.get_by_role("heading", level=1)).to_contain_text("alice was allowed openai.models.delete")
    approval = rita.page.get_by_role("region", name="Approval")
    expect(approval).to_contain_text("approved")
    expect(approval).to_contain_text("Decided by bo")
    expect(rita.page.get_by_text("It names the hash of the record before it.")).to_be_visible()
    rita.page.get_by_role("link", name="Replay the session").click()
    first, *_, last = rita.page.locator(".exchange").all()
    turns = [" ".join(turn.inner_text().split()) for turn in first.locator(".turn").all()]
    assert turns == [
        "system Look after our models.",
        f"user Who uses {MODEL}? I am [masked:email]",
        "assistant Nobody has used it since January. The key was sk-[masked:openai]. Shall I delete it?",
    ]
    expect(last).to_contain_text("openai.models.delete")
    expect(last).to_contain_text("Decided by bo")
    assert KEY[8:] not in rita.page.content() and "bob@example.com" not in rita.page.content()
    # The approval is one click away, with everything that it was bound to.
    last.get_by_role("link", name=re.compile("^apr_")).click()
    rita.sees_status("used")


def test_it_works_without_scripts(afternoon, person):
    rita = auditor(person, java_script_enabled=False)
    rita.page.get_by_text("Filters", exact=True).click()
    rita.page.get_by_label("Caller").fill("mallory")
    rita.page.get_by_label("Decision").select_option("refused")
    rita.press("Apply")
    expect(rita.page.get_by_label("Search", exact=True)).to_have_value("principal=mallory decision=deny")
    rows = rita.page.locator(".records tbody tr")
    expect(rows).to_have_count(3)
    expect(rita.page.locator(".legend")).to_have_text("3 refused")
    # A bar leads to what is in it.
    rita.page.locator("svg a").last.click()
    expect(rita.page.get_by_label("Until")).to_have_value(re.compile("Z$"))
    rita.page.locator(".records a").first.click()
    expect(rita.page.get_by_role("heading", level=1)).to_contain_text("mallory was refused openai.models.delete")
    expect(rita.page.get_by_role("region", name="What was decided")).to_contain_text("scope_missing")
    assert rita.page.locator("main script").count() == 0
    assert rita.page.locator("dl.facts .hidden").first.inner_text() == "\\u{202e}"


def test_what_enforcing_would_break_is_told(afternoon, issuer, scripted, archive, policy, tmp_path_factory, person):
    setup = Setup(policy | {"mode": "shadow"}, scripted.port, issuer.port, approvals=archive.questions, audit=archive.audit)
    with running(issuer, setup, tmp_path_factory.mktemp("shadow")) as shadow:
        for _ in range(3):
            assert raw.request(shadow.port, "DELETE", "/v1/models/m", issuer.token("autogen:prompt", sub="sam")).status == 200
        rita = auditor(person)
        rita.page.get_by_role("link", name="What would enforcing break?").click()
        group = rita.page.locator(".group").filter(has_text="sam")

        def told() -> bool:
            rita.page.reload()
            return group.count() == 1 and group.locator(".count").inner_text().split() == ["3", "calls"]

        wait_for(told, "the records to arrive", 20, 0.2)
    expect(group).to_contain_text("openai.models.delete")
    expect(group).to_contain_text("scope_missing")
    rita.looks("audit-shadow")
    group.get_by_role("link", name="The calls").click()
    expect(rita.page.locator(".records tbody tr")).to_have_count(3)


def test_who_may_not_read_it_sees_why(afternoon, person):
    bo = person().log_in("bo", SCOPE)
    expect(bo.page.get_by_role("link", name="Audit", exact=True)).to_have_count(0)
    bo.page.goto(f"{bo.inbox}/audit")
    expect(bo.page.get_by_text(READS)).to_be_visible()
    assert "alice" not in bo.page.content()


def test_the_pages_look_right_on_a_desktop_and_on_a_phone(afternoon, person):
    """Pictures are kept in target/screenshots; what a picture has to be wide enough for is asserted."""
    rita = auditor(person)
    rita.looks("audit-search")
    search(rita, "principle=alice")
    expect(rita.page.get_by_role("alert")).to_contain_text("did you mean principal?")
    rita.looks("audit-error")
    search(rita, "principal=mallory since=1d")
    rita.looks("audit-filtered")
    rita.page.locator(".records a").first.click()
    rita.looks("audit-refused")
    rita.page.goto(f"{rita.inbox}/audit/sessions/trace:{TRACE}")
    expect(rita.page.locator(".exchange")).not_to_have_count(0)
    rita.looks("audit-session")
