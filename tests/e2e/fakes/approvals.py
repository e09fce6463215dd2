"""An approval service that answers as it is told: with signed verdicts, and with everything that is none."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jwt

from .issuer import Key
from .listening import Listener

VERDICT_TYPE = "scopewarden-verdict+jwt"

#: What is written to the connection; `None` closes it without a word, and `RESET` resets it.
Reply = bytes | None
RESET = b"RESET"


def response(status: str, body: bytes, content_type: str = "application/jwt", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


class Approvals(Listener):
    """`reply` makes the bytes that answer a question; it may take its time."""

    def __init__(self) -> None:
        self.key = Key("approvals-1", "EdDSA")
        self.questions: list[dict] = []
        self.abandoned: list[dict] = []
        self.reply: Callable[[dict], Reply] = lambda question: self.verdict(question, "approved")
        super().__init__()

    @contextmanager
    def answering(self, reply: Callable[[dict], Reply]) -> Iterator[list[dict]]:
        """Answers so within the block, and gives the questions that come."""
        before, start = self.reply, len(self.questions)
        self.reply = reply
        fresh: list[dict] = []
        try:
            yield fresh
        finally:
            self.reply = before
            fresh.extend(self.questions[start:])

    def claims(self, question: dict, status: str, **changes) -> dict:
        now = int(time.time())
        claims = {
            "iat": now, "exp": now + 30, "nonce": question["nonce"], "fingerprint": question["fingerprint"],
            "status": status, "approval": "apr_1",
        }
        if status in ("approved", "denied"):
            claims["approvers"] = [{"issuer": "https://idp.test/", "subject": "bo"}]
        return {**claims, **changes}

    def sign(self, claims: dict, key: Key | None = None, **headers) -> bytes:
        key = key or self.key
        token = jwt.encode(
            claims, key.private, algorithm="EdDSA", headers={"kid": self.key.kid, "typ": VERDICT_TYPE, **headers}
        )
        return token.encode()

    def verdict(self, question: dict, status: str, **changes) -> bytes:
        return response("200 OK", self.sign(self.claims(question, status, **changes)))

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming:
            request = incoming.readline().decode()
            length = 0
            while (line := incoming.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = json.loads(incoming.read(length))
            if request.split()[1].endswith("/abandon"):
                self.abandoned.append(body)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                return
            self.questions.append(body)
            reply = self.reply(body)
            if reply == RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif reply is not None:
                # Envoy may have given up waiting, which is what slow replies are for.
                with contextlib.suppress(OSError):
                    connection.sendall(reply)
