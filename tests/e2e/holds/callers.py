"""Callers at little cost: one event loop, one connection for each request."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Call:
    """One request and what came of it. Status 0: the connection was closed without an answer."""

    data: bytes
    status: int | None = None
    #: When the head of the answer came, by the monotonic clock.
    at: float = 0.0
    head: bytes = field(default=b"", repr=False)

    @property
    def target(self) -> str:
        return self.data.split(b" ", 2)[1].decode()

    def header(self, name: bytes) -> bytes | None:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name:
                return value.strip()
        return None


class _Connection(asyncio.Protocol):
    """Sends its call at once, and reads the head of the answer."""

    def __init__(self, call: Call, over: asyncio.Semaphore) -> None:
        self._call, self._over, self._read = call, over, b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def send(self) -> None:
        self._transport.write(self._call.data)

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._call.status is None and b"\r\n\r\n" in self._read:
            self._end(int(self._read.split(b" ", 2)[1]))
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if self._call.status is None:
            self._end(0)

    def _end(self, status: int) -> None:
        self._call.status, self._call.at = status, time.monotonic()
        self._call.head = self._read.partition(b"\r\n\r\n")[0]
        self._over.release()


class Callers:
    """Opens a connection for each request, then sends them all."""

    def __init__(self, port: int) -> None:
        self._port, self._over = port, asyncio.Semaphore(0)
        self.calls: list[Call] = []
        self._connections: list[_Connection] = []

    async def open(self, requests: list[bytes], at_once: int = 100) -> None:
        loop = asyncio.get_running_loop()

        async def one(call: Call) -> None:
            _, connection = await loop.create_connection(lambda: _Connection(call, self._over), "127.0.0.1", self._port)
            self._connections.append(connection)

        calls = [Call(data) for data in requests]
        for start in range(0, len(calls), at_once):
            await asyncio.gather(*(one(call) for call in calls[start : start + at_once]))
        self.calls += calls

    async def send(self, at_once: int | None = None) -> None:
        """All of them; `at_once` lets the other side keep up."""
        for number, connection in enumerate(self._connections, 1):
            connection.send()
            if at_once and number % at_once == 0:
                await asyncio.sleep(0.02)

    async def answered(self, count: int, timeout: float) -> None:
        """Until so many more have their answer; `TimeoutError` when they take longer."""
        async with asyncio.timeout(timeout):
            for _ in range(count):
                await self._over.acquire()

    def statuses(self) -> Counter:
        return Counter(call.status for call in self.calls)


def burst(port: int, requests: list[bytes], timeout: float = 30) -> list[Call]:
    """Sends these at the same moment, each on a connection of its own, and gives what came of them."""

    async def run() -> list[Call]:
        callers = Callers(port)
        await callers.open(requests)
        await callers.send()
        await callers.answered(len(requests), timeout)
        return callers.calls

    return asyncio.run(run())


def delete(target: str, token: str) -> bytes:
    return f"DELETE {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n".encode()
