"""What the collector of the audit trail does in a second, and how long a search over millions of records takes.

Prints its figures as JSON: PYTHONPATH=tests/e2e python -P audit.py RECORDS ROUNDS, with the program in SCOPEWARDEN.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

from harness.databases import KINDS, Databases

BINARY = Path(os.environ["SCOPEWARDEN"])
SCOPE = "scopewarden:audit:read"
#: Requests of so many records over so many connections: what as many busy proxies send.
BATCH, CONNECTIONS, BATCHES = 256, 8, 25
#: Most milliseconds of a search, in the middle.
MOST_MS = 200
SEGMENT = 64 << 20

#: What is looked for: common and rare, one term and several, words, times, nothing that is there.
QUERIES = [
    "", "principal=user-7", "principal=user-77 decision=deny", "operation=openai.models.delete", "operation=openai.models.*", "decision=deny",
    "tier=destroy principal=user-3", "path=/v1/models/m-123456", "path=/v1/models/m-12345*", "model=m-777", "status=403 since=2026-11-01",
    "since=2026-11-05 until=2026-11-06 decision=deny", "session=conversation:conv-5000", "record=r-4000000", "decision!=allow reason=rate_limited",
    "needs", "\"models delete\"", "m-123456 decision=deny", "principal=nobody", "kind=gap", "approver=boss-3", "surface!=openai", "reason=rare_reason",
    "operation=openai.files.* decision=deny principal=user-1*",
]


class Chain:
    """The records of one stream."""

    def __init__(self, stream: int, seed: int) -> None:
        self._head, self._seq, self._prev = f'{{"v":1,"stream":"{stream:032x}","seq":', 0, "0" * 64
        self._random = random.Random(seed)

    def line(self, number: int) -> str:
        line = f'{self._head}{self._seq},"prev":"{self._prev}",{self._members(number)}'
        self._seq, self._prev = self._seq + 1, hashlib.sha256(line.encode()).hexdigest()
        return line

    def _members(self, number: int) -> str:
        draw = self._random.random()
        user, model, millis = int(draw * 2000) % 200, int(draw * 1e6), 1_793_491_200_000 + number * 400
        name, method, tier = [
            ("models.list", "GET", "read"), ("models.get", "GET", "read"), ("chat.completions.create", "POST", "infer"),
            ("files.list", "GET", "read"), ("files.create", "POST", "write"), ("models.delete", "DELETE", "destroy"),
        ][self._random.choices(range(6), [30, 20, 40, 5, 4.9, 0.1])[0]]
        denied = draw * 997 % 1 < 0.01
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(millis // 1000))
        reason = ("rare_reason" if number % 500_000 == 77 else "scope_missing") if denied else "ok"
        more = f',"message":"needs the scope `models:{name}`","scopes_wanted":["models:{name}"]' if denied else ""
        if tier == "destroy":
            approver = f'{{"issuer":"https://idp.example.com/","subject":"boss-{user % 9}"}}'
            more += f',"approval":{{"id":"apr_{number}","status":"approved","approvers":[{approver}]}}'
        return (
            f'"kind":"decision","time":"{moment}.{millis % 1000:03d}Z","record":"r-{number}","request_id":"req-{number}","policy":"acme",'
            f'"policy_hash":"sha256:00","mode":"enforce","decision":"{"deny" if denied else "allow"}","reason":"{reason}",'
            f'"principal":{{"issuer":"https://idp.example.com/","subject":"user-{user}","proof":"jwt"}},"surface":"openai",'
            f'"operation":"openai.{name}","tier":"{tier}","method":"{method}","authority":"api.example.com","path":"/v1/models/m-{model}",'
            f'"decision_us":90,"duration_us":1200,"status":{403 if denied else 200},"facts":{{"model":"m-{model % 1000}"}},'
            f'"scopes_held":["autogen:model:read"],"session":{{"conversation":"conv-{number // 20}","trace":"{model:032x}"}}{more}}}'
        )


class Collector:
    """`scopewarden serve` with a collector whose log may be there already."""

    def __init__(self, directory: Path, index: str) -> None:
        settings = {
            "database": f"sqlite:{directory / 'approvals.db'}", "signing_key": str(directory / "key.json"), "dev_login": True,
            "listen": {"questions": "127.0.0.1:0", "people": "127.0.0.1:0"},
            "audit": {
                "directory": str(directory / "log"), "listen": "127.0.0.1:0", "index": index, "signing_key": str(directory / "audit-key.json"),
            },
        }
        config = directory / "serve.yaml"
        config.write_text(json.dumps(settings))
        log = (directory / "service.log").open("ab")
        self._process = subprocess.Popen([BINARY, "serve", "--config", config], stdout=subprocess.PIPE, stderr=log, text=True)
        said = [self._process.stdout.readline() for _ in range(5)]
        if not said[-1].startswith("audit key"):
            raise SystemExit((directory / "service.log").read_text()[-2000:])
        self.people, self.records = (int(re.search(r":(\d+)", said[n].split("//")[1])[1]) for n in (1, 3))
        form = {"content-type": "application/x-www-form-urlencoded"}
        self._token = json.loads(self._ask(self.people, "POST", "/login/token", f"subject=ana&scopes={SCOPE}", form))["access_token"]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _ask(self, port: int, method: str, path: str, body: str | None = None, headers: dict | None = None) -> str:
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}: {text}")
        return text

    def search(self, query: str) -> tuple[float, int]:
        """Milliseconds of a first page, and how many records it has."""
        begun = time.monotonic()
        path = f"/v1/audit/records?limit=50&q={quote(query)}"
        found = json.loads(self._ask(self.people, "GET", path, headers={"authorization": f"Bearer {self._token}"}))
        return (time.monotonic() - begun) * 1000, len(found["records"])

    def metric(self, name: str) -> int:
        text = self._ask(self.records, "GET", "/metrics")
        return int(re.search(rf"^scopewarden_audit_{name} (\d+)$", text, re.MULTILINE)[1])

    def wait_for_index(self) -> float:
        """Seconds until everything can be found."""
        begun = time.monotonic()
        # The lag is known when the first records are in.
        time.sleep(1)
        while self.metric("index_lag_records") > 0:
            time.sleep(0.5)
        return time.monotonic() - begun


def main(records: int, rounds: int) -> None:
    figures = []
    with tempfile.TemporaryDirectory(prefix="scopewarden-audit-", dir=os.environ.get("BENCH_DIR")) as name:
        directory = Path(name)
        with closing(Databases(directory)) as databases:
            for kind in KINDS:
                index = "sqlite" if kind == "sqlite" else databases.fresh(kind)
                (directory / kind).mkdir()
                with closing(Collector(directory / kind, index)) as collector:
                    rates = [ingest(collector, turn) for turn in range(rounds)]
                    lag = collector.metric("index_lag_records")
                    print(f"{kind}: {rates} records/s, {lag} not indexed at the end", file=sys.stderr)
                figures.append(figure(f"audit.ingest_per_s.{kind}", rates, "1/s"))
            for kind in KINDS:
                index = "sqlite" if kind == "sqlite" else databases.fresh(kind)
                place = directory / f"{kind}-search"
                write(place / "log/segments", records)
                begun = time.monotonic()
                with closing(Collector(place, index)) as collector:
                    started = time.monotonic() - begun
                    seconds = collector.wait_for_index()
                    print(f"{kind}: started in {started:.1f} s, indexed in {seconds:.0f} s", file=sys.stderr)
                    figures.append(figure(f"audit.index_per_s.{kind}", [records / seconds], "1/s"))
                    figures.append(figure(f"audit.search_ms.{kind}", searches(collector, rounds), "ms", MOST_MS))
                subprocess.run(["rm", "-rf", place], check=True)
    print(json.dumps(figures))


def figure(name: str, values: list[float], unit: str, target: float | None = None) -> dict:
    return {"name": name, "values": values, "unit": unit, "target": target}


def write(folder: Path, records: int) -> None:
    """Writes a log as a collector would have it, without its checkpoints."""
    folder.mkdir(parents=True)
    chains, number = [Chain(stream, stream) for stream in range(1, 9)], 0
    while number < records:
        size = 0
        with (folder / f"{number:020}.jsonl").open("w") as segment:
            while number < records and size < SEGMENT:
                line = chains[number % len(chains)].line(number)
                segment.write(f"{line}\n")
                size, number = size + len(line) + 1, number + 1


def searches(collector: Collector, rounds: int) -> list[float]:
    """Milliseconds of every query, each asked as often."""
    millis = []
    for query in QUERIES:
        turns = [collector.search(query) for _ in range(max(rounds, 3))]
        times = sorted(ms for ms, _ in turns)
        print(f"{times[len(times) // 2]:8.1f} ms  {turns[0][1]:3} records  {query}", file=sys.stderr)
        millis += times
    return millis


def ingest(collector: Collector, turn: int) -> float:
    """Records a second that are acknowledged, over many connections."""
    requests = [list(batches(turn * CONNECTIONS + n)) for n in range(CONNECTIONS)]
    return CONNECTIONS * BATCHES * BATCH / asyncio.run(send(collector.records, requests))


def batches(stream: int) -> Iterator[bytes]:
    chain = Chain(stream + 1, stream)
    for batch in range(BATCHES):
        records = [{"body": {"stringValue": chain.line(batch * BATCH + n)}, "severityNumber": 9} for n in range(BATCH)]
        body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
        head = f"POST /v1/logs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        yield head.encode() + body


async def send(port: int, requests: list[list[bytes]]) -> float:
    """Seconds until all of them are acknowledged."""
    begun = time.monotonic()

    async def one(mine: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in mine:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
            if not head.startswith(b"HTTP/1.1 200") or body != b"{}":
                raise SystemExit(f"records were not taken: {head.decode()}{body.decode()}")
        writer.close()

    await asyncio.gather(*(one(mine) for mine in requests))
    return time.monotonic() - begun


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
