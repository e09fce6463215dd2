"""Webhooks, from outside: what arrives is signed, and arrives although both ends fall over."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import closing
from harness.envoy import free_port, wait_for
from harness.questions import ask, call
from harness.service import Service


class Receiver:
    """Takes what is signed with its secret, by an implementation of its own."""

    def __init__(self, port: int, key: bytes) -> None:
        self.taken: list[dict] = []
        self.ids: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                id, timestamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
                mac = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
                right = hmac.compare_digest(self.headers["webhook-signature"], "v1," + base64.b64encode(mac).decode())
                fresh = abs(time.time() - int(timestamp)) < 60
                if right and fresh:
                    receiver.ids.append(id)
                    receiver.taken.append(json.loads(body))
                self.send_response(200 if right and fresh else 401)
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def secret(tmp_path):
    key = secrets.token_bytes(32)
    file = tmp_path / "webhook-secret"
    file.write_text(f"whsec_{base64.b64encode(key).decode()}\n")
    return key, file


def start(tmp_path, issuer, databases, port, file) -> Service:
    webhook = {"url": f"http://127.0.0.1:{port}/hook", "secret_file": str(file)}
    return Service(
        tmp_path, issuer, databases.fresh("sqlite"), webhooks=[webhook], public_url="https://approvals.example.com",
        break_glass_scope="acme:break-glass",
    )


def test_what_happens_is_told_and_signed(tmp_path, issuer, databases, secret):
    key, file = secret
    port = free_port()
    with closing(Receiver(port, key)) as receiver, closing(start(tmp_path, issuer, databases, port, file)) as service:
        id = ask(service, call("/v1/models/<https://evil.test|m>", set=None))
        assert service.decide(id, "deny", reason="not & today").status == 200
        other = ask(service, call("/v1/models/glass", set=None))
        glass = service.token("mia", "acme:break-glass")
        assert service.decide(other, "break_glass", glass, reason="the site is down").status == 200
        wait_for(lambda: len(receiver.taken) == 4, "four webhooks")
    assert [it["type"] for it in receiver.taken] == [f"approval.{t}" for t in ("asked", "denied", "asked", "break_glass")]
    assert receiver.ids == [f"{id}-1", f"{id}-2", f"{other}-1", f"{other}-2"]
    asked, denied, _, broken = receiver.taken
    link = f"https://approvals.example.com/approvals/{id}"
    assert asked["text"].endswith(f"\n{link}") and "&lt;https://evil.test|m&gt;" in asked["text"]
    assert asked["blocks"][1]["elements"][0]["url"] == asked["data"]["url"] == link
    assert denied["data"]["vote"]["reason"] == "not & today" and "not &amp; today" in denied["text"]
    assert broken["data"]["vote"]["break_glass"] is True and broken["text"].startswith("Glass broken by ")


def test_nothing_that_was_to_be_told_is_lost_when_both_fall_over(tmp_path, issuer, databases, secret):
    key, file = secret
    port = free_port()
    with closing(start(tmp_path, issuer, databases, port, file)) as service:
        ids = [ask(service, call(f"/v1/models/{n}", set=None)) for n in range(5)]
        service.kill()
        service.start()
        with closing(Receiver(port, key)) as receiver:
            # One was tried before the end, and is tried again when its time has come.
            wait_for(lambda: set(receiver.ids) == {f"{id}-1" for id in ids}, "what was not told", 60)
        assert secrets.compare_digest(file.read_text().strip(), f"whsec_{base64.b64encode(key).decode()}")
        assert file.read_text().strip() not in service.log()
