"""One case: a request, who really sent it, and what should become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .oracle import LOW, Caller
from .tokens import Mint

DOORS = ["hardened", "bare"]
PROTOCOLS = ["http1", "http2"]
HOST = b"gateway.test"

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Case:
    """What should become of it is a word or two, in the words that `run.Outcome` says what did:

    `deny scope_missing` by the filter, for that reason; `envoy 400` by Envoy, with that status; `upstream 404` or
    `ran runs.read` when it went through; `closed` without an answer; `silence` for a request that never came to its end.
    Alternatives are separated by ` | `; several answers on one connection by `, `.
    """

    id: str
    name: str
    expect: str
    method: bytes = b"GET"
    #: Bytes, or what makes them where a token is part of them.
    target: bytes | Callable[[Mint], bytes] = b"/"
    caller: Caller = LOW
    #: Where something else is expected: by `hardened http2`, `http2` or `hardened`, looked up in this order.
    but: dict[str, str] = field(default_factory=dict)
    #: Fields beside host and authorization, in order; or what makes them where a token is part of them.
    headers: Fields | Callable[[Mint], Fields] = field(default_factory=list)
    body: bytes | None = None
    trailers: Fields = field(default_factory=list)
    authority: bytes = HOST
    scheme: bytes = b"http"
    #: Makes what is sent as bearer token; the caller's own without it. `None` from it sends no authorization.
    token: Callable[[Mint], bytes | None] | None = None
    #: HTTP/1.1 bytes to send instead; `{token}` and `{host}` are filled in.
    raw: bytes | None = None
    protocols: tuple[str, ...] = ("http1", "http2")
    #: Final answers to wait for.
    answers: int = 1
    #: Done first, with the port and the caller's token, on connections of its own; the request shows that all is well after it.
    before: Callable[[int, bytes], None] | None = None

    @property
    def full_id(self) -> str:
        return f"{self.id} {self.name}"

    def expected(self, door: str, protocol: str) -> str:
        for key in (f"{door} {protocol}", protocol, door):
            if key in self.but:
                return self.but[key]
        return self.expect

    def bearer(self, mint: Mint) -> bytes | None:
        return mint.of(self.caller) if self.token is None else self.token(mint)

    def path(self, mint: Mint) -> bytes:
        return self.target(mint) if callable(self.target) else self.target

    def fields(self, mint: Mint) -> Fields:
        """Authorization and what follows it."""
        token = self.bearer(mint)
        sent = self.headers(mint) if callable(self.headers) else self.headers
        return ([(b"authorization", b"Bearer " + token)] if token is not None else []) + sent

    def http1(self, mint: Mint) -> bytes:
        if self.raw is not None:
            return self.raw.replace(b"{token}", self.bearer(mint) or b"").replace(b"{host}", HOST)
        lines = [b"%s %s HTTP/1.1" % (self.method, self.path(mint)), b"host: " + self.authority]
        lines += [b"%s: %s" % field for field in self.fields(mint)]
        body = self.body
        if self.trailers:
            lines.append(b"transfer-encoding: chunked")
            ended = b"".join(b"%s: %s\r\n" % field for field in self.trailers)
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n" + ended + b"\r\n"
        elif body is not None:
            lines.append(b"content-length: %d" % len(body))
        return b"\r\n".join([*lines, b"", body or b""])

    def http2(self, mint: Mint) -> dict:
        """Arguments of `raw.http2`."""
        fields = [(name.lower(), value) for name, value in self.fields(mint)]
        return {
            "method": self.method, "path": self.path(mint), "headers": fields, "body": self.body, "trailers": self.trailers or None,
            "authority": self.authority, "scheme": self.scheme,
        }  # fmt: skip
