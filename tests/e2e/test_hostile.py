"""Requests made to break things: each is refused, no byte reaches the upstream, and the worker lives on."""

from __future__ import annotations

import socket

import pytest

from harness import raw

CHAT = {"model": "gpt-4o-mini", "messages": []}


@pytest.fixture(autouse=True)
def worker_lives(envoy, issuer):
    """After every test here: the filter was not reloaded, and an ordinary request passes on every worker."""
    yield
    assert envoy.stat("wasm.scopewarden.vm_reload_success") == 0, "the filter crashed and was reloaded"
    token = issuer.token("autogen:model:read")
    assert {raw.request(envoy.port, "GET", "/v1/models", token).status for _ in range(4)} == {200}


def ask(envoy, headers, **more) -> raw.Response:
    return raw.request(envoy.port, more.pop("method", "GET"), more.pop("target", "/v1/models"), headers=headers, **more)


@pytest.mark.parametrize("name", ["authorization", "x-anything", "content-type", "user-agent", "x-request-id"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"Bearer \xff", b"\x80" * 300])
def test_bytes_that_are_not_text(envoy, upstream, issuer, name, value):
    with upstream.untouched():
        answer = ask(envoy, [(name, value)])
    assert answer.status in (400, 401)


def test_bytes_that_are_not_text_beside_a_good_token(envoy, upstream, issuer):
    """A header that nothing reads is the upstream's business."""
    with upstream.expect(1):
        assert ask(envoy, [("x-anything", b"\xff\xfe")], token=issuer.token("autogen:model:read")).status == 200


@pytest.mark.parametrize("line", [b"x-a: b\r\n injected: 1", b"x-a: b\rc: d", b"x-a: b\nauthorization: Bearer x", b"x-a: \x00"])
def test_line_breaks_in_headers(envoy, upstream, line):
    data = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n" + line + b"\r\nconnection: close\r\n\r\n"
    with upstream.untouched():
        assert raw.send(envoy.port, data).status in (400, 401)


@pytest.mark.parametrize("value", [b"Bearer a\r\nx: y", b"Bearer a\ny", b"Bearer \x00"])
def test_line_breaks_over_http2(envoy, upstream, value):
    with upstream.untouched():
        assert raw.http2(envoy.port, "GET", "/v1/models", [("authorization", value)]).status in (0, 400, 401)


