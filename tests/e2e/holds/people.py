"""People who decide as fast as the service lets them."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

from harness.service import Service

PEOPLE = 8


def _answer(connection: HTTPConnection, method: str, path: str, token: str, body: dict | None = None) -> dict:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return json.loads(text)


def waiting(service: Service) -> int:
    """How many calls are waited for."""
    with closing(HTTPConnection("127.0.0.1", service.questions)) as connection:
        return _answer(connection, "GET", "/healthz", "")["waiting"]


def approve_all(service: Service) -> dict[str, float]:
    """When each decision was acknowledged, by the monotonic clock and by the path of the call."""
    token = service.token(lifetime=7200)
    connections = [HTTPConnection("127.0.0.1", service.people) for _ in range(PEOPLE)]
    decided: dict[str, float] = {}

    def decide(connection: HTTPConnection, approvals: list[dict]) -> None:
        for approval in approvals:
            path = f"/v1/approvals/{approval['id']}/decision"
            _answer(connection, "POST", path, token, {"decision": "approve"})
            decided[approval["call"]["path"]] = time.monotonic()

    with ThreadPoolExecutor(PEOPLE) as pool:
        while approvals := _answer(connections[0], "GET", "/v1/approvals?limit=500", token)["approvals"]:
            list(pool.map(decide, connections, [approvals[n::PEOPLE] for n in range(PEOPLE)]))
    for connection in connections:
        connection.close()
    return decided
