"""Compares what FastAPI saw with what the filter decided, one request at a time."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .catalogue import ARGUMENTS, MODELS, OPERATIONS, TOOLS, Operation, scopes
from .requests import Caller
from .wire import Answer


@dataclass
class Case:
    """What is kept of a request until its record has come."""

    number: int
    caller: Caller
    mutations: list[str]
    data: bytes


@dataclass
class Mismatch:
    case: Case
    why: str
    seen: Any
    record: dict | None


@dataclass
class Report:
    answered: int = 0
    #: Requests that a route served, by operation; and those among them that a mutation had changed.
    routes: Counter = field(default_factory=Counter)
    mutations: Counter = field(default_factory=Counter)
    #: Everything else, by who refused it and why.
    refused: Counter = field(default_factory=Counter)
    mismatches: list[Mismatch] = field(default_factory=list)

    @property
    def routed(self) -> int:
        return sum(self.routes.values())

    def add(self, other: Report) -> None:
        self.answered += other.answered
        self.routes += other.routes
        self.mutations += other.mutations
        self.refused += other.refused
        self.mismatches += other.mismatches


class Judge:
    """Takes answers and records in any order; a pair is judged when both are there."""

    def __init__(self) -> None:
        self.report = Report()
        self._answers: dict[str, tuple[Case, Any]] = {}
        self._records: dict[str, dict] = {}
        self.from_upstream = 0

    @property
    def settled(self) -> bool:
        return not self._answers

    def answer(self, case: Case, answer: Answer) -> None:
        self.report.answered += 1
        marked = answer.header(b"x-case")
        if marked is None:
            self.report.refused[_refusal(answer)] += 1
            return
        self.from_upstream += 1
        if marked != b"%d" % case.number:
            self._wrong(case, f"the answer is for request {marked!r}", None, None)
            return
        if answer.status != 200 or not answer.body:
            self.report.refused[f"upstream {answer.status}"] += 1
            return
        seen = json.loads(answer.body)
        self.report.routes[seen["route"]] += 1
        self.report.mutations.update(case.mutations)
        request_id = (answer.header(b"x-request-id") or b"").decode()
        if record := self._records.pop(request_id, None):
            self._judge(case, seen, record)
        else:
            self._answers[request_id] = (case, seen)

    def line(self, text: bytes) -> None:
        """One line of Envoy's log. Refusals need no record: nothing was served."""
        start = text.find(b'{"')
        if b'"kind":"decision"' not in text or b'"decision":"deny"' in text or start < 0:
            return
        record = json.loads(text[start:])
        if found := self._answers.pop(record["request_id"], None):
            self._judge(*found, record)
        elif record.get("status") == 200:
            self._records[record["request_id"]] = record

    def close(self, arrivals: int, resent: int) -> Report:
        """Settles the rest. `resent` requests may have arrived without their answer coming back."""
        for case, seen in self._answers.values():
            self._wrong(case, "no record of it says that it was allowed", seen, None)
        assert self.from_upstream <= arrivals <= self.from_upstream + resent, (
            f"{arrivals} requests arrived at the upstream, {self.from_upstream} answers came from it"
        )
        return self.report

    def _judge(self, case: Case, seen: Any, record: dict) -> None:
        for why in differences(case.caller, seen, record):
            self._wrong(case, why, seen, record)

    def _wrong(self, case: Case, why: str, seen: Any, record: dict | None) -> None:
        self.report.mismatches.append(Mismatch(case, why, seen, record))


def _refusal(answer: Answer) -> str:
    if answer.status == 0:
        return "closed"
    decision = answer.header(b"x-scopewarden-decision")
    if decision is None:
        return f"envoy {answer.status}"
    return "filter " + decision.decode().partition("reason=")[2].partition(";")[0]


def differences(caller: Caller, seen: dict, record: dict) -> Iterator[str]:
    """Everything in which the decision is not about what the route did."""
    route = seen["route"]
    if record["decision"] != "allow":
        yield f"it was served, and decided `{record['decision']}`"
    if record["operation"] != route:
        yield f"the filter named `{record['operation']}`, and the route is `{route}`"
    if missing := [scope for scope in scopes(route) if scope not in caller.scopes]:
        yield f"the caller lacks {missing}"
    if route.startswith("mcp."):
        yield from _rpc(caller, seen, record)
    else:
        yield from _plain(OPERATIONS[route], caller, seen, record)


def _plain(op: Operation, caller: Caller, seen: dict, record: dict) -> Iterator[str]:
    told = record.get("facts", {})
    for fact, source in op.facts.items():
        value = _at(seen, source)
        if fact in told and (str(value) if source.startswith("{") else value) != told[fact]:
            yield f"the {fact} was judged as {told[fact]!r}, and read as {value!r}"
        if fact == "model" and op.models and not _admitted(caller, MODELS, value):
            yield f"no scope of the caller admits the model {value!r}"
    if op.bind:
        in_query, in_body = seen["query"].get("user_id"), (seen["body"] or {}).get("user_id")
        values = [value for value in (in_query, in_body) if value is not None]
        if not values or any(value != caller.email for value in values):
            yield f"`user_id` was read as {values!r}, and the caller is {caller.email!r}"
    for name, admits in op.query.items():
        if seen["query"][name] not in admits:
            yield f"the query's `{name}` was read as {seen['query'][name]!r}"
    for name, admits in op.headers.items():
        if seen["headers"][name] not in admits:
            yield f"the header `{name}` was read as {seen['headers'][name]!r}"
    yield from _body(op.body, seen["body"])


def _rpc(caller: Caller, seen: dict, record: dict) -> Iterator[str]:
    told = record.get("facts", {})
    for fact, value in seen.get("facts", {}).items():
        # What is neither text nor a plain whole number, such as `-0`, is not told, and no rule admits it.
        if told.get(fact) != value and (fact in told or isinstance(value, str)):
            yield f"the {fact} was judged as {told.get(fact)!r}, and read as {value!r}"
    if seen["route"] != "mcp.tools.call":
        return
    tool = seen["facts"]["tool"]
    if not _admitted(caller, TOOLS, tool):
        yield f"no scope of the caller admits the tool {tool!r}"
    if tool in ARGUMENTS:
        yield from _body(ARGUMENTS[tool], seen["body"]["params"].get("arguments"))


def _body(rules: dict[str, list[Any]], tree: Any) -> Iterator[str]:
    for pointer, admits in rules.items():
        values = list(_walk(tree, pointer.split("/")[1:]))
        # `1 == True` in Python, so types are compared as well.
        if not values or any(not any(type(v) is type(a) and v == a for a in admits) for v in values):
            yield f"the body's `{pointer}` was read as {values!r}"


def _walk(tree: Any, names: list[str]) -> Iterator[Any]:
    if not names:
        yield tree
    elif names[0] == "*" and isinstance(tree, list):
        for element in tree:
            yield from _walk(element, names[1:])
    elif isinstance(tree, dict) and names[0] in tree:
        yield from _walk(tree[names[0]], names[1:])


def _at(seen: dict, source: str) -> Any:
    if source.startswith("{"):
        return seen["path"][source.strip("{}")]
    if source.startswith("?"):
        return seen["query"][source[1:]]
    return seen["body"].get(source[1:])


def _admitted(caller: Caller, scoped: dict[str, list[str]], name: Any) -> bool:
    if not isinstance(name, str):
        return False
    globs = [glob for scope, globs in scoped.items() if scope in caller.scopes for glob in globs]
    return any(re.fullmatch(".*".join(map(re.escape, glob.split("*"))), name, re.S) for glob in globs)
