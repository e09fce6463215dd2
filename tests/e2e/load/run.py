"""One run: slices of good requests, and slices with every tenth request a hostile one, in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

import yaml

from corpus.case import HOST
from corpus.issuers import Issuers
from corpus.run import POLICY
from corpus.tokens import Mint
from differential.proxy import Proxy
from differential.wire import Answer, Sent, Wire
from harness import raw
from harness.config import Setup, http_manager
from harness.envoy import wait_for

from .mix import Kind, good, hostile

E2E = Path(__file__).resolve().parents[1]
CONNECTIONS = 32
HOSTILE_SHARE = 0.1


@dataclass
class Slice:
    """What was measured between two moments."""

    mixed: bool
    seconds: float
    #: Of good requests, in milliseconds.
    latencies: list[float]
    #: Of the Envoy process at its end, in KiB.
    rss: int


@dataclass
class Report:
    slices: list[Slice] = field(default_factory=list)
    answered: int = 0
    hostile: int = 0
    #: Who refused what was hostile.
    refused: Counter = field(default_factory=Counter)
    #: Kind and outcome of every answer that was not the right one.
    wrong: Counter = field(default_factory=Counter)

    def p99(self, mixed: bool) -> float:
        """The median over slices of their 99th percentile, so that one hiccup of the machine is one slice's."""
        return median(sorted(s.latencies)[len(s.latencies) * 99 // 100] for s in self.slices if s.mixed == mixed)

    def growth(self) -> float:
        """Memory of the last quarter against that after the first one, as a share."""
        quarter = max(len(self.slices) // 4, 1)
        rss = [s.rss for s in self.slices]
        return median(rss[-quarter:]) / median(rss[quarter : 2 * quarter]) - 1


@contextmanager
def upstream() -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(E2E)}
    process = subprocess.Popen([sys.executable, "-m", "load.upstream"], stdout=subprocess.PIPE, env=environment, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def run(seconds: float, slices: int, progress: Callable[[Slice], None] = lambda _: None) -> Report:
    issuers = Issuers()
    policy = yaml.safe_load(POLICY.read_text())
    policy["identity"]["issuers"] = issuers.policy()[:1]

    def known(config: dict) -> None:
        http_manager(config)["route_config"]["virtual_hosts"][0]["domains"].append(HOST.decode())

    with tempfile.TemporaryDirectory() as directory, upstream() as port:
        try:
            proxy = Proxy(Setup(policy, port, issuers.port, adjust=known), Path(directory), hardened=True)
            try:
                return _run(proxy, Mint(issuers.keys()), seconds / slices, slices, progress)
            finally:
                proxy.stop()
        finally:
            issuers.close()


def _run(proxy: Proxy, mint: Mint, length: float, slices: int, progress: Callable[[Slice], None]) -> Report:
    good_kinds, hostile_kinds = good(mint), hostile(mint)
    wait_for(lambda: raw.send(proxy.port, good_kinds[0].data).status == 200, "the issuer's keys")
    report, rng = Report(), Random(7)
    wire = Wire(proxy.port, proxy.records_fd, CONNECTIONS, depth=1)
    try:
        for number in range(slices):
            part = _slice(wire, report, rng, good_kinds, hostile_kinds if number % 2 else [], length)
            part.rss = _rss(proxy)
            report.slices.append(part)
            progress(part)
    finally:
        wire.close()
    assert proxy.stat("wasm.scopewarden.vm_reload_success") == 0, "the filter crashed and was reloaded"
    return report


def _slice(wire: Wire, report: Report, rng: Random, good_kinds: list[Kind], hostile_kinds: list[Kind], length: float) -> Slice:
    started = time.perf_counter()
    end = started + length
    under_way: dict[int, tuple[Kind, float]] = {}
    latencies: list[float] = []

    def requests() -> Iterator[Sent]:
        number = 0
        while (now := time.perf_counter()) < end:
            kind = rng.choice(hostile_kinds if hostile_kinds and rng.random() < HOSTILE_SHARE else good_kinds)
            under_way[number] = kind, now
            yield Sent(number, kind.data, kind.head)
            number += 1

    def answered(sent: Sent, answer: Answer) -> None:
        kind, begun = under_way.pop(sent.case)
        outcome = _outcome(answer)
        report.answered += 1
        if outcome not in kind.right:
            report.wrong[kind.name, outcome] += 1
        if next(iter(kind.right)).startswith("passed"):
            latencies.append((time.perf_counter() - begun) * 1000)
        else:
            report.hostile += 1
            report.refused[outcome.split()[0]] += 1

    wire.run(requests(), answered, lambda _: None)
    return Slice(bool(hostile_kinds), time.perf_counter() - started, latencies, 0)


def _outcome(answer: Answer) -> str:
    if answer.header(b"x-upstream"):
        return f"passed {(answer.header(b'x-kind') or b'').decode()}"
    if decision := answer.header(b"x-scopewarden-decision"):
        return "deny " + decision.decode().partition("reason=")[2].partition(";")[0]
    return f"envoy {answer.status}" if answer.status else "closed"


def _rss(proxy: Proxy) -> int:
    status = Path(f"/proc/{proxy.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
