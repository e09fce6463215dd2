"""What approvals cost: decisions of the service, the way from a decision to the upstream, and the memory of a held request.

Prints its figures as JSON. It uses the servers of the end-to-end tests: PYTHONPATH=tests/e2e python -P approvals.py ROUNDS
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import yaml
from fakes.issuer import ISSUER, Issuer
from fakes.upstream import Seen, Upstream
from harness import raw
from harness.calls import Call
from harness.config import Setup
from harness.databases import KINDS, Databases
from harness.envoy import Envoy, wait_for
from harness.service import SCOPE, Service
from holds.run import POLICY
from holds.run import run as hold

#: As many as one page of the list has.
DECISIONS, CONNECTIONS = 500, 32
RELEASES = 60
HOLDS, MOST_KIB = 2000, 48


def main(rounds: int) -> None:
    figures = []
    with tempfile.TemporaryDirectory() as name, closing(Issuer()) as issuer:
        directory = Path(name)
        with closing(Databases(directory)) as databases:
            for kind in KINDS:
                with closing(Service(directory, issuer, databases.fresh(kind), open_per_caller=10**9)) as service:
                    decisions(service, 0)
                    rates = [decisions(service, number + 1) for number in range(rounds)]
                    figures.append(figure(f"approval.decisions_per_s.{kind}", rates, "1/s"))
                    with gateway(service, issuer, directory / kind) as (envoy, upstream):
                        turns = [releases(envoy, service, issuer, upstream, number) for number in range(rounds)]
                    figures.append(figure(f"approval.release_ms.{kind}", [ms for turn in turns for ms in turn], "ms"))
                    p99 = [sorted(turn)[len(turn) * 99 // 100] for turn in turns]
                    figures.append(figure(f"approval.release_p99_ms.{kind}", p99, "ms"))
    reports = [hold(HOLDS, 1) for _ in range(max(rounds // 2, 1))]
    figures.append(figure("approval.hold_kib", [report.kib_per_hold for report in reports], "KiB", MOST_KIB))
    print(json.dumps(figures))


def figure(name: str, values: list[float], unit: str, target: float | None = None) -> dict:
    return {"name": name, "values": values, "unit": unit, "target": target}


def question(number: str) -> dict:
    """What a proxy asks, about a call that nobody else makes."""
    call = {
        "actors": [], "authority": "localhost", "body": f"sha256:{hashlib.sha256().hexdigest()}", "body_bytes": 0, "headers": [],
        "method": "DELETE", "operation": "openai.models.delete", "path": f"/v1/models/{number}", "policy": "bench",
        "policy_hash": "sha256:0", "principal": {"issuer": ISSUER, "subject": "alice"},
        "query": f"sha256:{hashlib.sha256().hexdigest()}", "requirement": {"approvers": 1, "scope": SCOPE, "ttl_ms": 3_600_000},
        "server": "", "set": None, "tier": "admin",
    }
    canonical = json.dumps(call, sort_keys=True, separators=(",", ":"))
    fingerprint = hashlib.sha256(b"scopewarden approval 1\n" + canonical.encode()).hexdigest()
    preview = {"query": [], "body": "", "truncated": False}
    return {
        "version": 1, "nonce": f"nonce-of-question-{number}", "fingerprint": f"sha256:{fingerprint}", "wait_ms": 0,
        "record": f"bench-{number}", "call": call, "preview": preview,
    }


def ask(port: int, numbers: list[str]) -> None:
    connection = HTTPConnection("127.0.0.1", port)
    for number in numbers:
        connection.request("POST", "/v1/approvals", json.dumps(question(number)), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"a question was refused: {text.decode()}")
    connection.close()


def decisions(service: Service, turn: int) -> float:
    """Decisions a second, each about an approval of its own, over many connections."""
    numbers = [f"{turn}-{number}" for number in range(DECISIONS)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, [service.questions] * 8, [numbers[n::8] for n in range(8)]))
    head = f"host: localhost\r\nauthorization: Bearer {service.token(key='ed')}\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n"
    requests = [f"POST /v1/approvals/{a['id']}/decision HTTP/1.1\r\n{head}{{\"decision\":\"approve\"}}".encode() for a in service.pending()]
    return DECISIONS / asyncio.run(send(service.people, requests))


async def send(port: int, requests: list[bytes]) -> float:
    """Seconds that it takes until all of them are answered with 200, over many connections."""
    begun, todo = time.monotonic(), iter(requests)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in todo:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"a decision was not taken: {head.decode()}")
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return time.monotonic() - begun


@contextmanager
def gateway(service: Service, issuer: Issuer, directory: Path) -> Iterator[tuple[Envoy, Timed]]:
    directory.mkdir()
    policy = yaml.safe_load(POLICY.read_text())
    policy["approvals"] = service.policy({"operation": "openai.models.delete", "scope": SCOPE, "hold": "30s"})
    with closing(Timed()) as upstream:
        envoy = Envoy(Setup(policy, upstream.port, issuer.port, approvals=service.questions), directory)
        try:
            token = issuer.token("autogen:model:read")
            wait_for(lambda: all(raw.request(envoy.port, "GET", "/v1/models", token).status == 200 for _ in range(8)), "the keys")
            yield envoy, upstream
        finally:
            envoy.stop()


class Timed(Upstream):
    """Knows when each request arrived."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        super().__init__()

    def _answer(self, connection: socket.socket, seen: Seen) -> None:
        self.arrived[seen.target] = time.monotonic()
        super()._answer(connection, seen)


def releases(envoy: Envoy, service: Service, issuer: Issuer, upstream: Timed, turn: int) -> list[float]:
    """Milliseconds from a person's click to the request's arrival at the upstream, one held request at a time."""
    caller, person, millis = issuer.token("autogen:model:delete"), service.token(key="ed"), []
    for number in range(RELEASES):
        path = f"/v1/models/release-{turn}-{number}"
        call = Call(lambda path=path: raw.request(envoy.port, "DELETE", path, caller, timeout=30))
        id = service.asked(path=path)["id"]
        clicked = time.monotonic()
        if (answer := service.decide(id, token=person)).status != 200:
            raise SystemExit(f"{path} was not approved: {answer}")
        if call.answer().status != 200:
            raise SystemExit(f"{path} was not released")
        millis.append((upstream.arrived[path] - clicked) * 1000)
    return millis


if __name__ == "__main__":
    main(int(sys.argv[1]))
