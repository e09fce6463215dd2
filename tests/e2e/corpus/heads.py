"""M and H: methods, authorities and header fields."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case
from .oracle import FULL, LOW, NOBODY
from .paths import READ_RIGHTLY

ONE, TWO = ("http1",), ("http2",)
AUTH = b"authorization: Bearer {token}\r\n"
#: A header name, and what it asks for: LOW may read a session and not delete it, FULL stands for whoever may both.
METHOD_HEADERS = [b"X-HTTP-Method-Override", b"X-HTTP-Method", b"X-Method-Override"]
PATH_HEADERS = [b"X-Original-URL", b"X-Original-URI", b"X-Rewrite-URL", b"X-Forwarded-Uri"]


def request(*lines: bytes, line: bytes = b"GET /sessions/1 HTTP/1.1", host: bytes = b"host: {host}\r\n", body: bytes = b"") -> bytes:
    """HTTP/1.1 with exactly these lines."""
    return line + b"\r\n" + host + AUTH + b"".join(lines) + b"\r\n" + body


def cases() -> Iterator[Case]:
    yield from _methods()
    yield from _authorities()
    yield from _authorization()
    yield from _fields()


def _methods() -> Iterator[Case]:
    read = "ran sessions.read"
    for name in METHOD_HEADERS:
        for value in [b"DELETE", b"delete", b"POST"]:
            yield Case("M1", f"{name.decode()}: {value.decode()}", read, target=b"/sessions/1", headers=[(name, value)])
        yield Case("M1", f"{name.decode()} twice", read, target=b"/sessions/1", headers=[(name, b"GET"), (name, b"DELETE")])
        yield Case("M1", f"{name.decode()} on an upload", "ran uploads.create", method=b"POST", target=b"/uploads", headers=[(name, b"GET")], body=b"x")
    yield Case("M1", "_method in the query", read, target=b"/sessions/1?_method=DELETE")
    form = [(b"content-type", b"application/x-www-form-urlencoded")]
    yield Case("M1", "_method in a form", "ran uploads.create", method=b"POST", target=b"/uploads", headers=form, body=b"_method=DELETE")

    yield Case("M2", "HEAD of what it may not read", READ_RIGHTLY, method=b"HEAD", target=b"/admin")
    yield Case("M2", "HEAD of what it may read", "upstream 405", method=b"HEAD", target=b"/sessions/1")
    for target in [b"/admin", b"/sessions/1", b"/nothing", b"/mcp"]:
        yield Case("M2", f"OPTIONS {target.decode()}", "deny operation_unknown", method=b"OPTIONS", target=target)
        yield Case("M2", f"OPTIONS {target.decode()} without a token", "deny token_missing", method=b"OPTIONS", target=target, caller=NOBODY)
    preflight = [(b"origin", b"https://evil.test"), (b"access-control-request-method", b"DELETE"), (b"access-control-request-headers", b"authorization")]
    yield Case("M2", "a preflight without a token", "deny token_missing", method=b"OPTIONS", target=b"/admin", caller=NOBODY, headers=preflight)

    unknown = "deny method_unknown"
    for target in [b"/admin", b"/sessions/1"]:
        yield Case("M3", f"TRACE {target.decode()}", unknown, method=b"TRACE", target=target)
        yield Case("M3", f"CONNECT {target.decode()}", "envoy 400", method=b"CONNECT", target=target, but={"http2": "closed"})
    yield Case("M3", "CONNECT to an authority", unknown, raw=request(line=b"CONNECT gateway.test:443 HTTP/1.1"), protocols=ONE)
    yield Case("M3", "extended CONNECT", "closed", method=b"CONNECT", target=b"/admin", headers=[(b":protocol", b"websocket")], protocols=TWO)
    for method in [b"XGET", b"PROPFIND", b"PURGE", b"LINK", b"get", b"Get", b"DELETE1", b"GETX", b"PRI", b"SEARCH"]:
        # Envoy reads no method over HTTP/1.1 that its parser does not know.
        of_http1 = {} if method in (b"PROPFIND", b"PURGE", b"LINK", b"SEARCH") else {"http1": "envoy 400"}
        yield Case("M4", method.decode(), unknown, method=method, target=b"/sessions/1", but=of_http1)
        yield Case("M4", f"{method.decode()} of what does harm", unknown, method=method, target=b"/admin", caller=FULL, but=of_http1)
    for method in [b"POST", b"PUT", b"PATCH"]:
        yield Case("M4", f"{method.decode()} where that is no operation", "deny operation_unknown", method=method, target=b"/runs/1", body=b"")


def _authorities() -> Iterator[Case]:
    """Whatever the authority is, the path is what is judged; hardened, Envoy knows its own names, and is asked after the filter."""
    target = b"/admin"
    for caller, expect, misdirected in [(LOW, READ_RIGHTLY, {}), (FULL, "ran admin.read", {"hardened": "envoy 421"})]:
        who = caller.name
        line = b"GET %s HTTP/1.1" % target
        two = request(b"host: evil.test\r\n", line=line)
        yield Case("M5", f"another second, {who}", expect, raw=two, protocols=ONE, caller=caller, but=misdirected)
        yield Case("M5", f"another first, {who}", expect, raw=request(b"host: {host}\r\n", line=line, host=b"host: evil.test\r\n"), protocols=ONE, caller=caller, but=misdirected)
        yield Case("M5", f"the same twice, {who}", expect, raw=request(b"host: {host}\r\n", line=line), protocols=ONE, caller=caller, but=misdirected)
        for authority in [b"a@gateway.test", b"gateway.test@evil.test", b"user:pass@gateway.test"]:
            yield Case("M7", f"{authority.decode()}, {who}", expect, target=target, authority=authority, caller=caller, but=misdirected | {"http2": "closed"})
        for authority in [b"GATEWAY.test", b"gateway.test.", b"gateway.test:80", b"gateway.test.:8080", b"Gateway.Test:65535"]:
            yield Case("M8", f"{authority.decode()}, {who}", expect, target=target, authority=authority, caller=caller)
        for authority in [b"evil.test", b"gateway.test.evil.test", b"127.0.0.1.evil.test", b"gateway.test%2fpublic", b"evil.test:80", b"[::1]"]:
            yield Case("M8", f"{authority.decode()}, {who}", expect, target=target, authority=authority, caller=caller, but=misdirected)
        yield Case("M8", f"an empty one, {who}", expect, raw=request(line=line, host=b"host:\r\n"), protocols=ONE, caller=caller, but=misdirected)
        yield Case("M8", f"none, {who}", "envoy 400", raw=request(line=line, host=b""), protocols=ONE, caller=caller)
        for host in [b"evil.test", b"evil.test:80", b"gateway.test"]:
            yield Case("M9", f"{host.decode()}, {who}", expect, target=target, headers=[(b"host", host)], protocols=TWO, caller=caller)
        yield Case("M9", f"one with a path, {who}", "closed", target=target, headers=[(b"host", b"gateway.test/public?x=")], protocols=TWO, caller=caller)
        for scheme in [b"javascript", b"file", b"ftp", b"ws", b"http+unix", b"gopher"]:
            yield Case("M10", f"{scheme.decode()}, {who}", "deny scheme_invalid", target=target, scheme=scheme, protocols=TWO, caller=caller)
        yield Case("M10", f"https, {who}", expect, target=target, scheme=b"https", protocols=TWO, caller=caller)
        yield Case("M10", f"HTTP, {who}", expect, target=target, scheme=b"HTTP", protocols=TWO, caller=caller)
    for authority in [b"gateway.test/public?x=", b"gateway.test?", b"gateway.test#", b"gateway.test/", b"gateway.test\\@evil.test"]:
        yield Case("M6", authority.decode(), "envoy 400", target=b"/admin", authority=authority, but={"http2": "closed"})


def _authorization() -> Iterator[Case]:
    ambiguous = "deny authorization_ambiguous"
    good = lambda mint: mint.of(FULL)  # noqa: E731
    low = lambda mint: mint.of(LOW)  # noqa: E731
    for name, token in {
        "two tokens in one value": lambda mint: good(mint) + b",Bearer " + low(mint),
        "a comma and a blank": lambda mint: good(mint) + b", Bearer " + low(mint),
        "a comma at the end": lambda mint: good(mint) + b",",
        "two tokens and a blank": lambda mint: good(mint) + b" " + low(mint),
        "a blank in front": lambda mint: b" " + good(mint),
        "a tab in front": lambda mint: b"\t" + good(mint),
        "a parameter": lambda mint: good(mint) + b';realm="x"',
        "quotes": lambda mint: b'"' + good(mint) + b'"',
        "Bearer twice": lambda mint: b"Bearer " + good(mint),
        "not text": lambda mint: good(mint)[:-3] + b"\xff\xfe\xfd",
    }.items():
        yield Case("H1", name, ambiguous, target=b"/admin", caller=NOBODY, token=token)
    for first, second in [(LOW, FULL), (FULL, LOW), (FULL, FULL)]:
        yield Case(
            "H1", f"twice, {first.name} and {second.name}", ambiguous, target=b"/admin", caller=NOBODY, token=lambda mint, it=first: mint.of(it),
            headers=lambda mint, it=second: [(b"authorization", b"Bearer " + mint.of(it))],
        )  # fmt: skip
    for scheme in [b"Basic", b"bearer", b"BEARER", b"Token", b"DPoP", b"Negotiate", b"Bearer:", b"BearerX", b""]:
        right = {"bearer", "BEARER"}
        expect = "ran admin.read" if scheme.decode() in right else ambiguous
        yield Case(
            "H1", f"scheme `{scheme.decode()}`", expect, target=b"/admin", caller=FULL if scheme.decode() in right else NOBODY, token=lambda _: None,
            headers=lambda mint, it=scheme: [(b"authorization", it + b" " + mint.of(FULL))],
        )  # fmt: skip
    for name in [b"x-authorization", b"proxy-authorization", b"x-forwarded-access-token", b"x-auth-request-access-token", b"cookie", b"x-jwt-payload"]:
        yield Case(
            "H1", f"in {name.decode()}", "deny token_missing", target=b"/admin", caller=NOBODY, token=lambda _: None,
            headers=lambda mint, it=name: [(it, (b"authorization=" if it == b"cookie" else b"Bearer ") + mint.of(FULL))],
        )  # fmt: skip
    folded = b"GET /admin HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer\r\n {token}\r\n\r\n"
    yield Case("H1", "folded before the token", "ran admin.read", raw=folded, protocols=ONE, caller=FULL)
    folded = b"GET /admin HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n x\r\n\r\n"
    yield Case("H1", "folded after the token", ambiguous, raw=folded, protocols=ONE, caller=NOBODY, token=good)
    for space in [b" ", b"\t", b"  "]:
        line = b"GET /admin HTTP/1.1\r\nhost: {host}\r\nauthorization" + space + b": Bearer {token}\r\n\r\n"
        yield Case("H2", f"{space!r}", "envoy 400", raw=line, protocols=ONE, caller=FULL)
    yield Case("H2", "before the colon of a rule's header", "envoy 400", raw=request(b"x-role : user\r\n", line=b"GET /vault HTTP/1.1"), protocols=ONE)
    yield Case("H2", "in front of the name", "envoy 400", raw=b"GET /admin HTTP/1.1\r\n host: {host}\r\n" + AUTH + b"\r\n", protocols=ONE, caller=FULL)


def _fields() -> Iterator[Case]:
    vault = b"/vault"
    ambiguous, condition = "deny header_ambiguous", "deny condition_failed"
    role = b"x-role"
    for name, fields, expect in [
        ("user, then admin", [(role, b"user"), (role, b"admin")], ambiguous),
        ("admin, then user", [(role, b"admin"), (role, b"user")], ambiguous),
        ("user twice", [(role, b"user"), (role, b"user")], ambiguous),
        ("in two cases", [(b"X-Role", b"user"), (b"x-ROLE", b"admin")], ambiguous),
        ("joined by a comma", [(role, b"user,admin")], condition),
        ("with an empty one", [(role, b"user"), (role, b"")], ambiguous),
        ("admin alone", [(role, b"admin")], condition),
        ("none", [], condition),
        ("an empty one", [(role, b"")], condition),
        ("in capitals", [(role, b"USER")], condition),
        ("not text", [(role, b"user\xff")], condition),
        ("a longer name", [(b"x-role-x", b"user")], condition),
        ("once", [(role, b"user")], "ran vault.read"),
    ]:
        yield Case("H3", name, expect, target=vault, headers=fields)
    for name, fields in {
        "instead of it": [(b"x_role", b"user")], "beside it": [(b"x_role", b"admin"), (role, b"user")], "of the token": [(b"x_authorization", b"x")],
        "in another place": [(b"x_role_", b"admin"), (role, b"user")],
    }.items():  # fmt: skip
        right = (role, b"user") in fields
        yield Case("H4", name, "ran vault.read" if right else condition, target=vault, headers=fields, but={"hardened": "envoy 400", "hardened http2": "closed"})

    for names in [b"authorization", b"Authorization, x-role", b"close, authorization", b"x-role, authorization, x-y"]:
        line = b"connection: " + names + b"\r\n"
        yield Case("H5", f"removes {names.decode()}", "deny token_missing", raw=request(line, line=b"GET /admin HTTP/1.1"), protocols=ONE, caller=NOBODY, token=lambda mint: mint.of(FULL))
    for names in [b"x-role", b"close, x-role", b"keep-alive, X-Role"]:
        line = b"connection: " + names + b"\r\nx-role: user\r\n"
        yield Case("H5", f"removes {names.decode()}, which a rule reads", condition, raw=request(line, line=b"GET /vault HTTP/1.1"), protocols=ONE)
    yield Case("H5", "removes host", "envoy 400", raw=request(b"connection: host\r\n", line=b"GET /admin HTTP/1.1"), protocols=ONE, caller=FULL)
    removed = request(b"connection: content-type\r\ncontent-type: application/json\r\ncontent-length: 17\r\n", line=b"POST /chat HTTP/1.1", body=b'{"model":"large"}')
    yield Case("H5", "removes content-type", "deny content_type_unsupported", raw=removed, protocols=ONE)
    removed = request(b"connection: content-length\r\ncontent-length: 17\r\ncontent-type: application/json\r\n", line=b"POST /chat HTTP/1.1", body=b'{"model":"large"}')
    yield Case("H5", "removes content-length", "deny model_not_allowed", raw=removed, protocols=ONE)

    read = "ran sessions.read"
    for name in PATH_HEADERS:
        for value in [b"/admin", b"/runs/purge-all"]:
            yield Case("H6", f"{name.decode()}: {value.decode()}", read, target=b"/sessions/1", headers=[(name, value)])
        yield Case("H6", f"{name.decode()} from a public path", "ran public.read", target=b"/public/a", headers=[(name, b"/admin")], caller=NOBODY)
        yield Case("H6", f"{name.decode()} to a public path", READ_RIGHTLY, target=b"/admin", headers=[(name, b"/public/a")])
    for name, value in [(b"X-Forwarded-Prefix", b"/admin"), (b"X-Forwarded-Host", b"evil.test"), (b"Forwarded", b"host=evil.test;proto=https")]:
        yield Case("H6", name.decode(), read, target=b"/sessions/1", headers=[(name, value)])
    for name, value in [
        (b"x-request-id", b"forged"), (b"x-envoy-original-path", b"/admin"), (b"x-envoy-internal", b"true"), (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-envoy-external-address", b"127.0.0.1"), (b"x-envoy-upstream-rq-timeout-ms", b"1"), (b"x-forwarded-client-cert", b"URI=spiffe://x/admin"),
    ]:  # fmt: skip
        yield Case("H7", name.decode(), read, target=b"/sessions/1", headers=[(name, value)])
        yield Case("H7", f"{name.decode()} without a token", "deny token_missing", target=b"/sessions/1", headers=[(name, value)], caller=NOBODY)
    for value in [b"allow", b"allow; reason=ok", b"deny"]:
        yield Case("H8", f"a decision of `{value.decode()}`", read, target=b"/sessions/1", headers=[(b"x-scopewarden-decision", value)])
        yield Case("H8", f"a decision of `{value.decode()}` in place of a scope", READ_RIGHTLY, target=b"/admin", headers=[(b"X-Scopewarden-Decision", value)])
        yield Case("H8", f"a decision of `{value.decode()}` in place of a token", "deny token_missing", target=b"/admin", headers=[(b"X-Scopewarden-Decision", value)], caller=NOBODY)

    vault_line = b"GET /vault HTTP/1.1"
    yield Case("H9", "in a value that a rule reads", condition, raw=request(b"x-role: user\rx: y\r\n", line=vault_line), protocols=ONE)
    yield Case("H9", "that would start a header", "ran sessions.read", raw=request(b"x-a: b\rx-original-url: /admin\r\n"), protocols=ONE)
    yield Case("H9", "in a name", "envoy 400", raw=request(b"x-a\rb: c\r\n"), protocols=ONE)
    yield Case("H9", "over HTTP/2", "closed", target=vault, headers=[(role, b"user\rx: y")], protocols=TWO)
    all_lf = b"GET /admin HTTP/1.1\nhost: {host}\nauthorization: Bearer {token}\n\n"
    yield Case("H10", "at every line, for what it may not", READ_RIGHTLY, raw=all_lf, protocols=ONE)
    yield Case("H10", "at every line, by right", "ran admin.read", raw=all_lf, protocols=ONE, caller=FULL)
    yield Case("H10", "before a second role", ambiguous, raw=request(b"x-role: user\nx-role: admin\r\n", line=vault_line), protocols=ONE)
    yield Case("H10", "before a second token", "deny authorization_ambiguous", raw=b"GET /admin HTTP/1.1\r\nhost: {host}\nauthorization: Bearer x\n" + AUTH + b"\r\n", protocols=ONE, caller=NOBODY, token=lambda mint: mint.of(FULL))
    yield Case("H10", "over HTTP/2", "closed", target=vault, headers=[(role, b"user\nx: y")], protocols=TWO)
    for name, line in {"in a value": b"x-role: us\x00er\r\n", "in a name": b"x-ro\x00le: user\r\n", "at the end": b"x-role: user\x00\r\n"}.items():
        yield Case("H11", name, "envoy 400", raw=request(line, line=vault_line), protocols=ONE)
    yield Case("H11", "over HTTP/2", "closed", target=vault, headers=[(role, b"us\x00er")], protocols=TWO)
