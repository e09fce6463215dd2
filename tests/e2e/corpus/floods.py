"""Connections that flood Envoy with HTTP/2 frames. Each asks for `/admin` all the while, which must not run even once."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import h2.config
import h2.connection
import h2.errors
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from .case import HOST

STREAMS = 200


@contextlib.contextmanager
def _peer(port: int) -> Iterator[tuple[socket.socket, h2.connection.H2Connection]]:
    """A connection whose end, at any point, is as good an answer as any."""
    config = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False)
    peer = h2.connection.H2Connection(config)
    peer.initiate_connection()
    with contextlib.suppress(ConnectionError, TimeoutError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
        connection.sendall(peer.data_to_send())
        yield connection, peer


def _request(token: bytes, path: bytes = b"/admin") -> list[tuple[bytes, bytes]]:
    pseudo = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", HOST), (b":path", path)]
    return [*pseudo, (b"authorization", b"Bearer " + token)]


def _frames(port: int, frames: list[Frame]) -> None:
    with _peer(port) as (connection, _):
        connection.sendall(b"".join(frame.serialize() for frame in frames))
        while connection.recv(1 << 16):
            pass


def rapid_reset(port: int, token: bytes) -> None:
    with _peer(port) as (connection, peer):
        for stream in range(1, 2 * STREAMS, 2):
            peer.send_headers(stream, _request(token), end_stream=True)
            peer.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        connection.sendall(peer.data_to_send())


def half_requests(port: int, token: bytes) -> None:
    """Bodies that never end, on as many streams as there may be."""
    with _peer(port) as (connection, peer):
        for stream in range(1, 200, 2):
            peer.send_headers(stream, _request(token))
            peer.send_data(stream, b"x")
        connection.sendall(peer.data_to_send())


def continuations(port: int, token: bytes) -> None:
    peer = h2.connection.H2Connection()
    block = peer.encoder.encode(_request(token))
    frames: list[Frame] = [HeadersFrame(1, block)]
    frames += [ContinuationFrame(1, peer.encoder.encode([(b"x-%d" % n, b"v")])) for n in range(2000)]
    _frames(port, frames)


def settings(port: int, token: bytes) -> None:
    _frames(port, [SettingsFrame(0, settings={1: n}) for n in range(5000)])


def pings(port: int, token: bytes) -> None:
    _frames(port, [PingFrame(0, b"12345678") for _ in range(5000)])


def priorities(port: int, token: bytes) -> None:
    _frames(port, [PriorityFrame(n * 2 + 1, stream_weight=n % 256) for n in range(5000)])


def windows(port: int, token: bytes) -> None:
    _frames(port, [WindowUpdateFrame(0, window_increment=1) for _ in range(5000)])


def upper_case(port: int, token: bytes) -> None:
    """A name in capitals, in two requests at once."""
    with _peer(port) as (connection, peer):
        for stream in (1, 3):
            peer.send_headers(stream, [*_request(token), (b"X-Role", b"admin")], end_stream=True)
        connection.sendall(peer.data_to_send())
        while connection.recv(1 << 16):
            pass


ALL: dict[str, Callable[[int, bytes], None]] = {
    "streams that are reset at once": rapid_reset, "streams without an end": half_requests, "header blocks without an end": continuations,
    "settings": settings, "pings": pings, "priorities": priorities, "window updates": windows,
}  # fmt: skip
