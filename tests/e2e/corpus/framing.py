"""F: where a request ends, and what comes along with it."""

from __future__ import annotations

from collections.abc import Iterator

from . import floods
from .case import Case
from .heads import AUTH, ONE, TWO, request
from .oracle import FULL, LOW, NOBODY
from .paths import READ_RIGHTLY

UPLOAD, CHAT = b"POST /uploads HTTP/1.1", b"POST /chat HTTP/1.1"
CHUNKED = b"transfer-encoding: chunked\r\n"
JSON = b"content-type: application/json\r\n"
#: A request inside a body: it must never be taken for one of its own.
INNER = b"GET /admin HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
SMALL, LARGE = b'{"model":"small"}', b'{"model":"large"}'
CAP = 4 << 20


def chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


def cases() -> Iterator[Case]:
    yield from _lengths()
    yield from _chunks()
    yield from _trailers()
    yield from _connections()
    yield from _bodies()
    yield from _websockets()
    yield from _http2()


def _lengths() -> Iterator[Case]:
    body = b"0\r\n\r\n" + INNER
    both = b"content-length: %d\r\n" % len(body)
    for name, lines in {
        "length, then chunked": both + CHUNKED, "chunked, then length": CHUNKED + both, "length 0 and chunked": b"content-length: 0\r\n" + CHUNKED,
        "length 4 and chunked": b"content-length: 4\r\n" + CHUNKED,
    }.items():  # fmt: skip
        for caller in (LOW, FULL):
            yield Case("F1", f"{name}, {caller.name}", "envoy 400", raw=request(lines, line=UPLOAD, body=body), protocols=ONE, caller=caller)
    for value in [b"5, 5", b"5\r\ncontent-length: 5", b"5\r\ncontent-length: 60", b"0\r\ncontent-length: 60", b"+5", b"-5", b"0x5", b"5.0", b"5e0", b"", b"five", b"99999999999999999999", b"5,"]:
        yield Case("F1", f"content-length: {value.decode()!r}", "envoy 400", raw=request(b"content-length: " + value + b"\r\n", line=UPLOAD, body=b"hello" + INNER), protocols=ONE)
    yield Case("F1", "a length that leaves a request behind", "ran uploads.create, deny scope_missing", raw=request(b"content-length: 5\r\n", line=UPLOAD, body=b"hello" + INNER), protocols=ONE, answers=2)
    yield Case("F1", "a length over HTTP/2 that is short", "closed", method=b"POST", target=b"/uploads", headers=[(b"content-length", b"2")], body=b"hello", protocols=TWO)
    yield Case("F1", "a length over HTTP/2 that is long", "closed", method=b"POST", target=b"/uploads", headers=[(b"content-length", b"50")], body=b"hello", protocols=TWO)
    for value in [b"xchunked", b"gzip, chunked", b"chunked, gzip", b"identity", b"chunked, identity", b"chunked\r\ntransfer-encoding: chunked", b"chunked, chunked", b"\"chunked\"", b"cow"]:
        yield Case("F2", repr(value.decode()), "envoy 501", raw=request(b"transfer-encoding: " + value + b"\r\n", line=UPLOAD, body=chunks(b"hello") + INNER), protocols=ONE)
    yield Case("F2", "a vertical tab in front", "envoy 400", raw=request(b"transfer-encoding: \x0bchunked\r\n", line=UPLOAD, body=chunks(b"hello") + INNER), protocols=ONE)
    for name, line in {"a tab in front": b"transfer-encoding:\tchunked\r\n", "in capitals": b"TRANSFER-ENCODING: CHUNKED\r\n"}.items():
        yield Case("F2", name, "ran uploads.create, deny scope_missing", raw=request(line, line=UPLOAD, body=chunks(b"hello") + INNER), protocols=ONE, answers=2)
    yield Case("F2", "over HTTP/2", "closed", method=b"POST", target=b"/uploads", headers=[(b"transfer-encoding", b"chunked")], body=b"hello", protocols=TWO)


