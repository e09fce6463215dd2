"""One run: hold, look, release."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import yaml

from fakes.issuer import Issuer
from harness import raw
from harness.config import Setup, http_manager
from harness.envoy import Envoy, wait_for
from harness.service import SCOPE, Service
from load.run import upstream

from . import people
from .callers import Callers, delete

POLICY = Path(__file__).resolve().parents[1] / "policies/approvals.yaml"
#: As policies have it unless they say otherwise.
PER_CALLER = 20
WARM_UP = 200


@dataclass
class Report:
    holds: int
    #: Resident memory of Envoy, in KiB, with everything idle and with everything held.
    idle_kib: int = 0
    held_kib: int = 0
    #: Requests that reached the upstream while everything was held, beside those that need no approval.
    escaped: int = 0
    #: Seconds that requests took which need no approval, among everything that was held.
    others: list[float] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    #: Seconds from an acknowledged decision to its caller's answer, which the upstream gave.
    releases: list[float] = field(default_factory=list)

    @property
    def kib_per_hold(self) -> float:
        return (self.held_kib - self.idle_kib) / self.holds

    def wrong(self, most_kib: float, most_seconds: float) -> list[str]:
        found = []
        if self.statuses != {200: self.holds}:
            found.append(f"not all went on: {dict(self.statuses)}")
        if self.escaped:
            found.append(f"{self.escaped} went on without a verdict")
        if self.kib_per_hold > most_kib:
            found.append(f"{self.kib_per_hold:.1f} KiB for each, more than {most_kib}")
        if max(self.releases) > most_seconds:
            found.append(f"one went on {max(self.releases):.1f} s after its decision, more than {most_seconds}")
        return found


def raise_limit() -> None:
    """As many open files as may be: Envoy has one for each caller."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(holds: int, seconds: float) -> Report:
    raise_limit()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        issuer, port = stack.enter_context(closing(Issuer())), stack.enter_context(upstream())
        service = Service(directory, issuer, f"sqlite:{directory / 'approvals.db'}")
        stack.enter_context(closing(service))
        policy = yaml.safe_load(POLICY.read_text())
        held = {"operation": "openai.models.delete", "scope": SCOPE, "hold": f"{int(seconds) + 300}s"}
        policy["approvals"] = service.policy(held)

        def adjust(config: dict) -> None:
            http_manager(config)["access_log"] = []

        envoy = Envoy(Setup(policy, port, issuer.port, approvals=service.questions, adjust=adjust), directory, concurrency=1)
        stack.callback(envoy.stop)
        read = issuer.token("autogen:model:read")
        wait_for(lambda: raw.request(envoy.port, "GET", "/v1/models", read).status == 200, "the keys")
        callers = -(-holds // PER_CALLER)
        tokens = [issuer.token("autogen:model:delete", sub=f"caller-{n}", key="ed", lifetime=7200) for n in range(callers)]
        requests = [delete(f"/v1/models/held-{n}", tokens[n % callers]) for n in range(holds)]
        asyncio.run(_hold(envoy, service, requests[:WARM_UP], 0, read, Report(WARM_UP)))
        time.sleep(1)
        report = Report(holds, idle_kib=rss_kib(envoy))
        asyncio.run(_hold(envoy, service, requests, seconds, read, report))
        assert envoy.alive()
        assert envoy.stat("wasm.scopewarden.vm_reload_success") == 0, "the filter crashed and was reloaded"
        return report


async def _hold(envoy: Envoy, service: Service, requests: list[bytes], seconds: float, read: str, report: Report) -> None:
    made = envoy.stat("cluster.upstream.upstream_rq_total")
    callers = Callers(envoy.port)
    await callers.open(requests)
    await callers.send(at_once=50)
    async with asyncio.timeout(120):
        while people.waiting(service) < len(requests):
            await asyncio.sleep(0.1)
    report.held_kib = rss_kib(envoy)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(min(1.0, seconds / 5))
        begun = time.monotonic()
        answer = await asyncio.to_thread(raw.request, envoy.port, "GET", "/v1/models", read)
        assert answer.status == 200, answer
        report.others.append(time.monotonic() - begun)
    report.held_kib = max(report.held_kib, rss_kib(envoy))
    report.escaped = envoy.stat("cluster.upstream.upstream_rq_total") - made - len(report.others)
    decided = await asyncio.to_thread(people.approve_all, service)
    await callers.answered(len(requests), 60)
    report.statuses = callers.statuses()
    report.releases = [call.at - decided[call.target] for call in callers.calls]


def rss_kib(envoy: Envoy) -> int:
    status = Path(f"/proc/{envoy.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def show(report: Report) -> None:
    print(f"{report.holds:,} requests held on one worker")
    print(f"  memory: {report.idle_kib / 1024:.1f} MiB idle, {report.held_kib / 1024:.1f} MiB held, {report.kib_per_hold:.1f} KiB for each")
    print(f"  went on without a verdict: {report.escaped}")
    if report.others:
        print(f"  other requests meanwhile: {median(report.others) * 1000:.1f} ms (median), {max(report.others) * 1000:.1f} ms (most)")
    p99 = sorted(report.releases)[len(report.releases) * 99 // 100]
    print(f"  from a decision to its caller's answer: {median(report.releases) * 1000:.0f} ms (median), {p99 * 1000:.0f} ms (p99), {max(report.releases) * 1000:.0f} ms (most)")
    print(f"  answers: {dict(report.statuses)}", flush=True)
