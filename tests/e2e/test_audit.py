"""Every request leaves a record at a sink, in a chain; what destroys does not happen without one."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from conftest import closing, load_policy, running
from fakes.scripted import Script
from fakes.sink import Sink
from harness import raw
from harness.config import Setup
from harness.envoy import Envoy, wait_for
from test_redaction import KEY

SCOPES = ["autogen:prompt", "autogen:model:read", "autogen:model:delete", "autogen:response:write"]


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with closing(Sink()) as it:
        yield it


@pytest.fixture(scope="module")
def audited(tmp_path_factory, issuer, scripted, sink) -> Iterator[Envoy]:
    setup = Setup(load_policy("audit"), scripted.port, issuer.port, audit=sink.port)
    with running(issuer, setup, tmp_path_factory.mktemp("audited")) as envoy:
        yield envoy


@pytest.fixture(autouse=True)
def healthy(request, sink) -> Iterator[None]:
    yield
    sink.mode, sink.delay = "ok", 0.0
    if "audited" in request.fixturenames:
        envoy, issuer = request.getfixturevalue("audited"), request.getfixturevalue("issuer")
        # New connections spread over the workers.
        wait_for(lambda: all(delete(envoy, issuer).status == 200 for _ in range(8)), "the sink to be back", 30, 0.2)
        wait_for(lambda: whole(sink), "whole streams", 5, 0.2)


def whole(sink: Sink) -> bool:
    try:
        sink.check()
    except AssertionError:
        return False
    return True


def record_of(sink: Sink, answer: raw.Response, kind: str = "decision") -> dict:
    request_id = answer.header("x-request-id")
    found = wait_for(
        lambda: [r for r in sink.records(kind) if r.get("request_id") == request_id], f"the {kind} of {request_id}", 15
    )
    assert len(found) == 1
    return found[0]


def get(envoy: Envoy, issuer, target: str = "/v1/models", **more) -> raw.Response:
    return raw.request(envoy.port, "GET", target, issuer.token(*SCOPES), **more)


def delete(envoy: Envoy, issuer) -> raw.Response:
    return raw.request(envoy.port, "DELETE", "/v1/models/ft:mine", issuer.token(*SCOPES))


def test_allowed_and_refused_requests_are_on_record(audited, issuer, sink):
    record = record_of(sink, get(audited, issuer))
    assert (record["decision"], record["operation"], record["status"]) == ("allow", "openai.models.list", 200)
    assert record["scopes_held"] == sorted(SCOPES)
    refused = raw.request(audited.port, "DELETE", "/v1/models/ft:mine", issuer.token("autogen:model:read"))
    assert record_of(sink, refused)["reason"] == "scope_missing"
    assert sink.tokens == {"Bearer e2e-audit-token-0123456789"}
    assert "\"kind\":\"decision\"" not in audited.log(), "a record that goes to the sink is no line of the log as well"


def test_what_destroys_is_on_record_before_it_happens(audited, issuer, sink, scripted):
    answer = delete(audited, issuer)
    assert answer.status == 200
    intent, outcome = record_of(sink, answer, "intent"), record_of(sink, answer)
    assert intent["record"] == outcome["record"] and intent["seq"] < outcome["seq"]
    assert "status" not in intent and outcome["status"] == 200


@pytest.mark.parametrize("mode", ["503", "reset", "hang", "400"])
def test_what_destroys_is_refused_without_its_record(audited, issuer, sink, scripted, mode):
    sink.mode = mode
    before = audited.stat("cluster.upstream.upstream_rq_total")
    began = time.monotonic()
    answer = delete(audited, issuer)
    assert (answer.status, answer.decision["reason"]) == (503, "audit_unavailable"), answer
    assert time.monotonic() - began < 4
    assert get(audited, issuer).status == 200, "what only reads goes on"
    assert audited.stat("cluster.upstream.upstream_rq_total") == before + 1
    sink.mode = "ok"
    if mode == "400":
        gap = wait_for(lambda: sink.records("gap"), "a record of what the sink did not take")[-1]
        assert (gap["because"], gap["dropped"] >= 1) == ("refused", True)
    else:
        assert record_of(sink, answer)["decision"] == "deny", "and the refusal is on record"


def test_a_sink_that_acknowledges_and_forgets_is_found_out(start, issuer):
    with closing(Sink()) as sink:
        envoy = start(load_policy("audit"), audit=sink.port)
        wait_for(lambda: get(envoy, issuer).status == 200, "the issuer's keys")
        for mode in ("forget", "ok"):
            sink.mode = mode
            for _ in range(8):
                get(envoy, issuer)
            time.sleep(1)
        assert not whole(sink)


def test_bodies_are_on_record_without_secrets(audited, issuer, sink, scripted):
    deltas = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in ("key ", KEY[:9], KEY[9:])]
    events = [f"data: {json.dumps(delta)}\n\n".encode() for delta in deltas]
    scripted.script = Script([*events, b"data: [DONE]\n\n"], "text/event-stream")
    prompt = {"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": f"use {KEY} for bob@example.com"}]}
    answer = raw.request(audited.port, "POST", "/v1/chat/completions", issuer.token(*SCOPES), prompt)
    scripted.script = None
    assert KEY[9:] in answer.body.decode(), "the policy masks nothing for callers"
    record = record_of(sink, answer)
    body = json.dumps(prompt).encode()
    assert record["request"]["bytes"] == len(body)
    assert record["request"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert "use sk-[masked:openai] for [masked:email]" in record["request"]["body"]
    assert record["response"]["sha256"] == hashlib.sha256(answer.body).hexdigest()
    assert "[masked:openai]" in record["response"]["body"] and record["response"]["body"].endswith("data: [DONE]\n\n")
    assert KEY[8:] not in json.dumps(record) and KEY[8:] not in audited.log()


def test_a_long_body_is_told_by_its_beginning(audited, issuer, sink):
    prompt = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 1_000_000}]}
    answer = raw.request(audited.port, "POST", "/v1/chat/completions", issuer.token(*SCOPES), prompt)
    request = record_of(sink, answer)["request"]
    body = json.dumps(prompt).encode()
    assert (request["bytes"], request["cut"], len(request["body"])) == (len(body), True, 16384)
    assert request["sha256"] == hashlib.sha256(body).hexdigest()


def test_what_somebody_writes_into_a_request_stays_on_one_line(audited, issuer, sink):
    hostile = "a\u2028b\u0085c\u009bd\u001b[31m\\ \" \u0000"
    prompt = {"model": hostile, "messages": []}
    answer = raw.request(audited.port, "POST", "/v1/chat/completions", issuer.token(*SCOPES), prompt)
    record = record_of(sink, answer)
    assert record["facts"]["model"] == hostile
    assert sink.faults == []


def test_long_headers_and_bytes_that_are_no_text_are_one_record(audited, issuer, sink):
    token = issuer.token(*SCOPES)
    long = raw.request(
        audited.port, "GET", "/v1/models", token, headers=[("mcp-session-id", "m" * 20_000), ("x-long", "x" * 5_000)]
    )
    record = record_of(sink, long)
    assert record["session"] == {"mcp": hashlib.sha256(b"m" * 20_000).hexdigest()[:16]}
    before = len(sink.records())
    head = b"GET /v1/models/\xff\xfe HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " + token.encode() + b"\r\n\r\n"
    assert raw.send(audited.port, head).status in (400, 403)
    time.sleep(1)
    paths = [r["path"] for r in sink.records()[before:]]
    # Envoy itself refuses some; what it lets in is told by the character that stands for what is no text.
    assert paths in ([], ["/v1/models/\ufffd\ufffd"])
    assert sink.faults == []


def test_what_belongs_together(audited, issuer, sink):
    trace = "0af7651916cd43dd8448eb211c80319c"
    parent = ("traceparent", f"00-{trace}-b7ad6b7169203331-01")
    answer = raw.request(
        audited.port, "POST", "/v1/responses", issuer.token(*SCOPES),
        {"model": "gpt-4o", "input": "hi", "previous_response_id": "resp_1"}, headers=[parent],
    )
    session = record_of(sink, answer)["session"]
    assert (session["trace"], session["previous"]) == (trace, "resp_1")


def test_a_sink_that_is_down_for_a_while_loses_nothing(audited, issuer, sink):
    """The long form of this is `make audit-outage`."""
    sink.mode = "503"
    answers, done = [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(get(audited, issuer))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(4)
    sink.mode = "reset"
    time.sleep(2)
    sink.mode = "ok"
    done.set()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}
    wanted = {answer.header("x-request-id") for answer in answers}
    assert len(wanted) == len(answers) > 100
    wait_for(lambda: wanted <= {r["request_id"] for r in sink.records()}, "every record", 30, 0.5)


def test_everything_can_wait_for_its_record(start, issuer, upstream, websocket_echo):
    """Uploads and WebSockets begin while they are held: nothing of them is lost."""
    with closing(Sink()) as sink:
        sink.delay = 0.15
        policy = load_policy("audit")
        policy["audit"]["on_unavailable"] = "deny"
        envoy = start(policy, audit=sink.port, routes={"/api/ws/": (websocket_echo.port, False)})
        token = issuer.token(*SCOPES, "autogen:file:write", "autogen:run:connect")
        wait_for(lambda: get(envoy, issuer).status == 200, "the issuer's keys")
        for size in (0, 1, 70_000, 2_000_000):
            body = b"--b\r\n" + bytes(range(256)) * (size // 256) + b"\r\n--b--\r\n"
            headers = [("content-type", "multipart/form-data; boundary=b")]
            with upstream.expect(1) as seen:
                raw.request(envoy.port, "POST", "/v1/files", token, body, headers=headers)
            assert seen[0].body == body
            prompt = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * size}]}
            with upstream.expect(1) as seen:
                assert raw.request(envoy.port, "POST", "/v1/chat/completions", token, prompt).status == 200
            assert seen[0].json() == prompt
        for n in range(5):
            headers = {"authorization": f"Bearer {token}"}
            with connect(f"ws://localhost:{envoy.port}/api/ws/runs/1", additional_headers=headers, compression=None) as socket:
                for message in (f"first {n}", "second", "x" * 100_000):
                    socket.send(message)
                    assert socket.recv(timeout=10) == message
        kinds = [record["operation"] for record in sink.records("intent")]
        assert kinds.count("openai.files.create") == 4 and kinds.count("autogen-studio.runs.connect") == 5
        sink.mode = "503"
        with upstream.untouched():
            assert get(envoy, issuer).status == 503
            assert get(envoy, issuer).decision["reason"] == "audit_unavailable"
