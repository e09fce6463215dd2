"""Sends cases through Envoy and says what became of them: outcome by outcome, and whether anything ran that should not have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from fakes.asgi import Server
from harness import raw
from harness.config import Setup
from harness.envoy import Envoy, free_port, wait_for
from harness.gateway import add_bare_door, without_filter

from .case import Case
from .issuers import Issuers
from .oracle import FULL, wrongs
from .tokens import Mint
from .upstream import Gullible, Ran
from .wire import http1

#: Seconds that an answer may take, and that it takes to say that there is none.
PATIENCE, SHORT_PATIENCE = 10.0, 0.3
POLICY = Path(__file__).resolve().parents[1] / "policies/corpus.yaml"


@dataclass
class Tally:
    """What became of the runs at one door."""

    outcomes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        names = {
            "deny": "refused by the filter", "envoy": "by Envoy", "closed": "closed", "silence": "never complete",
            "ran": "allowed rightly", "upstream": "passed on to no route", "wrong": "wrong allows",
        }  # fmt: skip
        return f"{self.outcomes.total()} runs: " + ", ".join(f"{self.outcomes[word]} {text}" for word, text in names.items())


@dataclass(frozen=True)
class Verdict:
    outcome: str
    #: Everything that ran and should not have.
    wrong: list[str]


class World:
    """Issuers, upstream, and an Envoy with three doors: `hardened` and `bare` as for scenarios, `open` without the filter."""

    def __init__(self, directory: Path) -> None:
        self.issuers, self.app = Issuers(), Gullible()
        self.upstream = Server(self.app)
        self.ports = {"bare": free_port(), "open": free_port()}
        policy = yaml.safe_load(POLICY.read_text())
        policy["identity"]["issuers"] = self.issuers.policy()
        self.envoy = Envoy(Setup(policy, self.upstream.port, self.issuers.port, adjust=self._add_doors), directory, concurrency=1)
        self.ports["hardened"] = self.envoy.port
        self.mint = Mint(self.issuers.keys())
        self.tallies = {door: Tally() for door in ["hardened", "bare", "open"]}
        self._seen, self._last = 0, "Envoy's start"
        try:
            wait_for(self._has_keys, "the issuer's keys", 20)
        except BaseException:
            self.close()
            raise
        self._seen = len(self.app.journal)
        self.issuers.rotate()
        #: Fetches after which the rotation is known: one of the main thread and one of the worker, and one that may have been under way.
        self.rotated_after = self.issuers.fetches["rotating"] + 3

    def close(self) -> None:
        self.envoy.stop()
        self.upstream.close()
        self.issuers.close()

    def _add_doors(self, config: dict) -> None:
        add_bare_door(config, self.ports["bare"])
        without_filter(config, self.ports["open"])
        for listener in config["static_resources"]["listeners"]:
            # After a GOAWAY, Envoy would give the client a second to read it.
            listener["filter_chains"][0]["filters"][0]["typed_config"]["delayed_close_timeout"] = "0.01s"

    def _has_keys(self) -> bool:
        token = self.mint.of(FULL).decode()
        return raw.request(self.ports["bare"], "GET", "/admin", token).status == 200

    def run(self, case: Case, door: str, protocol: str) -> Verdict:
        late = self.app.journal[self._seen :]
        assert not late, f"{late} ran after `{self._last}` was answered"
        if case.before is not None:
            case.before(self.ports[door], case.bearer(self.mint) or b"")
        if protocol == "http1":
            data = case.http1(self.mint)
            patience = SHORT_PATIENCE if case.expect == "silence" else PATIENCE
            answers, closed = http1(self.ports[door], data, case.answers, case.method == b"HEAD", patience)
        else:
            answer = raw.http2(self.ports[door], **case.http2(self.mint))
            answers, closed = ([answer], False) if answer.status else ([], True)
        ran = self.app.journal[self._seen :]
        self._seen, self._last = len(self.app.journal), f"{case.full_id}, {protocol}, {door}"
        outcomes = [_outcome(answer) for answer in answers] or ["closed" if closed else "silence"]
        wrong = [f"`{it.route}` ran: {why}" for it in ran for why in wrongs(case.caller, it, door)]
        if door == "bare" and case.raw is None:
            wrong += [f"{it.target!r} arrived" for it in ran if it.target != case.path(self.mint)]
        told = [outcome.removeprefix("ran ") for outcome in outcomes if outcome.startswith("ran ")]
        if Counter(told) != Counter(_named(ran)):
            outcomes.append(f"and {len(ran)} routes ran")
        self._count(door, outcomes, wrong)
        return Verdict(", ".join(outcomes), wrong)

    def _count(self, door: str, outcomes: list[str], wrong: list[str]) -> None:
        self.tallies[door].outcomes["wrong" if wrong else outcomes[0].split()[0]] += 1


def _named(ran: list[Ran]) -> list[str]:
    """A batch of calls in one request has one answer."""
    batch = [it.route for it in ran if it.route == "mcp"][:1]
    return [it.route for it in ran if it.route != "mcp"] + batch


def _outcome(answer: raw.Response) -> str:
    if answer.header("x-scopewarden-decision") is not None:
        return f"deny {answer.decision['reason']}"
    if (route := answer.header("x-ran")) is not None:
        return f"ran {route}"
    return f"{'upstream' if answer.header('x-upstream') else 'envoy'} {answer.status}"
