"""Sends bytes over HTTP/1.1 and reads as many answers as come: a request that was smuggled in may bring one of its own."""

from __future__ import annotations

import contextlib
import re
import socket

from harness.raw import Response

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.I)


def http1(port: int, data: bytes, answers: int, head: bool, patience: float) -> tuple[list[Response], bool]:
    """Final answers, and whether the connection was closed before there were enough."""
    found: list[Response] = []
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        # Refused before all was sent: the answer may still be there.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        while len(found) < answers:
            try:
                more = connection.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                return found, False
            received += more
            received = _answers(received, found, head)
            if not more:
                return found, True
    return found, False


def _answers(data: bytes, found: list[Response], head: bool) -> bytes:
    while (end := data.find(b"\r\n\r\n")) >= 0:
        top = data[: end + 2]
        status, length = int(top[9:12]), LENGTH.search(top)
        size = 0 if head or status < 200 or length is None else int(length[1])
        if len(data) < end + 4 + size:
            break
        body, data = data[end + 4 : end + 4 + size], data[end + 4 + size :]
        if status >= 200 or status == 101:
            lines = (line.partition(": ") for line in top.decode("latin-1").split("\r\n")[1:] if line)
            found.append(Response(status, [(name, value) for name, _, value in lines], body))
    return data
