"""Questions as the filter asks them, without a proxy around."""

from __future__ import annotations

import hashlib
import itertools
import json

from . import raw
from .service import SCOPE

EMPTY = "sha256:" + hashlib.sha256(b"").hexdigest()
_numbers = itertools.count(1)


def fingerprint(call: object) -> str:
    # No set is `null`.
    call = {"set": None, **call} if isinstance(call, dict) else call
    canonical = json.dumps(call, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    text = b"scopewarden approval 1\n" + canonical.encode("utf-8", "surrogatepass")
    return "sha256:" + hashlib.sha256(text).hexdigest()


def call(path: str, **changes) -> dict:
    return {
        "actors": [{"issuer": "https://idp.test/", "subject": "agent"}],
        "authority": "gateway.test", "body": EMPTY, "body_bytes": 0, "headers": [["openai-project", "p1"]],
        "method": "DELETE", "operation": "openai.models.delete", "path": path, "policy": "prod",
        "policy_hash": EMPTY, "principal": {"issuer": "https://idp.test/", "subject": "ana"}, "query": EMPTY,
        "requirement": {"approvers": 1, "scope": SCOPE, "ttl_ms": 600_000}, "server": "",
        "set": {"id": "rotate", "of": 2, "step": 1}, "tier": "admin", **changes,
    }


def question(call: dict, **changes) -> dict:
    return {
        "version": 1, "nonce": f"nonce-0123456789-{next(_numbers)}", "fingerprint": fingerprint(call), "wait_ms": 0,
        "record": "rec-1", "call": call,
        "preview": {"query": [["force", "true"]], "body": '{"a":1}', "truncated": False}, **changes,
    }


def ask(service, call: dict) -> str:
    """Asks without waiting; the approval's id."""
    known = service.ids()
    answer = raw.request(service.questions, "POST", "/v1/approvals", None, question(call))
    assert answer.status == 200, answer
    return service.asked_since(known)["id"]