def _chunks() -> Iterator[Case]:
    def upload(body: bytes) -> bytes:
        return request(CHUNKED, line=UPLOAD, body=body)

    rest = b"hello\r\n0\r\n\r\n"
    for name, size in {"an extension": b"5;a=b", "a quoted extension": b'5;a="b"', "zeros in front": b"0005", "an empty extension": b"5;"}.items():
        yield Case("F3", name, "ran uploads.create", raw=upload(size + b"\r\n" + rest), protocols=ONE)
    for name, body in {
        "line feeds alone": b"5\nhello\n0\n\n", "0x in front": b"0x5\r\n" + rest, "a sign": b"-5\r\n" + rest, "a plus": b"+5\r\n" + rest, "no size": b"\r\n" + rest,
        "a size beyond 64 bits": b"fffffffffffffffff\r\n" + rest, "no line break after the data": b"5\r\nhello0\r\n\r\n",
        "a line feed in an extension": b"5;a\nb\r\n" + rest, "a size that is none": b"hello\r\n" + rest, "a NUL in the size": b"5\x00\r\n" + rest,
    }.items():  # fmt: skip
        # What came before the mistake was an upload, which streams: Envoy breaks off, and no route has run.
        yield Case("F3", name, "envoy 400", raw=upload(body), protocols=ONE)
    # Envoy skips what is behind the data, and forwards what it read.
    yield Case("F3", "a size that is short", "ran uploads.create", raw=upload(b"3\r\n" + rest), protocols=ONE)
    for model, expect in [(SMALL, "ran chat.create"), (LARGE, "deny model_not_allowed")]:
        body = b"11\r\n" + model + b',"model":"large"}\r\n0\r\n\r\n'
        yield Case("F3", f"a size that is short, {model.decode()}", expect, raw=request(CHUNKED, JSON, line=CHAT, body=body), protocols=ONE)
    yield Case("F3", "a model in two chunks", "deny model_not_allowed", raw=request(CHUNKED, JSON, line=CHAT, body=chunks(b'{"model":"la', b'rge"}')), protocols=ONE)
    yield Case("F3", "a model in chunks of one byte", "deny model_not_allowed", raw=request(CHUNKED, JSON, line=CHAT, body=chunks(*(bytes([c]) for c in LARGE))), protocols=ONE)
    yield Case("F3", "a model in chunks of one byte, by right", "ran chat.create", raw=request(CHUNKED, JSON, line=CHAT, body=chunks(*(bytes([c]) for c in SMALL))), protocols=ONE)
    yield Case("F3", "what is left behind the last chunk", "ran uploads.create, deny scope_missing", raw=upload(chunks(b"x") + INNER), protocols=ONE, answers=2)
    yield Case("F3", "a body without its end", "silence", raw=request(CHUNKED, JSON, line=CHAT, body=chunks(SMALL, end=b"")), protocols=ONE)
    yield Case("F3", "a length without its body", "silence", raw=request(b"content-length: 99\r\n", JSON, line=CHAT, body=SMALL), protocols=ONE)


def _trailers() -> Iterator[Case]:
    """Hardened, Envoy drops those of HTTP/1.1."""
    present = "deny trailers_present"
    json = [(b"content-type", b"application/json")]
    for id, protocols in [("F4", ONE), ("F5", TWO)]:
        for name, value in [(b"x-grant", b"1"), (b"authorization", b"Bearer forged"), (b"x-role", b"admin"), (b"x-http-method-override", b"DELETE"), (b"content-length", b"3"), (b"host", b"evil.test")]:
            what = name.decode()
            dropped = {"hardened": "ran chat.create"} if protocols == ONE else {}
            # Which fields frame or route a message, and so end the stream as HTTP/2 trailers, differs between versions of Envoy.
            or_closed = " | closed" if what in ("content-length", "host") and protocols == TWO else ""
            field = {"method": b"POST", "trailers": [(name, value)], "protocols": protocols}
            yield Case(id, f"{what} after what is judged", present + or_closed, target=b"/chat", headers=json, body=SMALL, but=dropped, **field)
            yield Case(id, f"{what} after what is refused", present + or_closed, target=b"/chat", headers=json, body=LARGE, but=dict.fromkeys(dropped, "deny model_not_allowed"), **field)
            yield Case(id, f"{what} after an upload", "ran uploads.create" + or_closed, target=b"/uploads", body=b"hello", **field)
        yield Case(id, "a role after a read", present, target=b"/vault", headers=[(b"x-role", b"user")], trailers=[(b"x-role", b"admin")], protocols=protocols, but={"hardened": "ran vault.read"} if protocols == ONE else {})
        yield Case(id, "the role after a read that needs it", present, target=b"/vault", trailers=[(b"x-role", b"user")], protocols=protocols, but={"hardened": "deny condition_failed"} if protocols == ONE else {})
        yield Case(id, "a token where none was", "deny token_missing", target=b"/admin", caller=NOBODY, trailers=[(b"authorization", b"Bearer x")], protocols=protocols)
    yield Case("F5", "a pseudo-header", "closed", method=b"POST", target=b"/uploads", body=b"x", trailers=[(b":path", b"/admin")], protocols=TWO)


