"""Valid requests for each operation, and callers to send them: what the mutations start from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from .catalogue import OPERATIONS, RPC, RPC_PATH, Operation, all_scopes, scopes

EMAILS = ["alice@example.com", "bob+ci@example.com", "zoë@example.com"]
VALUES = {
    "model": ["gpt-4o-mini", "gpt-5-mini", "tiny", "gpt-4o", "org/base"], "amount": [1, 5, 10], "dry_run": [True],
    "note": ["ok", "käse", "a \"quoted\" word"], "view": ["summary", "a b"], "limit": ["10", "1"], "uri": ["file:///a", "x y"],
    "items": [[{"kind": "note"}], [{"kind": "task"}, {"kind": "note", "n": 1}], [{"kind": "task"}]],
    "options": [{"region": "eu-1"}, {"region": "eu-2", "deep": {"a": [1, 2]}}],
}  # fmt: skip
NAMES = ["abc", "a-b", "x.y", "7", "42", "active", "last", "purge-all", "admin", "delete", "raw", "tmp", "index", "a:b", "ü", "a b", "me+you"]


@dataclass(frozen=True)
class Caller:
    email: str
    scopes: frozenset[str]


@dataclass
class Request:
    """One request as it will be sent; mutations edit it in place."""

    operation: str
    caller: Caller
    method: bytes
    #: Without the query.
    path: bytes
    #: Raw `name=value` pairs.
    query: list[bytes] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    #: A value for as long as mutations edit the tree, then bytes.
    tree: Any = None
    body: bytes | None = None
    #: Sizes to cut the body at; sent with a content-length when empty.
    chunks: list[int] = field(default_factory=list)
    mutations: list[str] = field(default_factory=list)

    def wire(self, token: str, case: int) -> bytes:
        target = self.path + (b"?" + b"&".join(self.query) if self.query else b"")
        lines = [b"%s %s HTTP/1.1" % (self.method, target), b"host: localhost", b"authorization: Bearer " + token.encode(), b"x-case: %d" % case]
        lines += [b"%s: %s" % header for header in self.headers]
        if self.body is None:
            return b"\r\n".join([*lines, b"", b""])
        if not self.chunks:
            return b"\r\n".join([*lines, b"content-length: %d" % len(self.body), b"", self.body])
        return b"\r\n".join([*lines, b"transfer-encoding: chunked", b"", self._chunked()])

    def _chunked(self) -> bytes:
        out, at = b"", 0
        for size in [*self.chunks, len(self.body)]:
            if part := self.body[at : at + size]:
                out += b"%x\r\n%s\r\n" % (len(part), part)
            at += size
        return out + b"0\r\n\r\n"


def callers() -> dict[tuple[str, str], Caller]:
    """`all` holds everything; `only OPERATION` exactly what that one needs; `but OPERATION` all but that."""
    everything = frozenset(all_scopes())
    found = {("all", email): Caller(email, everything) for email in EMAILS}
    for id in [*OPERATIONS, *(f"mcp.{op}" for op, _ in RPC.values()), "mcp.respond"]:
        needed = frozenset(scopes(id))
        named = frozenset({"diff:model:small"} if id in OPERATIONS and OPERATIONS[id].models else set())
        tools = frozenset({"diff:tool:read"} if id == "mcp.tools.call" else set())
        found["only", id] = Caller(EMAILS[0], needed | named | tools)
        found["but", id] = Caller(EMAILS[1], everything - {scopes(id)[-1]})
    return found


class Source:
    """Makes the valid request number `case` of a seed."""

    def __init__(self, known: dict[tuple[str, str], Caller]) -> None:
        self.callers = known
        self.ids = list(OPERATIONS)

    def make(self, rng: Random) -> Request:
        if rng.random() < 0.08:
            return self._rpc(rng)
        op = OPERATIONS[rng.choice(self.ids)]
        caller = self._caller(rng, op.id)
        request = Request(op.id, caller, op.method.encode(), _path(rng, op))
        for name in op.reads:
            if name in op.query or name == "model" or (name == "user_id" and not op.members) or rng.random() < 0.4:
                value = caller.email if name == "user_id" else rng.choice(VALUES[name])
                request.query.append(b"%s=%s" % (name.encode(), quote(value, safe=rng.choice(["", "/:@"])).encode()))
        rng.shuffle(request.query)
        for name, values in op.headers.items():
            request.headers.append((name.encode(), rng.choice(values).encode()))
        if op.members:
            request.tree = {name: caller.email if name == "user_id" else rng.choice(VALUES[name]) for name in op.members}
        elif op.method in ("POST", "PUT") and rng.random() < 0.3:
            request.body = b"opaque \x00\xff"
        return request

    def _caller(self, rng: Random, id: str) -> Caller:
        roll = rng.random()
        if roll < 0.6:
            return self.callers["all", rng.choice(EMAILS)]
        return self.callers["only" if roll < 0.92 else "but", id]

    def _rpc(self, rng: Random) -> Request:
        tree: dict[str, Any] = {"jsonrpc": "2.0", "id": rng.choice([1, 7, "a"])}
        if rng.random() < 0.1:
            id, tree["result"] = "mcp.respond", {}
        else:
            method = rng.choice([*RPC, "tools/call", "tools/call"])
            id, params = f"mcp.{RPC[method][0]}", {}
            for fact, name in RPC[method][1].items():
                params[name] = rng.choice(["get_issue", "create_issue"]) if fact == "tool" else rng.choice(["a", "file:///b"])
            if params.get("name") == "create_issue":
                params["arguments"] = {"repo": rng.choice(["sandbox", "docs"]), "title": "t"}
            tree |= {"method": method, "params": params}
            if method.startswith("notifications/"):
                del tree["id"]
        return Request(id, self._caller(rng, id), b"POST", RPC_PATH.encode(), tree=tree)


def _path(rng: Random, op: Operation) -> bytes:
    out = []
    for segment in op.path.split("/"):
        if not segment.startswith("{"):
            out.append(quote(segment))
        elif ":int}" in segment:
            out.append(str(rng.choice([1, 7, 42, 1000])))
        elif "..." in segment:
            names = ["org", "base"] if "model" in segment else [rng.choice(NAMES) for _ in range(rng.randint(1, 3))]
            out.append("/".join(quote(name, safe="+:") for name in names))
        else:
            value = rng.choice(VALUES["model"][:4]) if "model" in segment else rng.choice(NAMES)
            out.append(quote(value, safe="+:") + segment.partition("}")[2])
    return "/".join(out).encode()


def dump(tree: Any) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")


