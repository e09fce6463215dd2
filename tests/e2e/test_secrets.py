"""Thirty secrets, in every position of an exchange: none is in anything that the system writes."""

from __future__ import annotations

import base64
import json
import random
import string
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import closing, load_policy, running, start_collector
from fakes.scripted import Script, Scripted
from harness import raw
from harness.config import Setup
from harness.envoy import Envoy, wait_for
from harness.service import SCOPE, Service

SCOPES = ["autogen:prompt", "autogen:model:read", "autogen:model:delete", "autogen:response:write", "autogen:file:delete"]
ALNUM = string.ascii_letters + string.digits
READ = "scopewarden:audit:read"
#: What is public of a secret: its kind shows.
PUBLIC = 12


class Secrets:
    """Secrets of many kinds, each another."""

    def __init__(self) -> None:
        self._random = random.Random(20)
        self.made: list[str] = []

    def _some(self, count: int, of: str = ALNUM) -> str:
        return "".join(self._random.choices(of, k=count))

    def __call__(self) -> str:
        kinds = [
            lambda: "sk-proj-" + self._some(48),
            lambda: "ghp_" + self._some(36),
            lambda: "AKIA" + self._some(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            lambda: "xoxb-" + self._some(12, string.digits) + "-" + self._some(24),
            lambda: "glpat-" + self._some(20),
            lambda: "sk_live_" + self._some(24),
        ]
        secret = kinds[len(self.made) % len(kinds)]()
        self.made.append(secret)
        return secret


@pytest.fixture(scope="module")
def deciders(tmp_path_factory, issuer) -> Iterator[Service]:
    """Where people decide, and records are kept."""
    with closing(start_collector(tmp_path_factory.mktemp("deciders"), issuer)) as it:
        yield it


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, issuer, scripted, deciders, tool_server) -> Iterator[Envoy]:
    policy = load_policy("audit")
    policy["approvals"] = deciders.policy({"operation": "openai.files.delete", "scope": SCOPE, "hold": "10s"})
    policy["redact"] = {"detectors": ["secrets"]}
    setup = Setup(
        policy, scripted.port, issuer.port, {"/mcp": (tool_server.port, False)},
        approvals=deciders.questions, audit=deciders.audit,
    )
    with running(issuer, setup, tmp_path_factory.mktemp("secrets")) as envoy:
        envoy.post("/logging?wasm=debug")
        yield envoy


def exchanges(proxy: Envoy, issuer, scripted: Scripted, deciders: Service, secret: Secrets) -> None:
    """Sends a secret in every position there is."""
    token = issuer.token(*SCOPES)

    def ask(method: str, target: str, body=None, headers=(), bearer: str | None = token) -> raw.Response:
        return raw.request(proxy.port, method, target, bearer, body, headers=list(headers))

    def prompt(**more) -> dict:
        return {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **more}

    # The caller's credentials.
    ask("GET", "/v1/models", bearer=secret())
    ask("GET", "/v1/models", headers=[("cookie", f"session={secret()}"), ("x-api-key", secret())])
    ask("GET", f"/v1/models?access_token={secret()}&api_key={secret()}")
    ask("GET", f"/api/ws/runs/1?token={secret()}")
    # The target.
    ask("GET", f"/v1/models/{secret()}")
    ask("GET", f"/nothing/{secret()}/{secret()}")
    ask(f"GET{secret()[:20]}", "/v1/models")
    # Headers that records read.
    ask("GET", "/v1/models", headers=[("x-request-id", secret()), ("traceparent", f"00-{secret()}-1-01")])
    ask("POST", "/mcp", {"jsonrpc": "2.0", "id": secret(), "method": secret()}, [("mcp-session-id", secret())])
    ask("POST", "/v1/chat/completions", prompt(), [("content-type", f"application/json; x={secret()}")])
    # Bodies: read, kept, refused.
    call = {"name": secret(), "arguments": {"password": secret(), "note": f"use {secret()}", secret(): 1}}
    ask("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
    ask("POST", "/v1/chat/completions", prompt(model=secret(), user=secret(), messages=[{"role": "user", "content": f"my key: {secret()}"}]))
    ask("POST", "/v1/chat/completions", f'{{"model": "{secret()}", '.encode())
    ask("POST", "/v1/responses", {"model": "gpt-4o", "input": secret(), "previous_response_id": secret(), "conversation": secret()})
    # Responses.
    deltas = [secret(), secret()]
    events = [f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': part}}]})}\n\n" for d in deltas for part in (d[:9], d[9:])]
    scripted.script = Script([e.encode() for e in events], "text/event-stream", headers=[("x-upstream", secret())])
    assert ask("POST", "/v1/chat/completions", prompt(stream=True)).status == 200
    scripted.script = Script([f'{{"error": "{secret()}"}}'.encode()], status=500, length=True)
    assert ask("POST", "/v1/chat/completions", prompt()).status == 500
    scripted.script = None
    # What a second person is shown, and says.
    held = threading.Thread(target=ask, args=("DELETE", f"/v1/files/{secret()}?note={secret()}"))
    held.start()
    asked = deciders.asked(operation="openai.files.delete")
    assert deciders.decide(asked["id"], "deny", reason=f"not with {secret()}").status == 200
    held.join()


def test_no_secret_is_in_anything_that_is_written(proxy, issuer, scripted, deciders, chromium):
    secret = Secrets()
    before = proxy.requests_received()
    exchanges(proxy, issuer, scripted, deciders, secret)
    assert len(secret.made) >= 30
    made = proxy.requests_received() - before
    auditor = deciders.token("ada", READ)

    def found() -> list[dict]:
        answer = deciders.api("GET", "/v1/audit/records?q=kind=decision&limit=200", auditor)
        assert answer.status == 200, answer
        return answer.json()["records"]

    wait_for(lambda: len(found()) >= made - 1, "the records", 20, 0.2)
    written = {
        "Envoy's log": proxy.log(),
        "metrics": proxy.admin("/stats?format=prometheus"),
        "the collector's metrics": raw.request(deciders.audit, "GET", "/metrics").body.decode(),
        "the service's log": deciders.log(),
        "the API": deciders.api("GET", "/v1/approvals?limit=500", deciders.token()).body.decode(),
        "the records": json.dumps(found()),
    }
    ada = chromium.person(deciders)
    ada.page.goto(f"{ada.inbox}/login?subject=ada&scopes={READ}")
    ada.press("Log in")
    for page in ["/audit", *(f"/audit/records/{record['index']}" for record in found())]:
        ada.page.goto(ada.inbox + page)
        written[page] = ada.page.content()
    chromium.leave()
    for file in Path(deciders.sqlite).parent.rglob("*"):
        # The proxy's token is where it is kept.
        if file.is_file() and file.name != "edge-token":
            written[file.name] = file.read_bytes().decode("latin-1")
    assert '"kind":"decision"' in written["Envoy's log"], "with debug, records are in the log as well"
    assert {"approvals.db", "index.db"} <= written.keys() and any(name.endswith(".jsonl") for name in written)
    for where, text in written.items():
        for each in secret.made:
            hidden = each[PUBLIC:]
            assert hidden not in text, f"{each} is in {where}"
            assert base64.b64encode(each.encode()).decode()[16:-4] not in text, f"{each} is in {where}, in Base64"
