"""Scenarios tagged `envoy`, through a real Envoy: the decisions that core takes natively are the ones that callers meet.

Each is sent byte for byte over HTTP/1.1 and HTTP/2, through both doors of harness/gateway.py. Two more tags say what Envoy
makes of a request before any filter sees it:

- `envoy-first`: refused even at the bare door, by one protocol's codec at least. That is as good a refusal, but it proves
  nothing about the filter, so no other case may end that way there.
- `normalised`: the hardened door resolves the path, and the filter decides on what came out.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from harness import raw
from harness.gateway import DOORS, Arrival, Gateway
from harness.scenario import Case, Outcome, cases, unescape

PROTOCOLS = ["http1", "http2"]
#: What HTTP/2 lets a client send before the server opens the window.
WINDOW = 65_535
#: Header fields that say something about a connection; HTTP/2 has none (RFC 9113 section 8.2.2).
OF_CONNECTIONS = {b"connection", b"upgrade"}

#: What was run.
done: set[str] = set()
#: Who refused at which door.
refusals: Counter[tuple[str, str]] = Counter()
#: Cases that Envoy refused at the bare door.
envoy_first: set[str] = set()


@dataclass(frozen=True)
class Run:
    case: Case
    door: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.case.id}, {self.protocol}, {self.door}"


def can_be_sent(run: Run) -> bool:
    request = run.case.request
    target, body = unescape(request.path), request.content() or b""
    if request.properties:  # these come from other filters, not from a caller
        return False
    if run.protocol == "http1":
        # An absolute target is an authority and a path in HTTP/1.1; the scheme is the connection's. Hardened, Envoy drops
        # trailers of HTTP/1.1.
        return target[:1] in (b"/", b"*") and request.scheme == "http" and not (request.trailers and run.door == "hardened")
    names = {name.lower() for name, _ in request.fields(None)}
    return not names & OF_CONNECTIONS and len(body) <= WINDOW


def runs() -> list[Run]:
    all_runs = [Run(case, door, protocol) for case in cases("envoy") for protocol in PROTOCOLS for door in DOORS]
    return [run for run in all_runs if can_be_sent(run)]


@pytest.fixture(scope="session")
def gateways(tmp_path_factory) -> Iterator[Callable[[Case], Gateway]]:
    """The gateway of a case's policy, started when the first one asks."""
    running: dict[str, Gateway] = {}

    def gateway(case: Case) -> Gateway:
        name = case.policy["policy"]
        if name not in running:
            running[name] = Gateway(case.policy, tmp_path_factory.mktemp(name))
        return running[name]

    yield gateway
    for it in running.values():
        try:
            it.nothing_more_arrived()
            assert it.envoy.alive() and it.envoy.stat("wasm.scopewarden.vm_reload_success") == 0, it.envoy.log()[-4000:]
        finally:
            it.close()


def send(run: Run, gateway: Gateway, token: str | None) -> raw.Response:
    request = run.case.request
    fields, body, trailers = request.fields(token), request.content(), as_bytes(request.trailers)
    method, target = unescape(request.method), unescape(request.path)
    if run.protocol == "http2":
        fields = [(name.lower(), value) for name, value in fields]
        pseudo = {"authority": unescape(request.authority), "scheme": unescape(request.scheme)}
        return raw.http2(gateway.ports[run.door], method, target, fields, body, trailers or None, **pseudo)
    framing = [(b"transfer-encoding", b"chunked")] if trailers else []
    if body is not None and not trailers:
        framing = [(b"content-length", b"%d" % len(body))]
    head = [(b"host", unescape(request.authority)), *framing, *fields]
    if trailers:
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n" + lines(trailers) + b"\r\n"
    data = b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, target, lines(head), body or b"")
    return gateway.http1[run.door].exchange(data, method.decode("latin-1"))


def as_bytes(fields: list[list[str]]) -> list[tuple[bytes, bytes]]:
    return [(unescape(name), unescape(value)) for name, value in fields]


def lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%s: %s\r\n" % field for field in fields)


@pytest.mark.parametrize("run", runs(), ids=str)
def test_scenario(run, gateways):
    gateway, request, expect = gateways(run.case), run.case.request, run.case.expect
    gateway.nothing_more_arrived()
    token = run.case.token(int(time.time()))
    answer = send(run, gateway, token)
    done.add(str(run))
    arrivals = gateway.arrivals_of(str(run))
    by_filter = answer.status != 0 and answer.header("x-scopewarden-decision") is not None

    normalised = run.door == "hardened" and "normalised" in run.case.tags
    if expect.decision == "deny" and not (normalised and arrivals):
        refusals[run.door, "filter" if by_filter else "Envoy"] += 1
        assert arrivals == []
        if not by_filter:
            # Over HTTP/2, Envoy resets a stream that it cannot read.
            assert 400 <= answer.status < 500 or (answer.status == 0 and run.protocol == "http2"), answer
            if run.door == "bare":
                assert "envoy-first" in run.case.tags, f"Envoy refused before the filter: {answer}"
                envoy_first.add(run.case.id)
            return
    record, sent = gateway.record_of(answer), request.fields(token)
    if normalised:
        assert record["decision"] == ("allow" if arrivals else "deny")
        assert is_normal(record["path"])
    else:
        # Hardened, Envoy takes headers off as well.
        gone = removed(sent, arrivals) if run.door == "bare" else None
        outcome = Outcome(len(arrivals) == 1, answer if by_filter else None, gone, record)
        differences = list(expect.differences(outcome))
        assert not differences, "\n".join([*differences, f"answer: {answer}", f"record: {record}"])
    for arrival in arrivals:
        assert (arrival.method, arrival.body) == (unescape(request.method), request.content() or b"")
        assert set(expect.removed or []) <= set(removed(sent, [arrival]))
        path, _, _ = arrival.target.partition(b"?")
        # A record cuts a path after 1024 characters.
        assert path.decode("latin-1")[:1024] == record["path"].split("…")[0], "judged one path, forwarded another"
        if run.door == "bare":
            assert arrival.target == unescape(request.path)
        watched = run.door == "bare" and record["mode"] == "shadow"
        assert arrival.trailers == (as_bytes(request.trailers) if watched else [])


def removed(sent: list[tuple[bytes, bytes]], arrivals: list[Arrival]) -> list[str] | None:
    """Names of fields that were sent and did not arrive with that value."""
    arrived = {field for arrival in arrivals for field in arrival.headers}
    gone = {name.lower() for name, value in sent if (name.lower(), value) not in arrived}
    return sorted(name.decode() for name in gone) if arrivals else None


def is_normal(path: str) -> bool:
    return not re.search(r"//|/\.{1,2}(/|$)|\\|%2[eEfF]|%5[cC]", path)


def test_most_refusals_are_the_filters_own(capsys):
    if len(done) < len(runs()):
        pytest.skip("only some of the scenarios were run")
    assert envoy_first == {case.id for case in cases("envoy-first")}, "the tag is where Envoy is first, and nowhere else"
    with capsys.disabled():
        counts = (f"{door}: {refusals[door, 'filter']} by the filter, {refusals[door, 'Envoy']} by Envoy" for door in DOORS)
        print("\nrefusals", *counts, sep="\n  ")
    assert refusals["hardened", "filter"] > 3 * refusals["hardened", "Envoy"]
    assert refusals["bare", "filter"] > 10 * refusals["bare", "Envoy"]
