"""Pipelined HTTP/1.1 over kept connections, and Envoy's log beside them, in one loop: threads would cost more than they save."""

from __future__ import annotations

import os
import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: A connection also closes for what the request before did, so being first when it happens says little.
MOST_TRIES = 8
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.I)


@dataclass(slots=True)
class Sent:
    case: int
    data: bytes
    #: The answer to a HEAD announces a body and has none.
    head: bool = False
    #: How often it was first in a connection that closed without answering it.
    closed: int = 0


@dataclass(slots=True)
class Answer:
    """Status 0: the connection was closed without an answer."""

    status: int
    head: bytes = b"\r\n"
    body: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        start = self.head.find(b"\r\n" + name + b": ")
        if start < 0:
            return None
        start += len(name) + 4
        return self.head[start : self.head.find(b"\r\n", start)]


class Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.waiting: deque[Sent] = deque()
        self.out = b""
        self.received = b""
        #: The peer said that it will close; what waits was not looked at.
        self.ending = False

    def flush(self) -> None:
        try:
            while self.out:
                self.out = self.out[self.socket.send(self.out) :]
        except BlockingIOError:
            pass
        except OSError:
            self.out = b""  # the answers that are still there say the rest

    def answers(self) -> Iterator[tuple[Sent, Answer]]:
        """The complete answers received so far."""
        at = 0
        while self.waiting and (end := self.received.find(b"\r\n\r\n", at)) >= 0:
            head = self.received[at : end + 2]
            sent = self.waiting[0]
            status = int(head[9:12])
            length = LENGTH.search(head)
            assert length or sent.head or status < 200, f"an answer of unknown length: {head!r}"
            size = 0 if sent.head or status < 200 else int(length[1])
            if len(self.received) < end + 4 + size:
                break
            at = end + 4 + size
            if status < 200:
                continue
            self.ending |= b"\r\nconnection: close" in head
            self.waiting.popleft()
            yield sent, Answer(status, head, self.received[end + 4 : at])
            if self.ending:
                break
        self.received = self.received[at:]


class Wire:
    def __init__(self, port: int, log: int, connections: int = 32, depth: int = 4) -> None:
        self.port, self.log, self.depth = port, log, depth
        self._selector = selectors.DefaultSelector()
        self._selector.register(log, selectors.EVENT_READ, None)
        #: Requests sent again although they may have been served.
        self.resent = 0
        self._again: deque[Sent] = deque()
        self._tail = b""
        self._connections: set[Connection] = set()
        for _ in range(connections):
            self._open()

    def close(self) -> None:
        for connection in self._connections:
            connection.socket.close()
        self._selector.close()

    def run(self, requests: Iterator[Sent], answered: Callable[[Sent, Answer], None], line: Callable[[bytes], None]) -> None:
        """Sends them all and returns when all are answered; `line` gets each line of the log meanwhile."""
        left = True
        while True:
            for connection in list(self._connections):
                while len(connection.waiting) < self.depth and not connection.ending:
                    sent = self._again.popleft() if self._again else next(requests, None) if left else None
                    if sent is None:
                        left = False
                        break
                    connection.waiting.append(sent)
                    connection.out += sent.data
                if connection.out:
                    connection.flush()
            if not (left or self._again or any(c.waiting for c in self._connections)):
                return
            self._turn(answered, line, 30)

    def drain(self, line: Callable[[bytes], None], until: Callable[[], bool], timeout: float = 10) -> bool:
        """Reads the log until that holds; tells whether it did."""
        deadline = time.monotonic() + timeout
        while not until() and time.monotonic() < deadline:
            self._turn(lambda *_: None, line, 0.2, quiet=True)
        return until()

    def _turn(self, answered, line, timeout: float, quiet: bool = False) -> None:
        ready = self._selector.select(timeout)
        assert ready or quiet, f"nothing happened for {timeout} s"
        for key, _ in ready:
            if key.data is None:
                self._read_log(line)
                continue
            connection: Connection = key.data
            try:
                data = connection.socket.recv(1 << 18)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            connection.received += data
            for sent, answer in connection.answers():
                answered(sent, answer)
            # Envoy waits for its peer to close first.
            if connection.ending or not data:
                self._closed(connection, answered)

    def _read_log(self, line: Callable[[bytes], None]) -> None:
        try:
            data = os.read(self.log, 1 << 18)
        except BlockingIOError:
            return
        assert data, "Envoy ended"
        *lines, self._tail = (self._tail + data).split(b"\n")
        for text in lines:
            line(text)

    def _open(self) -> None:
        connection = Connection(self.port)
        self._connections.add(connection)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _closed(self, connection: Connection, answered) -> None:
        """What waited is sent again on other connections; whoever was first each time is taken for the cause."""
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._connections.discard(connection)
        if connection.waiting and not connection.ending:
            first = connection.waiting[0]
            first.closed += 1
            self.resent += 1
            if first.closed == MOST_TRIES:
                answered(connection.waiting.popleft(), Answer(0))
        self._again.extend(connection.waiting)
        self._open()
