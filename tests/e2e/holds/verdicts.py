"""An approval service that costs little: HTTP/2 without decoding a header, and verdicts signed when all of them are wanted.

`python -m holds.verdicts` prints its port and its key. `count` on its input is answered with how many questions wait, `approve`
with the moment at which each verdict was written, by the path that is asked about.
"""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import time
from pathlib import Path

import jwt

from fakes.approvals import VERDICT_TYPE
from fakes.issuer import Key

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
#: Verdicts a second. Ten thousand at one moment keep a worker busy for longer than its connections to the upstream may take.
RATE = 500
#: HPACK: `:status: 200` and `content-type: application/jwt`, both by their index in the static table.
OK_JWT = b"\x88" + b"\x0f\x10" + bytes([len("application/jwt")]) + b"application/jwt"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Peer(asyncio.Protocol):
    """One of Envoy's connections. Windows are opened so wide that nobody waits for credit."""

    def __init__(self, questions: list[tuple[Peer, int, dict]]) -> None:
        self._questions, self._buffer, self._bodies = questions, bytearray(), {}

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.write(frame(SETTINGS, 0, 0, struct.pack(">HIHI", 3, 1 << 20, 4, 1 << 20)))
        transport.write(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._buffer.startswith(PREFACE):
            del self._buffer[: len(PREFACE)]
        while len(self._buffer) >= 9:
            length = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + length:
                return
            kind, flags, stream = self._buffer[3], self._buffer[4], int.from_bytes(self._buffer[5:9], "big")
            payload = bytes(self._buffer[9 : 9 + length])
            del self._buffer[: 9 + length]
            self._frame(kind, flags, stream, payload)

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.transport.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == DATA:
            self._bodies[stream] = self._bodies.get(stream, b"") + payload
            if flags & END_STREAM:
                self._questions.append((self, stream, json.loads(self._bodies.pop(stream))))


def verdict(question: dict, key: Key) -> bytes:
    now = int(time.time())
    claims = {
        "iat": now, "exp": now + 30, "nonce": question["nonce"], "fingerprint": question["fingerprint"], "status": "approved",
        "approval": "apr_1", "approvers": [{"issuer": "https://idp.test/", "subject": "bo"}],
    }
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"kid": key.kid, "typ": VERDICT_TYPE}).encode()


async def serve() -> None:
    key, questions = Key("approvals-1", "EdDSA"), []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(questions), "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "keys": {"keys": [key.jwk()]}}), flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        if line.strip() == b"count":
            print(len(questions), flush=True)
            continue
        answers = [
            (question["call"]["path"], peer, stream, verdict(question, key)) for peer, stream, question in questions
        ]
        questions.clear()
        written = {}
        for number, (path, peer, stream, body) in enumerate(answers):
            if number % (RATE // 20) == 0:
                await asyncio.sleep(0.05)
            peer.transport.write(frame(HEADERS, END_HEADERS, stream, OK_JWT) + frame(DATA, END_STREAM, stream, body))
            written[path] = time.monotonic()
        print(json.dumps(written), flush=True)


class Verdicts:
    """The service in a process of its own, so that it does not wait for the callers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "holds.verdicts"], cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )
        said = json.loads(self._process.stdout.readline())
        self.port, self.keys = said["port"], said["keys"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)

    def _ask(self, command: str):
        self._process.stdin.write(command + "\n")
        return json.loads(self._process.stdout.readline())

    def count(self) -> int:
        return self._ask("count")

    def approve(self) -> dict[str, float]:
        """When each verdict was given, by the monotonic clock and by path."""
        return self._ask("approve")


if __name__ == "__main__":
    asyncio.run(serve())
