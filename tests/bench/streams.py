"""What masking a streamed response costs: CPU time for a stream, beside `ext_proc`, and time added to each event."""

from __future__ import annotations

import re
import socket
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import configs
import load
from processes import Envoy, Process, Server, free_port
from report import Figure

REQUEST = b'{"model": "gpt-4o-mini", "stream": true, "messages": [{"role": "user", "content": "What is left to do?"}]}'
#: As many as `bench-events` writes, without the one that says `[DONE]`.
EVENTS = 99
STREAMS = 24
#: Streams of each side whose events are timed in one round, one after the other.
TIMED = 3
#: A stream takes 0.2 s at the pace of its upstream, so that more rounds would take long.
MOST_ROUNDS = 15
#: What the upstream says once in a stream, and what becomes of it.
MAIL, MASKED_MAIL = b'"ana@example.com ', b'"[masked:email] '
STAMP = re.compile(rb'"obfuscation":"([0-9a-f]{16})"')


@dataclass
class Side:
    """An Envoy, and the processes whose CPU time it costs besides."""

    name: str
    envoy: Envoy
    also: list[Process] = field(default_factory=list)

    def cpu_ns(self) -> int:
        return sum(process.cpu_ns() for process in [self.envoy, *self.also])


def measure(binary: str, sides: configs.Sides, processor: Server, directory: Path, rounds: int) -> list[Figure]:
    token = sides.issuer.token(0)
    body = directory / "stream.json"
    body.write_bytes(REQUEST)

    def side(name: str, filters: list[dict], also: list[Process] = ()) -> Side:
        config = configs.bootstrap(sides, filters, "events", free_port(), free_port())
        return Side(name, Envoy(binary, name, config, directory), list(also))

    masked = configs.policy(sides.issuer) | {"redact": {"detectors": ["secrets", "personal"]}}
    all_sides = [
        side("stream_none", []),
        side("stream", [configs.wasm(sides.wasm, configs.policy(sides.issuer))]),
        side("stream_masked", [configs.wasm(sides.wasm, masked)]),
        side("stream_ext_proc", [configs.ext_proc()], [processor]),
    ]
    try:
        for one in all_sides:
            one.envoy.first_answer(configs.HEAD_PATH, {"authorization": f"Bearer {token}"})
            load.h2load(one.envoy.port, configs.CHAT_PATH, token, STREAMS, body)
            check(one, token)
        return cpu(all_sides, token, body, min(rounds, MOST_ROUNDS)) + added(all_sides, token, min(rounds, MOST_ROUNDS))
    finally:
        for one in all_sides:
            one.envoy.stop()


def check(side: Side, token: str) -> None:
    """A side that does not do its work measures nothing."""
    latencies(side.envoy.port, token, MASKED_MAIL if side.name == "stream_masked" else MAIL)
    if side.also:
        received = re.search(r"stream_msgs_received: (\d+)", side.envoy.admin("/stats?filter=ext_proc.stream_msgs_received"))
        if received is None or int(received[1]) < STREAMS * EVENTS:
            raise SystemExit(f"`{side.name}` did not answer for every event: {received}")


def cpu(sides: list[Side], token: str, body: Path, rounds: int) -> list[Figure]:
    """CPU time for a stream, eight at a time; each round starts with another side."""
    cost: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        turn = number % len(sides)
        for side in sides[turn:] + sides[:turn]:
            before = side.cpu_ns()
            load.h2load(side.envoy.port, configs.CHAT_PATH, token, STREAMS, body)
            cost[side.name].append((side.cpu_ns() - before) / STREAMS / 1000)

    def ratio(name: str, side: str, to: str, target: float | None = None) -> Figure:
        return Figure(name, [a / b for a, b in zip(cost[side], cost[to])], "ratio", target)

    return [
        ratio("envoy.sse_vs_ext_proc", "stream_masked", "stream_ext_proc", 0.5),
        ratio("envoy.stream_masked_vs_none", "stream_masked", "stream_none"),
        ratio("envoy.stream_unmasked_vs_none", "stream", "stream_none"),
        ratio("envoy.stream_ext_proc_vs_none", "stream_ext_proc", "stream_none"),
        *(Figure(f"cpu.{name}_us", values, "µs") for name, values in cost.items()),
    ]


def added(sides: list[Side], token: str, rounds: int) -> list[Figure]:
    """From an event's being written to its being received, masked above not masked: streams of both take turns."""
    named = {side.name: side for side in sides}
    taken: dict[str, list[list[float]]] = {"stream": [], "stream_masked": [], "stream_ext_proc": []}
    for number in range(rounds):
        turn: dict[str, list[float]] = {name: [] for name in taken}
        for _ in range(TIMED):
            for name in list(turn) if number % 2 else reversed(turn):
                turn[name] += latencies(named[name].envoy.port, token)
        for name, millis in turn.items():
            taken[name].append(millis)

    def p50(name: str) -> list[float]:
        return [statistics.median(millis) for millis in taken[name]]

    def p99(name: str) -> list[float]:
        return [sorted(millis)[len(millis) * 99 // 100] for millis in taken[name]]

    def above(name: str, values: list[float], without: list[float], target: float | None = None) -> Figure:
        return Figure(name, [a - b for a, b in zip(values, without)], "ms", target)

    return [
        above("envoy.sse_added_ms", p50("stream_masked"), p50("stream"), 0.05),
        above("envoy.sse_added_p99_ms", p99("stream_masked"), p99("stream")),
        above("envoy.sse_ext_proc_added_ms", p50("stream_ext_proc"), p50("stream")),
        Figure("envoy.sse_event_ms", p50("stream"), "ms"),
    ]


def latencies(port: int, token: str, content: bytes = b"") -> list[float]:
    """Milliseconds for each event of one stream: the upstream's time is in the event, and both read the same clock. The stream
    has to have that content."""
    head = (
        f"POST {configs.CHAT_PATH} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(REQUEST)}\r\n\r\n"
    )
    millis: list[float] = []
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head.encode() + REQUEST)
        rest, found = b"", False
        while piece := connection.recv(65536):
            now = time.time_ns()
            *events, rest = (rest + piece).split(b"\n\n")
            found = found or any(content in event for event in events)
            millis += [(now - int(stamp[1], 16)) / 1e6 for event in events if (stamp := STAMP.search(event))]
    # Padding is taken out of the few events whose text is held or masked.
    if not EVENTS - 5 <= len(millis) <= EVENTS or not found:
        raise SystemExit(f"{len(millis)} events of {EVENTS} arrived, {content!r} {'among' if found else 'not among'} them: {rest!r}")
    return millis
