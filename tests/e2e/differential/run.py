"""One run: issuer, upstream, Envoy, and `count` requests of a seed, judged."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from fakes.issuer import Issuer
from harness import raw
from harness.config import WASM, Setup
from harness.envoy import wait_for

from .catalogue import policy
from .judge import Case, Judge, Report
from .mutate import mutate
from .proxy import Proxy
from .requests import Request, Source, callers
from .upstream import ARRIVALS
from .wire import Sent, Wire

E2E = Path(__file__).resolve().parents[1]
KNOWN = callers()


def request(source: Source, rng: Random, seed: int, number: int) -> Request:
    """Request `number` of a seed, whatever came before it."""
    rng.seed((seed << 32) + number)
    made = source.make(rng)
    mutate(rng, made)
    return made


@contextmanager
def upstream() -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(E2E)}
    process = subprocess.Popen([sys.executable, "-m", "differential.upstream"], stdout=subprocess.PIPE, env=environment, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def arrivals(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{ARRIVALS}", timeout=10) as answer:
        return int(answer.read())


def run(seed: int, numbers: range, hardened: bool, progress: Callable[[Report], None] = lambda _: None) -> Report:
    """Sends the requests with these numbers to an Envoy with or without its own hardening."""
    issuer = Issuer()
    with tempfile.TemporaryDirectory() as directory, upstream() as port:
        proxy = Proxy(Setup(policy(), port, issuer.port, wasm=WASM), Path(directory), hardened)
        try:
            return _send(seed, numbers, proxy, port, issuer, progress)
        finally:
            proxy.stop()
            issuer.close()


def _send(seed: int, numbers: range, proxy: Proxy, port: int, issuer: Issuer, progress: Callable[[Report], None]) -> Report:
    tokens = {c: issuer.token(*sorted(c.scopes), key="p256", email=c.email, lifetime=6 * 3600) for c in KNOWN.values()}
    ready = next(c for (kind, _), c in KNOWN.items() if kind == "all")
    wait_for(lambda: raw.request(proxy.port, "GET", "/runs/active", tokens[ready]).status == 200, "the issuer's keys")
    before = arrivals(port)
    judge, source, rng = Judge(), Source(KNOWN), Random()
    cases: dict[int, Case] = {}

    def requests() -> Iterator[Sent]:
        for number in numbers:
            made = request(source, rng, seed, number)
            data = made.wire(tokens[made.caller], number)
            cases[number] = Case(number, made.caller, made.mutations, data)
            yield Sent(number, data, made.method == b"HEAD")

    def answered(sent: Sent, answer) -> None:
        judge.answer(cases.pop(sent.case), answer)
        progress(judge.report)

    wire = Wire(proxy.port, proxy.records_fd)
    try:
        wire.run(requests(), answered, judge.line)
        wire.drain(judge.line, lambda: judge.settled)
    finally:
        wire.close()
    assert proxy.stat("wasm.scopewarden.vm_reload_success") == 0, "the filter crashed and was reloaded"
    return judge.close(arrivals(port) - before, wire.resent)