def _connections() -> Iterator[Case]:
    expect = b"expect: 100-continue\r\n"
    yield Case("F6", "for what it may not", READ_RIGHTLY, raw=request(expect, b"content-length: 5\r\n", line=b"POST /admin HTTP/1.1", body=b"hello"), protocols=ONE)
    yield Case("F6", "with a body that is refused", "deny model_not_allowed", raw=request(expect, JSON, b"content-length: %d\r\n" % len(LARGE), line=CHAT, body=LARGE), protocols=ONE)
    yield Case("F6", "with a body that is allowed", "ran chat.create", raw=request(expect, JSON, b"content-length: %d\r\n" % len(SMALL), line=CHAT, body=SMALL), protocols=ONE)
    yield Case("F6", "for an upload", "ran uploads.create", raw=request(expect, b"content-length: 5\r\n", line=UPLOAD, body=b"hello"), protocols=ONE)
    yield Case("F6", "another expectation", "ran uploads.create", raw=request(b"expect: the-unexpected\r\n", b"content-length: 5\r\n", line=UPLOAD, body=b"hello"), protocols=ONE)

    public = b"GET /public/a HTTP/1.1\r\nhost: {host}\r\n\r\n"
    read, bare = request(), b"GET /admin HTTP/1.1\r\nhost: {host}\r\n\r\n"
    for name, line, expected in [
        ("a public path, then harm", public + INNER, f"ran public.read, {READ_RIGHTLY}"),
        ("a read, then harm", read + INNER, f"ran sessions.read, {READ_RIGHTLY}"),
        ("harm, then a read", INNER + read, f"{READ_RIGHTLY}, ran sessions.read"),
        ("with a token, then without", read + bare, "ran sessions.read, deny token_missing"),
        ("a chat, then harm", request(JSON, b"content-length: 17\r\n", line=CHAT, body=SMALL) + INNER, f"ran chat.create, {READ_RIGHTLY}"),
        ("a small model, then a large one", request(JSON, b"content-length: 17\r\n", line=CHAT, body=SMALL) + request(JSON, b"content-length: 17\r\n", line=CHAT, body=LARGE), "ran chat.create, deny model_not_allowed"),
        ("an empty line between", read + b"\r\n" + INNER, f"ran sessions.read, {READ_RIGHTLY}"),
    ]:
        yield Case("F7", name, expected, raw=line, protocols=ONE, answers=2)
    for version in [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/11", b"http/1.1", b"HTTP/1.1x", b"HTTPS/1.1"]:
        expected = "envoy 426" if version in (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0") else "envoy 400"
        yield Case("F10", version.decode(), expected, raw=request(line=b"GET /admin " + version), protocols=ONE, caller=FULL)
    yield Case("F10", "no version", "envoy 426", raw=b"GET /admin\r\n\r\n", protocols=ONE, caller=NOBODY)
    yield Case("F10", "HTTP/1.0 without a Host", "envoy 426", raw=b"GET /admin HTTP/1.0\r\n" + AUTH + b"\r\n", protocols=ONE, caller=FULL)
    h2c = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    for target, expected in {b"/admin": READ_RIGHTLY, b"/sessions/1": "ran sessions.read", b"/public/a": "ran public.read"}.items():
        yield Case("F11", target.decode(), expected, raw=request(h2c, line=b"GET %s HTTP/1.1" % target), protocols=ONE)


def _bodies() -> Iterator[Case]:
    json = [(b"content-type", b"application/json")]
    chat = {"method": b"POST", "headers": json, "protocols": ONE}
    # Hardened, Envoy's own limit is the filter's: either comes first.
    whose = {"hardened": "envoy 413 | deny body_too_large"}
    for name, body in {
        "the model in front": b'{"model":"large","pad":"%s"}', "the model at the end": b'{"pad":"%s","model":"large"}', "a good model": b'{"model":"small","pad":"%s"}',
        "a good model in front and a bad one at the end": b'{"model":"small","pad":"%s","model":"large"}',
    }.items():  # fmt: skip
        yield Case("F8", f"over the cap, {name}", "deny body_too_large", target=b"/chat", body=body % (b"x" * CAP), **chat)
        yield Case("F8", f"over the cap in chunks, {name}", "deny body_too_large", raw=request(CHUNKED, JSON, line=CHAT, body=chunks(body % (b"x" * CAP))), protocols=ONE, but=whose)
    yield Case("F8", "just under the cap", "ran chat.create", target=b"/chat", body=b'{"model":"small","pad":"%s"}' % (b"x" * (CAP - 64)), **chat)
    yield Case("F8", "just under the cap, a bad model at the end", "deny model_not_allowed", target=b"/chat", body=b'{"pad":"%s","model":"large"}' % (b"x" * (CAP - 64)), **chat)
    yield Case("F8", "an upload over the cap", "ran uploads.create", method=b"POST", target=b"/uploads", body=b"x" * (CAP + 1), protocols=ONE)

    unexpected = "deny body_unexpected"
    for target in [b"/sessions/1", b"/public/a", b"/teams/?user_id=low%40example.com", b"/vault"]:
        yield Case("F9", target.decode(), unexpected, target=target, headers=[(b"x-role", b"user")], body=b"hello")
        yield Case("F9", f"{target.decode()}, JSON", unexpected, target=target, headers=[*json, (b"x-role", b"user")], body=b'{"user_id":"full@example.com"}')
    yield Case("F9", "in chunks", unexpected, raw=request(CHUNKED, body=chunks(b"hello")), protocols=ONE)
    yield Case("F9", "of length 0", "ran sessions.read", raw=request(b"content-length: 0\r\n"), protocols=ONE)
    yield Case("F9", "of no chunks", "ran sessions.read", raw=request(CHUNKED, body=b"0\r\n\r\n"), protocols=ONE)
    yield Case("F9", "what does harm", READ_RIGHTLY, target=b"/admin", body=b"hello")
    yield Case("F9", "a whole request", unexpected, raw=request(b"content-length: 25\r\n", body=b"GET /admin HTTP/1.1\r\nx: y\r\n"[:25]), protocols=ONE)


def _websockets() -> Iterator[Case]:
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    events = b"GET /events HTTP/1.1"
    frame = b"\x81\x85\x01\x02\x03\x04" + bytes(a ^ b for a, b in zip(b"hello", b"\x01\x02\x03\x04\x01", strict=True))
    yield Case("F12", "without the scope", READ_RIGHTLY, raw=request(upgrade, line=events), protocols=ONE)
    yield Case("F12", "without the scope, with early data", READ_RIGHTLY, raw=request(upgrade, line=events, body=frame), protocols=ONE)
    yield Case("F12", "by right", "ran events.open", raw=request(upgrade, line=events), protocols=ONE, caller=FULL)
    yield Case("F12", "by right, with early data", "ran events.open", raw=request(upgrade, line=events, body=frame), protocols=ONE, caller=FULL)
    nobody = events + b"\r\nhost: {host}\r\n" + upgrade + b"\r\n"
    yield Case("F12", "without a token", "deny token_missing", raw=nobody, protocols=ONE, caller=NOBODY)
    yield Case("F12", "a token in the query", "deny token_missing", raw=nobody.replace(b"/events", b"/events?token={token}"), protocols=ONE, caller=NOBODY, token=lambda mint: mint.of(FULL))
    yield Case("F12", "a token as protocol", "deny token_missing", raw=nobody[:-2] + b"sec-websocket-protocol: bearer, {token}\r\n\r\n", protocols=ONE, caller=NOBODY, token=lambda mint: mint.of(FULL))
    yield Case("F12", "no upgrade", "deny operation_unknown", raw=request(line=events), protocols=ONE, caller=FULL)
    yield Case("F12", "POST", "deny method_unknown", raw=request(upgrade, line=b"POST /events HTTP/1.1"), protocols=ONE, caller=FULL)
    for target in [b"/sessions/1", b"/public/a", b"/admin", b"/mcp"]:
        yield Case("F12", f"an upgrade of {target.decode()}", "deny operation_unknown", raw=request(upgrade, line=b"GET %s HTTP/1.1" % target), protocols=ONE)
    inner = upgrade.replace(b"websocket\r\n", b"WebSocket\r\n")
    yield Case("F12", "in another case", READ_RIGHTLY, raw=request(inner, line=events), protocols=ONE)
    yield Case("F12", "a request behind what is refused", READ_RIGHTLY, raw=request(upgrade, line=events, body=INNER), protocols=ONE)
    for name in [b"foo", b"h2c, websocket", b"websocket, foo", b"TLS/1.0"]:
        other = upgrade.replace(b"upgrade: websocket", b"upgrade: " + name)
        yield Case("F12", f"an upgrade to {name.decode()}", "envoy 403", raw=request(other, line=events), protocols=ONE)
    yield Case("F12", "over HTTP/2", "closed", method=b"CONNECT", target=b"/events", headers=[(b":protocol", b"websocket")], protocols=TWO)


def _http2() -> Iterator[Case]:
    refused = "closed"
    for name, headers in {
        "a second :path": [(b":path", b"/admin")], "a second :method": [(b":method", b"DELETE")], "a pseudo-header late": [(b"x-a", b"b"), (b":authority", b"evil.test")],
        "connection": [(b"connection", b"close")], "keep-alive": [(b"keep-alive", b"1")], "proxy-connection": [(b"proxy-connection", b"close")],
        "upgrade": [(b"upgrade", b"websocket")], "te: gzip": [(b"te", b"gzip")], "a blank in a name": [(b"x role", b"admin")], "a colon in a name": [(b"x:role", b"admin")],
        "an unknown pseudo-header": [(b":role", b"admin")], "an empty name": [(b"", b"x")], "a line break in a value": [(b"x-a", b"b\r\nx-role: admin")],
        "a NUL in a value": [(b"x-a", b"\x00")], "a line break in a name": [(b"x-a\r\nx-role", b"admin")],
    }.items():  # fmt: skip
        yield Case("F13", name, refused, target=b"/sessions/1", headers=headers, protocols=TWO)
    yield Case("F13", "an upper-case name, then a request without", "ran sessions.read", target=b"/sessions/1", protocols=TWO, before=floods.upper_case)
    yield Case("F13", "an empty path", refused, target=b"", protocols=TWO)
    yield Case("F13", "blanks in the path", refused, target=b"/admin HTTP/1.1\r\nx: y", protocols=TWO)
    yield Case("F13", "a blank in the method", refused, method=b"GET /admin", target=b"/sessions/1", protocols=TWO)
    yield Case("F13", "120 fields", refused, target=b"/sessions/1", headers=[(b"x-%d" % n, b"v") for n in range(120)], protocols=TWO, but={"bare": "ran sessions.read"})
    yield Case("F13", "70 kB of fields", refused, target=b"/sessions/1", headers=[(b"x-%d" % n, b"v" * 7000) for n in range(10)], protocols=TWO, but={"bare": "ran sessions.read"})
    yield Case("F13", "te: trailers", "ran sessions.read", target=b"/sessions/1", headers=[(b"te", b"trailers")], protocols=TWO)
    for name, flood in floods.ALL.items():
        yield Case("F14", name, "ran sessions.read", target=b"/sessions/1", protocols=TWO, before=flood)
        yield Case("F14", f"{name}, then what it may not", READ_RIGHTLY, target=b"/admin", protocols=TWO, before=flood)
