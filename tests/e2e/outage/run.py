"""One run: the sink is there, is down, and is back, while requests go on coming."""

from __future__ import annotations

import http.client
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import yaml

from fakes.issuer import Issuer
from fakes.sink import Sink
from harness import raw
from harness.config import Setup, http_manager
from harness.envoy import Envoy, wait_for
from holds.run import rss_kib
from load.run import upstream

POLICY = Path(__file__).resolve().parents[1] / "policies/audit.yaml"
SPOOL_MIB = 384
#: What a record takes in the VM beside its text, generously.
OVERHEAD = 1.5
#: Seconds that the sink is there before it goes down.
BEFORE = 3.0
CALLERS = 4


@dataclass
class Report:
    requests: int = 0
    statuses: Counter = field(default_factory=Counter)
    lost: int = 0
    fault: str = ""
    record_bytes: float = 0
    before_kib: int = 0
    most_kib: int = 0
    #: Seconds from the sink's return to the last record that waited.
    caught_up: float = 0
    #: Seconds of each request: while all was well, while the sink was down, while it caught up.
    phases: dict[str, list[float]] = field(default_factory=dict)

    def p99(self, phase: str) -> float:
        times = sorted(self.phases[phase])
        return times[len(times) * 99 // 100]

    @property
    def spool_kib(self) -> float:
        """What the records that waited can have taken."""
        return self.requests * self.record_bytes * OVERHEAD / 1024

    def wrong(self) -> list[str]:
        found = []
        if set(self.statuses) != {200}:
            found.append(f"not all were answered: {dict(self.statuses)}")
        if self.lost:
            found.append(f"{self.lost} records are lost")
        if self.fault:
            found.append(self.fault)
        grown = self.most_kib - self.before_kib
        # A VM's memory grows in steps, and what is sent is spelled once more.
        if grown > self.spool_kib + 64 * 1024:
            found.append(f"memory grew by {grown / 1024:.0f} MiB, for {self.spool_kib / 1024:.0f} MiB of records")
        if self.p99("back") > 3 * self.p99("well") + 0.02:
            found.append(f"while it caught up, requests took {self.p99('back') * 1000:.1f} ms (p99)")
        return found


def run(seconds: float, rate: int) -> Report:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        issuer, port = stack.enter_context(closing(Issuer())), stack.enter_context(upstream())
        sink = stack.enter_context(closing(Sink()))
        policy = yaml.safe_load(POLICY.read_text())
        policy["audit"] |= {"spool": f"{SPOOL_MIB}MiB", "payload": "digest"}

        def adjust(config: dict) -> None:
            http_manager(config)["access_log"] = []

        envoy = Envoy(Setup(policy, port, issuer.port, audit=sink.port, adjust=adjust), directory, concurrency=1)
        stack.callback(envoy.stop)
        token = issuer.token("autogen:model:read", lifetime=7200)
        wait_for(lambda: raw.request(envoy.port, "GET", "/v1/models", token).status == 200, "the keys")
        warm = envoy.requests_received()
        report = Report(phases={"well": [], "down": [], "back": []})
        phase, done = ["well"], threading.Event()
        callers = [
            threading.Thread(target=call, args=(envoy.port, token, rate / CALLERS, phase, report, done)) for _ in range(CALLERS)
        ]
        for caller in callers:
            caller.start()
        time.sleep(BEFORE)
        report.before_kib = rss_kib(envoy)
        sink.mode, phase[0] = "503", "down"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.25)
            report.most_kib = max(report.most_kib, rss_kib(envoy))
        waited = envoy.requests_received()
        sink.mode, phase[0] = "ok", "back"
        back = time.monotonic()
        wait_for(lambda: sink.count() >= waited, "the records that waited", 300, 0.1)
        report.caught_up = time.monotonic() - back
        time.sleep(1)
        done.set()
        for caller in callers:
            caller.join()
        report.most_kib = max(report.most_kib, rss_kib(envoy))
        report.requests = envoy.requests_received() - warm
        wait_for(lambda: envoy.stat("wasmcustom.scopewarden_audit_records.outcome.acknowledged") >= warm + report.requests, "the rest", 60, 0.2)
        decisions = Counter(record["record"] for record in sink.records())
        report.lost = report.requests + warm - len(decisions)
        report.record_bytes = median(map(len, sink.lines))
        try:
            sink.check()
            arrived_in_order(sink)
        except AssertionError as error:
            report.fault = f"a stream is not whole: {error}"
        return report


def arrived_in_order(sink: Sink) -> None:
    latest: dict[str, int] = {}
    for record in sink.records(None):
        assert record["seq"] > latest.get(record["stream"], -1), record
        latest[record["stream"]] = record["seq"]


def call(port: int, token: str, rate: float, phase: list[str], report: Report, done: threading.Event) -> None:
    """Requests at a steady rate, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    due = time.monotonic()
    while not done.is_set():
        due += 1 / rate
        time.sleep(max(0.0, due - time.monotonic()))
        during, begun = phase[0], time.monotonic()
        connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        report.phases[during].append(time.monotonic() - begun)
        report.statuses[answer.status] += 1
    connection.close()


def show(report: Report) -> None:
    down = len(report.phases["down"])
    print(f"{report.requests:,} requests, {down:,} of them while the sink was down; {report.lost} records lost")
    print(f"  a record: {report.record_bytes:.0f} bytes")
    print(f"  memory of Envoy: {report.before_kib / 1024:.0f} MiB before, {report.most_kib / 1024:.0f} MiB at most")
    print(f"  caught up in {report.caught_up:.1f} s")
    for phase, times in report.phases.items():
        print(f"  {phase}: {median(times) * 1000:.2f} ms (median), {report.p99(phase) * 1000:.1f} ms (p99)", flush=True)
