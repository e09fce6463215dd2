"""The approval service itself, whose people decide as fast as it lets them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from fakes.issuer import Issuer
from harness.databases import Databases
from harness.service import Service

PEOPLE = 8


class RealService:
    def __init__(self, directory: Path, issuer: Issuer, database: str = "sqlite") -> None:
        self._databases = Databases(directory)
        self._service = Service(directory, issuer, self._databases.fresh(database))
        self.port, self.keys = self._service.questions, self._service.keys
        self._token = self._service.token(lifetime=7200)

    def close(self) -> None:
        self._service.close()
        self._databases.close()

    def _answer(self, connection: HTTPConnection, method: str, path: str, body: dict | None = None) -> dict:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def count(self) -> int:
        return self._answer(HTTPConnection("127.0.0.1", self._service.questions), "GET", "/healthz")["waiting"]

    def approve(self) -> dict[str, float]:
        """When each decision was acknowledged, by path."""
        connections = [HTTPConnection("127.0.0.1", self._service.people) for _ in range(PEOPLE)]
        decided: dict[str, float] = {}

        def decide(number: int, approvals: list[dict]) -> None:
            for approval in approvals:
                self._answer(connections[number], "POST", f"/v1/approvals/{approval['id']}/decision", {"decision": "approve"})
                decided[approval["call"]["path"]] = time.monotonic()

        with ThreadPoolExecutor(PEOPLE) as people:
            while approvals := self._answer(connections[0], "GET", "/v1/approvals?limit=500")["approvals"]:
                list(people.map(decide, range(PEOPLE), [approvals[n::PEOPLE] for n in range(PEOPLE)]))
        for connection in connections:
            connection.close()
        return decided
