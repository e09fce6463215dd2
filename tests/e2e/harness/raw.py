"""Requests byte for byte, over HTTP/1.1 and HTTP/2: what no well-behaved client would send."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events


@dataclass
class Response:
    """Status 0: the connection was closed, or the stream reset, without an answer."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        values = [v for n, v in self.headers if n.lower() == name]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def decision(self) -> dict[str, str]:
        """`x-scopewarden-decision: deny; reason=scope_missing; record=...` as a dictionary."""
        value = self.header("x-scopewarden-decision")
        assert value is not None, f"no decision header in {self}"
        verdict, *rest = [part.strip() for part in value.split(";")]
        return {"decision": verdict, **dict(part.split("=", 1) for part in rest)}


def send(port: int, data: bytes, timeout: float = 10.0, method: str = "GET") -> Response:
    """One HTTP/1.1 exchange from raw bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        # Refused before all was sent: the answer may still be there.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        answer = http.client.HTTPResponse(connection, method=method)
        try:
            answer.begin()
            return Response(answer.status, answer.getheaders(), answer.read())
        except (http.client.BadStatusLine, ConnectionResetError, http.client.IncompleteRead):
            return Response(0)
        finally:
            answer.close()


def request(
    port: int, method: str, target: str, token: str | None = None, body: bytes | dict | list | None = None,
    headers: list[tuple[bytes | str, bytes | str]] = (), host: str = "localhost", timeout: float = 10.0,
) -> Response:
    """One HTTP/1.1 exchange with exactly these headers; a dictionary becomes a JSON body."""
    lines: list[tuple[bytes | str, bytes | str]] = [("host", host), ("connection", "close")]
    if token is not None:
        lines.append(("authorization", f"Bearer {token}"))
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        lines.append(("content-type", "application/json"))
    if body is not None:
        lines.append(("content-length", str(len(body))))
    out = io.BytesIO()
    out.write(f"{method} {target} HTTP/1.1\r\n".encode("latin-1"))
    for name, value in [*lines, *headers]:
        out.write(_bytes(name) + b": " + _bytes(value) + b"\r\n")
    out.write(b"\r\n" + (body or b""))
    return send(port, out.getvalue(), timeout, method)


@contextlib.contextmanager
def opened(port: int, data: bytes) -> Iterator[socket.socket]:
    """Sends these bytes, and at the end of the block goes away without an answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(data)
        yield connection


def http2(
    port: int, method: str, path: str, headers: list[tuple[str | bytes, str | bytes]] = (), body: bytes | None = None,
    trailers: list[tuple[str, str]] | None = None, authority: str = "localhost", scheme: str = "http", timeout: float = 10.0,
) -> Response:
    """One HTTP/2 stream with prior knowledge; nothing is checked or mended on the way out."""
    config = h2.config.H2Configuration(
        client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
    )
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        peer = h2.connection.H2Connection(config)
        peer.initiate_connection()
        pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
        done = body is None and trailers is None
        peer.send_headers(1, [(_bytes(n), _bytes(v)) for n, v in [*pseudo, *headers]], end_stream=done)
        if body is not None:
            for start in range(0, max(len(body), 1), 16000):
                last = start + 16000 >= len(body)
                peer.send_data(1, body[start : start + 16000], end_stream=last and trailers is None)
        if trailers is not None:
            peer.send_headers(1, [(_bytes(n), _bytes(v)) for n, v in trailers], end_stream=True)
        connection.sendall(peer.data_to_send())
        return _http2_answer(connection, peer)


def _http2_answer(connection: socket.socket, peer: h2.connection.H2Connection) -> Response:
    response = Response(0)
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionResetError:
            return response
        if not data:
            return response
        for event in peer.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    response.headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
                    response.status = int(response.header(":status") or 0)
                case h2.events.DataReceived():
                    response.body += event.data
                    peer.acknowledge_received_data(event.flow_controlled_length, 1)
                case h2.events.TrailersReceived():
                    response.headers += [(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers]
                case h2.events.StreamEnded() | h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    return response
        connection.sendall(peer.data_to_send())


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
