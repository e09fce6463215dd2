"""REST, WebSocket, gRPC and A2A: decided, and refused in their own words."""

from __future__ import annotations

import grpc
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from harness import raw


def test_rest_refusal_is_a_problem(envoy, upstream, issuer):
    with upstream.untouched():
        answer = raw.request(envoy.port, "POST", "/internal/keys/7/rotate", issuer.token("autogen:prompt"))
    assert answer.status == 403
    assert answer.header("content-type") == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 403
    assert problem["type"] == "urn:scopewarden:reason:scope_missing"
    assert problem["operation"] == "acme.keys.rotate"
    assert 'scope="acme:keys:rotate"' in answer.header("www-authenticate")
    assert problem["record"] == answer.decision["record"]


def test_own_operation_allowed(envoy, upstream, issuer):
    with upstream.expect(1):
        assert raw.request(envoy.port, "POST", "/internal/keys/7/rotate", issuer.token("acme:keys:rotate")).status == 404


def test_unknown_operation(envoy, upstream, issuer):
    with upstream.untouched():
        answer = raw.request(envoy.port, "GET", "/internal/other", issuer.token("acme:keys:rotate"))
    assert (answer.status, answer.decision["reason"]) == (403, "operation_unknown")


@pytest.mark.parametrize("target, status", [
    ("/api/teams/?user_id=alice@example.com", 200),
    ("/api/teams/?user_id=mallory@example.com", 403),
    ("/api/teams/?user_id=alice@example.com&user_id=mallory@example.com", 400),
    ("/api/teams/?%75ser_id=mallory@example.com", 403),
])
def test_studio_user_is_the_caller(envoy, issuer, target, status):
    token = issuer.token("autogen:team:read", email="alice@example.com")
    assert raw.request(envoy.port, "GET", target, token).status == status


@pytest.mark.parametrize("user, status", [("alice@example.com", 200), ("mallory@example.com", 403)])
def test_studio_user_in_the_body_is_the_caller(envoy, issuer, user, status):
    token = issuer.token("autogen:run:write", email="alice@example.com")
    body = {"session_id": 1, "user_id": user}
    assert raw.request(envoy.port, "POST", "/api/runs/", token, body).status == status


def websocket(envoy, target: str, token: str):
    headers = {"Authorization": f"Bearer {token}"}
    return connect(f"ws://localhost:{envoy.port}{target}", additional_headers=headers, open_timeout=5, compression=None)


def test_websocket_allowed(envoy, issuer, websocket_echo):
    token = issuer.token("autogen:run:connect", email="alice@example.com")
    with websocket(envoy, "/api/ws/runs/1", token) as connection:
        for message in ["ping", "x" * 100_000]:
            connection.send(message)
            assert connection.recv(timeout=5) == message


def test_websocket_is_refused_at_the_upgrade(envoy, issuer, websocket_echo):
    before = len(websocket_echo.paths)
    with pytest.raises(InvalidStatus) as raised:
        websocket(envoy, "/api/ws/runs/1", issuer.token("autogen:run:read", email="alice@example.com"))
    assert raised.value.response.status_code == 403
    assert len(websocket_echo.paths) == before


def test_websocket_early_data_does_not_pass_a_refusal(envoy, issuer, websocket_echo):
    before = len(websocket_echo.paths)
    data = (
        b"GET /api/ws/runs/1 HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ) + b"\x81\x84aaaaAAAA"
    assert raw.send(envoy.port, data).status == 401
    assert len(websocket_echo.paths) == before


def call(envoy, method: str, token: str | None, message: bytes = b"hello") -> bytes:
    with grpc.insecure_channel(f"localhost:{envoy.port}") as channel:
        metadata = [("authorization", f"Bearer {token}")] if token else []
        return channel.unary_unary(f"/agents.AgentRpc/{method}")(message, metadata=metadata, timeout=5)


def test_grpc_allowed(envoy, issuer, grpc_echo):
    assert call(envoy, "GetSubscriptions", issuer.token("autogen:runtime:read")) == b"hello"
    assert grpc_echo.calls[-1] == "/agents.AgentRpc/GetSubscriptions"


@pytest.mark.parametrize("scope, status", [("autogen:runtime:read", "PERMISSION_DENIED"), (None, "UNAUTHENTICATED")])
def test_grpc_refused(envoy, issuer, grpc_echo, scope, status):
    before = len(grpc_echo.calls)
    with pytest.raises(grpc.RpcError) as raised:
        call(envoy, "RegisterAgent", issuer.token(scope) if scope else None)
    assert raised.value.code().name == status
    assert scope is None or "autogen:runtime:register" in raised.value.details()
    assert len(grpc_echo.calls) == before


def test_grpc_stream_is_decided_when_it_opens(envoy, issuer, grpc_echo):
    def talk(token: str) -> list[bytes]:
        with grpc.insecure_channel(f"localhost:{envoy.port}") as channel:
            stream = channel.stream_stream("/agents.AgentRpc/OpenChannel")
            return list(stream(iter([b"a", b"b", b"c"]), metadata=[("authorization", f"Bearer {token}")], timeout=5))

    assert talk(issuer.token("autogen:runtime:channel")) == [b"a", b"b", b"c"]
    before = len(grpc_echo.calls)
    with pytest.raises(grpc.RpcError) as raised:
        talk(issuer.token("autogen:runtime:read"))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert len(grpc_echo.calls) == before


def test_a2a(envoy, upstream, issuer):
    body = {"jsonrpc": "2.0", "id": "7", "method": "message/send", "params": {"message": {"parts": []}}}
    with upstream.untouched():
        answer = raw.request(envoy.port, "POST", "/a2a", issuer.token("autogen:prompt"), body)
    assert answer.status == 200
    assert (answer.json()["id"], answer.json()["error"]["data"]["reason"]) == ("7", "scope_missing")
    with upstream.expect(1):
        wanted = answer.json()["error"]["data"]["scopes_wanted"]
        assert raw.request(envoy.port, "POST", "/a2a", issuer.token(*wanted), body).json()["result"]
