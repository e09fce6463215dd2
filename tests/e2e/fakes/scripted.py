"""Upstreams that answer what a test has written down, piece by piece: over HTTP/1.1, and over HTTP/2 with trailers."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events

from .listening import Listener
from .upstream import Seen, Upstream


@dataclass
class Script:
    """One response. `length`: it says how long it is, and comes at once."""

    chunks: list[bytes] = field(default_factory=list)
    content_type: str = "application/json"
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    length: bool = False
    #: When set, each piece but the first waits for it; it is cleared again.
    gate: threading.Semaphore | None = None


class Scripted(Upstream):
    """The OpenAI-compatible upstream, until it is given a script."""

    def __init__(self) -> None:
        self.script: Script | None = None
        super().__init__()

    def _answer(self, connection: socket.socket, seen: Seen) -> None:
        script = self.script
        if script is None:
            super()._answer(connection, seen)
            return
        body = b"".join(script.chunks)
        framing = ("content-length", str(len(body))) if script.length else ("transfer-encoding", "chunked")
        bodiless = seen.method == "HEAD" or script.status in (204, 304)
        fields = [("content-type", script.content_type), *script.headers, *([] if script.status == 204 else [framing])]
        head = f"HTTP/1.1 {script.status} X\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n"
        connection.sendall(head.encode("latin-1"))
        if bodiless:
            return
        if script.length:
            connection.sendall(body)
            return
        for number, chunk in enumerate(script.chunks):
            if number and script.gate is not None:
                assert script.gate.acquire(timeout=30)
            self._chunk(connection, chunk)
        connection.sendall(b"0\r\n\r\n")


class ScriptedHttp2(Listener):
    """The same over HTTP/2, with prior knowledge."""

    def __init__(self) -> None:
        self.script = Script()
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        peer.initiate_connection()
        with connection:
            try:
                connection.sendall(peer.data_to_send())
                while data := connection.recv(65536):
                    for event in peer.receive_data(data):
                        if isinstance(event, h2.events.StreamEnded):
                            self._respond(connection, peer, event.stream_id)
                    connection.sendall(peer.data_to_send())
            except OSError:
                return

    def _respond(self, connection: socket.socket, peer: h2.connection.H2Connection, stream: int) -> None:
        script = self.script
        fields = [(":status", str(script.status)), ("content-type", script.content_type), *script.headers]
        peer.send_headers(stream, fields)
        for number, chunk in enumerate(script.chunks):
            last = number + 1 == len(script.chunks) and not script.trailers
            peer.send_data(stream, chunk, end_stream=last)
            connection.sendall(peer.data_to_send())
        if script.trailers:
            peer.send_headers(stream, script.trailers, end_stream=True)