def test_two_authorization_headers(envoy, upstream, issuer):
    good, other = issuer.token("autogen:model:read"), issuer.token("autogen:model:delete")
    with upstream.untouched():
        answer = ask(envoy, [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {other}")])
    assert (answer.status, answer.decision["reason"]) == (401, "authorization_ambiguous")


@pytest.mark.parametrize(
    "form",
    ["Bearer {t},Bearer {t}", "Bearer {t}, Basic YTpi", "Bearer {t} {t}", "Bearer  {t}", "Basic YTpi", "{t}", "Bearer", "Bearer "],
)
def test_authorization_that_is_not_one_token(envoy, upstream, issuer, form):
    with upstream.untouched():
        answer = ask(envoy, [("authorization", form.format(t=issuer.token("autogen:model:read")))])
    assert answer.status == 401
    assert answer.decision["reason"] in ("authorization_ambiguous", "token_missing", "token_malformed")
    assert answer.header("www-authenticate").startswith('Bearer realm="e2e"')


def test_connection_cannot_remove_authorization(envoy, upstream, issuer):
    """Envoy deletes what `Connection` names before the filter runs: a missing token is refused."""
    token = issuer.token("autogen:model:read")
    data = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close, authorization\r\n\r\n"
    with upstream.untouched():
        answer = raw.send(envoy.port, data.encode())
    assert (answer.status, answer.decision["reason"]) == (401, "token_missing")


@pytest.mark.parametrize("count", [101, 120, 1000])
def test_too_many_headers(envoy, upstream, issuer, count):
    with upstream.untouched():
        answer = ask(envoy, [(f"x-{n}", "v") for n in range(count)], token=issuer.token("autogen:model:read"))
    assert answer.status in (0, 400, 431)


def test_too_many_headers_over_http2(envoy, upstream, issuer):
    headers = [("authorization", f"Bearer {issuer.token('autogen:model:read')}"), *[(f"x-{n}", "v") for n in range(120)]]
    with upstream.untouched():
        assert raw.http2(envoy.port, "GET", "/v1/models", headers).status in (0, 400, 431)


@pytest.mark.parametrize("size", [33_000, 70_000])
def test_huge_headers(envoy, upstream, issuer, size):
    with upstream.untouched():
        answer = ask(envoy, [("x-big", "v" * size)], token=issuer.token("autogen:model:read"))
    assert answer.status in (0, 431)


def test_a_token_over_the_cap(envoy, upstream):
    with upstream.untouched():
        answer = ask(envoy, [("authorization", "Bearer " + "e" * 20_000)])
    assert (answer.status, answer.decision["reason"]) == (401, "token_too_large")


@pytest.mark.parametrize("name", ["authorization", "x-user"])
def test_request_trailers(envoy, upstream, issuer, name):
    """The body ends with trailers, not with its last byte; a filter that waits for that byte inspects nothing."""
    headers = [("authorization", f"Bearer {issuer.token('autogen:prompt')}"), ("content-type", "application/json")]
    with upstream.untouched():
        answer = raw.http2(envoy.port, "POST", "/v1/chat/completions", headers, b'{"model":"gpt-4o-mini"}', [(name, "x")])
    assert (answer.status, answer.decision["reason"]) == (400, "trailers_present")


def test_a_refused_body_that_ends_with_trailers(envoy, upstream, issuer):
    headers = [("authorization", f"Bearer {issuer.token('autogen:prompt')}"), ("content-type", "application/json")]
    with upstream.untouched():
        answer = raw.http2(envoy.port, "POST", "/v1/chat/completions", headers, b'{"model":"gpt-4o"}', [("x", "y")])
    assert answer.status in (400, 403)


@pytest.mark.parametrize("known_length", [True, False])
def test_a_body_over_the_cap(envoy, upstream, issuer, known_length):
    token = issuer.token("autogen:prompt")
    body = b'{"model":"gpt-4o-mini","messages":[],"pad":"' + b"x" * (4 << 20) + b'"}'
    json_type = [("content-type", "application/json")]
    with upstream.untouched():
        if known_length:
            answer = raw.request(envoy.port, "POST", "/v1/chat/completions", token, body, json_type)
        else:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
            head += "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            chunk = b"%x\r\n%s\r\n" % (len(body), body)
            answer = raw.send(envoy.port, head.encode() + chunk + b"0\r\n\r\n")
    assert answer.status == 413
    if known_length:
        assert answer.json()["error"]["code"] == "body_too_large"
    record = envoy.record_of(answer)
    assert (record["decision"], record["reason"]) == ("deny", "body_too_large")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/models/../models", "/v1/./models", "//v1/models", "/v1//models", "/v1/models/%2e%2e/files", "/v1%2fmodels",
        "/v1/models%0a", "/v1/models%00", "/v1/models%5c", "/v1/models/a%252fb", "/v1/models;x=1", "/v1/models%zz",
        "/v1/models/%c0%af", "/v1/models#x",
    ],
)
def test_paths_that_can_be_read_two_ways(envoy, upstream, issuer, target):
    """Refused, or decided and forwarded in the one form that Envoy normalised it to."""
    before = len(upstream.requests)
    answer = raw.request(envoy.port, "GET", target, issuer.token("autogen:model:read"))
    if answer.status == 200:
        assert [s.target for s in upstream.requests[before:]] == ["/v1/models"]
    else:
        assert answer.status in (400, 403, 404)
        assert len(upstream.requests) == before


@pytest.mark.parametrize("method", ["get", "XGET", "TRACE", "CONNECT", "PROPFIND"])
def test_methods_off_the_list(envoy, upstream, issuer, method):
    with upstream.untouched():
        assert raw.request(envoy.port, method, "/v1/models", issuer.token("autogen:model:read")).status in (0, 400, 404, 405)


def test_method_override_headers_do_not_reach_the_upstream(envoy, upstream, issuer):
    names = ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url",
             "x-forwarded-uri", "forwarded", "x-scopewarden-decision", "x-envoy-original-path"]
    with upstream.expect(1) as seen:
        ask(envoy, [(name, "/v1/files") for name in names], token=issuer.token("autogen:model:read"))
    assert not {n for n, _ in seen[0].headers} & set(names)


@pytest.mark.parametrize("host", ["evil", "localhost,evil", "a@localhost", ""])
def test_other_hosts_are_misdirected(envoy, upstream, issuer, host):
    with upstream.untouched():
        answer = raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read"), host=host)
    assert answer.status in (400, 421)


def test_two_host_headers_are_misdirected(envoy, upstream, issuer):
    with upstream.untouched():
        assert ask(envoy, [("host", "evil")], token=issuer.token("autogen:model:read")).status in (400, 421)


def test_underscores_in_header_names(envoy, upstream, issuer):
    with upstream.untouched():
        assert ask(envoy, [("x_grant", "1")], token=issuer.token("autogen:model:read")).status == 400


def test_the_callers_request_id_is_not_believed(envoy, issuer):
    answer = ask(envoy, [("x-request-id", "mine")], token=issuer.token("autogen:model:read"))
    assert answer.header("x-request-id") not in (None, "mine")


def test_pipelined_requests_are_judged_one_by_one(envoy, upstream, issuer):
    token = issuer.token("autogen:model:read")
    one = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    two = "DELETE /v1/models/ft:mine HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    with upstream.expect(1) as seen, socket.create_connection(("127.0.0.1", envoy.port), timeout=5) as connection:
        connection.sendall((one + two).encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    assert data.count(b"HTTP/1.1 200") == 1 and data.count(b"HTTP/1.1 401") == 1
    assert seen[0].method == "GET"
