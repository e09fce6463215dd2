"""Load: h2load over HTTP/1.1 with keep-alive, and a small client for requests that differ in their tokens."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

#: Fifteen header fields with `host`, `user-agent` and `authorization`: what an SDK behind a tracing library sends.
FIELDS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate, br",
    "x-stainless-lang": "python",
    "x-stainless-package-version": "2.8.1",
    "x-stainless-os": "Linux",
    "x-stainless-arch": "x64",
    "x-stainless-runtime": "CPython",
    "x-stainless-runtime-version": "3.12.9",
    "x-stainless-async": "async:asyncio",
    "x-stainless-retry-count": "0",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "x-session-affinity": "6f2e7a0c-1c0b-4f57-8d6e-3a1f7f7f5b42",
}
USER_AGENT = "AsyncOpenAI/Python 2.8.1"


def h2load(port: int, path: str, token: str, requests: int, body: Path | None = None) -> None:
    """Sends so many requests over eight connections; every one has to be answered with 2xx."""
    fields = {**FIELDS, "user-agent": USER_AGENT, "authorization": f"Bearer {token}"}
    arguments = ["h2load", "--h1", "-n", str(requests), "-c", "8", "-t", "1"]
    if body is not None:
        arguments += ["-d", str(body)]
        fields["content-type"] = "application/json"
    for name, value in fields.items():
        arguments += ["-H", f"{name}: {value}"]
    out = subprocess.run([*arguments, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    answered = re.search(r"status codes: (\d+) 2xx", out)
    if answered is None or int(answered[1]) != requests:
        raise SystemExit(f"not all of {requests} requests to {path} were allowed:\n{out}")


class Client:
    """One connection, one request at a time."""

    def __init__(self, port: int, path: str) -> None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in FIELDS.items())
        self._head = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: {USER_AGENT}\r\n{fields}authorization: Bearer "
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, tokens: list[str]) -> None:
        for token in tokens:
            self._socket.sendall(f"{self._head}{token}\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\nok" not in answer:
                more = self._socket.recv(65536)
                if not more:
                    raise SystemExit(f"the connection was closed: {answer!r}")
                answer += more
                if not answer.startswith(b"HTTP/1.1 200"[: len(answer)]):
                    raise SystemExit(f"a good token was refused: {answer!r}")

    def close(self) -> None:
        self._socket.close()
