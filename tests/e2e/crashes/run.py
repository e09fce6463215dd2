"""One run, and what is wrong afterwards."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import yaml

from fakes.issuer import Issuer
from fakes.upstream import Upstream
from harness import raw
from harness.config import Setup
from harness.envoy import Envoy, wait_for
from harness.service import SCOPE, Service

POLICY = Path(__file__).resolve().parents[1] / "policies/approvals.yaml"
CALLERS, PEOPLE = 16, 4
#: What callers and people draw.
LEAVES, COMES_BACK, DENIES = 0.25, 0.5, 0.15


@dataclass
class Report:
    kills: int
    #: Seconds from each start of the service to its readiness.
    starts: list[float] = field(default_factory=list)
    #: What the service said yes to: the approval's id and the decision.
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    #: Approvals by their last status.
    approvals: Counter = field(default_factory=Counter)
    released: int = 0
    executed: int = 0
    left: int = 0
    #: Each is a failure.
    wrong: list[str] = field(default_factory=list)


class World:
    """Callers and people, each on a thread, until they are told to stop."""

    def __init__(self, envoy: Envoy, service: Service, issuer: Issuer, report: Report, seed: int) -> None:
        self._envoy, self._service, self._issuer, self._report = envoy, service, issuer, report
        self._stop, self._paths = threading.Event(), itertools.count()
        roles = [(self._caller, n) for n in range(CALLERS)] + [(self._person, n) for n in range(PEOPLE)]
        self._threads = [
            threading.Thread(target=role, args=(Random(f"{seed} {role.__name__} {n}"), n), daemon=True) for role, n in roles
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _caller(self, rng: Random, number: int) -> None:
        token = self._issuer.token("autogen:file:delete", sub=f"caller-{number}", lifetime=7200)
        while not self._stop.is_set():
            path = f"/v1/files/crash-{next(self._paths)}"
            while not self._stop.is_set() and self._again(rng, path, token):
                time.sleep(0.05)

    def _again(self, rng: Random, path: str, token: str) -> bool:
        """One try; whether the caller comes back with the same call."""
        if rng.random() < LEAVES:
            head = f"DELETE {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
            with raw.opened(self._envoy.port, head.encode()):
                time.sleep(rng.uniform(0, 0.3))
            self._report.left += 1
            return rng.random() < COMES_BACK
        answer = raw.request(self._envoy.port, "DELETE", path, token, timeout=20)
        expected = {200, 403, 409, 503}
        if answer.status not in expected:
            self._report.wrong.append(f"a caller got {answer}")
        return answer.status in (409, 503)

    def _person(self, rng: Random, number: int) -> None:
        token = self._service.token(f"person-{number}", lifetime=7200)
        while not self._stop.is_set():
            try:
                listed = self._service.api("GET", "/v1/approvals?status=pending&limit=500", token)
                approvals = listed.json()["approvals"] if listed.status == 200 else []
                for approval in rng.sample(approvals, min(len(approvals), 8)):
                    decision = "deny" if rng.random() < DENIES else "approve"
                    if self._service.decide(approval["id"], decision, token, reason="because").status == 200:
                        self._report.acknowledged.append((approval["id"], decision))
            except OSError:
                pass  # It is dead just now.
            time.sleep(rng.uniform(0.01, 0.1))


@contextmanager
def started(database: str) -> Iterator[tuple[Envoy, Service, Issuer, Upstream]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        issuer, upstream = stack.enter_context(closing(Issuer())), stack.enter_context(closing(Upstream()))
        service = Service(directory, issuer, database, open_per_caller=1_000_000)
        stack.enter_context(closing(service))
        policy = yaml.safe_load(POLICY.read_text())
        held = {"operation": "openai.files.delete", "scope": SCOPE, "hold": "1s"}
        policy["approvals"] = service.policy(held, timeout="500ms", holds={"per_caller": 1000})
        envoy = Envoy(Setup(policy, upstream.port, issuer.port, approvals=service.questions), directory)
        stack.callback(envoy.stop)
        token = issuer.token("autogen:model:read")
        ready = lambda: all(raw.request(envoy.port, "GET", "/v1/models", token).status == 200 for _ in range(8))  # noqa: E731
        wait_for(ready, "the keys")
        yield envoy, service, issuer, upstream


def run(database: str, kills: int, seed: int, progress: Callable[[int], None] = lambda _: None) -> Report:
    report, rng = Report(kills), Random(seed)
    with started(database) as (envoy, service, issuer, upstream):
        world = World(envoy, service, issuer, report, seed)
        try:
            for number in range(kills):
                time.sleep(rng.uniform(0.05, 1.0))
                service.kill()
                time.sleep(rng.uniform(0, 0.2))
                begun = time.monotonic()
                service.start()
                report.starts.append(time.monotonic() - begun)
                progress(number + 1)
            time.sleep(1)
        finally:
            world.stop()
        judge(report, envoy, service, upstream)
    return report


def judge(report: Report, envoy: Envoy, service: Service, upstream: Upstream) -> None:
    """What was acknowledged is there, and nothing that was used up was used again."""
    approvals: dict[str, dict] = {}

    def approval(id: str) -> dict:
        if id not in approvals:
            approvals[id] = service.approval(id)
        return approvals[id]

    meant = {"approve": "approved", "deny": "denied"}
    for id, decision in report.acknowledged:
        kinds = [event["kind"] for event in approval(id)["events"]]
        if kinds.count(meant[decision]) != 1:
            report.wrong.append(f"lost: {decision} of {id}, whose history is {kinds}")
    released = Counter(r["approval"]["id"] for r in envoy.records() if r["decision"] == "allow" and r.get("approval"))
    for id, times in released.items():
        kinds = [event["kind"] for event in approval(id)["events"]]
        if times != 1:
            report.wrong.append(f"{id} released {times} calls")
        if (approval(id)["status"], kinds.count("approved"), kinds.count("used")) != ("used", 1, 1):
            report.wrong.append(f"{id} released a call, and its history is {kinds}")
    used = Counter(a["call"]["path"] for a in approvals.values() if a["status"] == "used")
    made = Counter(seen.target for seen in upstream.requests if seen.method == "DELETE")
    for path, times in made.items():
        if times > used[path]:
            report.wrong.append(f"{path} was made {times} times with {used[path]} used approvals")
    report.approvals = Counter(a["status"] for a in approvals.values())
    report.released, report.executed = released.total(), made.total()
