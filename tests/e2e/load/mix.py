"""What is sent: good requests of several kinds, and the cases of the corpus that are refused with one answer."""

from __future__ import annotations

from dataclasses import dataclass

from corpus.case import Case
from corpus.cases import cases
from corpus.oracle import FULL, LOW, NOBODY
from corpus.tokens import Mint

JSON = (b"content-type", b"application/json")
#: Beyond that, a case is about size, and says nothing about load.
MOST_BYTES = 20_000
#: What needs issuers of its own, and a token that becomes valid while it is sent again and again.
NOT_HERE = {"K1", "K2", "K3", "K4", "K5", "J10", "J18"}


@dataclass(frozen=True)
class Kind:
    """Bytes to send, and the outcomes that are right."""

    name: str
    data: bytes
    right: frozenset[str]
    head: bool = False


def good(mint: Mint) -> list[Kind]:
    chat = b'{"model":"small","messages":[{"role":"user","content":"%s"}]}'
    call = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_issue","arguments":{"number":7}}}'
    requests = [
        Case("", "a read", "", target=b"/sessions/1", caller=LOW),
        Case("", "a tail", "", target=b"/files/a/b/c", caller=LOW),
        Case("", "a query", "", target=b"/reports?view=summary", caller=LOW),
        Case("", "a role", "", target=b"/vault", headers=[(b"x-role", b"user")], caller=LOW),
        Case("", "in public", "", target=b"/public/a", caller=NOBODY),
        Case("", "an admin's", "", target=b"/admin", caller=FULL),
        Case("", "a chat", "", method=b"POST", target=b"/chat", headers=[JSON], body=chat % (b"x" * 400), caller=LOW),
        Case("", "a long chat", "", method=b"POST", target=b"/chat", headers=[JSON], body=chat % (b"x" * 16_000), caller=LOW),
        Case("", "a call of a tool", "", method=b"POST", target=b"/mcp", headers=[JSON], body=call, caller=LOW),
    ]
    kinds = []
    for number, case in enumerate(requests):
        data = case.http1(mint).replace(b"\r\n", b"\r\nx-kind: %d\r\n" % number, 1)
        kinds.append(Kind(case.name, data, frozenset({f"passed {number}"})))
    return kinds


def hostile(mint: Mint) -> list[Kind]:
    """Cases of the hardened door over HTTP/1.1."""
    kinds = []
    for case in cases():
        right = frozenset(case.expected("hardened", "http1").split(" | "))
        refused = all(outcome.startswith(("deny ", "envoy ")) and "," not in outcome for outcome in right)
        alone = case.raw is None and case.before is None and not case.trailers and "http1" in case.protocols
        if refused and alone and case.id not in NOT_HERE:
            data = case.http1(mint)
            if len(data) <= MOST_BYTES:
                kinds.append(Kind(case.full_id, data, right, case.method == b"HEAD"))
    return kinds
