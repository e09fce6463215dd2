"""What callers see of responses: masked in every framing, at every split, for every real client; the rest is untouched."""

from __future__ import annotations

import gzip
import json
import random
import string
import threading
import time
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from conftest import closing, load_policy, running
from fakes.scripted import Script, Scripted, ScriptedHttp2
from harness import raw
from harness.config import Setup, http_manager
from harness.envoy import Envoy, free_port
from test_mcp_client import session, text

SCOPES = ["autogen:prompt", "autogen:model:read", "autogen:team:read", "autogen:response:write"]
CARD = "4111 1111 1111 1111"


def key() -> str:
    """A key of the form that OpenAI gives out, from nowhere."""
    letters = random.Random(5)
    return "sk-proj-" + "".join(letters.choices(string.ascii_letters + string.digits, k=48))


KEY = key()


@pytest.fixture(scope="module")
def scripted_http2() -> Iterator[ScriptedHttp2]:
    with closing(ScriptedHttp2()) as it:
        yield it


@pytest.fixture(scope="module")
def masking(tmp_path_factory, issuer, scripted, scripted_http2, tool_server, grpc_echo, websocket_echo) -> Iterator[Envoy]:
    routes = {
        "/mcp": (tool_server.port, False),
        "/h2/": (scripted_http2.port, True),
        "/agents.AgentRpc/": (grpc_echo.port, True),
        "/api/ws/": (websocket_echo.port, False),
    }
    setup = Setup(load_policy("redact"), scripted.port, issuer.port, routes)
    with running(issuer, setup, tmp_path_factory.mktemp("masking")) as envoy:
        yield envoy


@pytest.fixture(autouse=True)
def no_script(scripted) -> Iterator[None]:
    yield
    scripted.script = None


@pytest.fixture
def token(issuer) -> str:
    return issuer.token(*SCOPES)


def models(envoy: Envoy, token: str, protocol: str = "http1", method: str = "GET", headers: list[tuple[str, str]] = ()) -> raw.Response:
    if protocol == "http2":
        return raw.http2(envoy.port, method, "/v1/models", [("authorization", f"Bearer {token}"), *headers])
    return raw.request(envoy.port, method, "/v1/models", token, headers=headers)


def cut(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


DOCUMENT = json.dumps({"note": f"my key is {KEY}, mail ana@example.com", "card": CARD, "user": {"password": {"hash": "x"}}, "n": 1e3}).encode()
MASKED = {
    "note": "my key is sk-[masked:openai], mail [masked:email]", "card": "[masked:card:1111]", "user": {"password": "[masked]"}, "n": 1000.0,
}


@pytest.mark.parametrize("protocol", ["http1", "http2"])
@pytest.mark.parametrize("size", [None, 1, 7, 64])
@pytest.mark.parametrize("status", [200, 500])
def test_a_json_document(masking, scripted, token, protocol, size, status):
    chunks = [DOCUMENT] if size is None else cut(DOCUMENT, size)
    scripted.script = Script(chunks, status=status, length=size is None, headers=[("etag", '"a"')])
    answer = models(masking, token, protocol)
    assert (answer.status, answer.json()) == (status, MASKED)
    assert answer.header("etag") is None
    expected = str(len(answer.body)) if size is None else None
    assert answer.header("content-length") == expected


@pytest.mark.parametrize("length", [True, False])
def test_what_has_nothing_to_mask_is_untouched(masking, scripted, token, length):
    document = b'\xef\xbb\xbf { "b" : 1e3,\r\n "a":"\\u00e9\\/" , "id": "123e4567-e89b-12d3-a456-426614174000"}\n'
    scripted.script = Script(cut(document, 9), length=length, headers=[("x-request-cost", "12")])
    answer = models(masking, token)
    assert answer.body == document
    assert answer.header("x-request-cost") == "12"
    assert answer.header("content-length") == (str(len(document)) if length else None)


def test_bodiless_responses(masking, scripted, token):
    scripted.script = Script([DOCUMENT], length=True)
    answer = models(masking, token, method="HEAD")
    assert (answer.status, answer.header("content-length"), answer.body) == (200, str(len(DOCUMENT)), b"")
    for status in (204, 304):
        scripted.script = Script([], status=status)
        assert models(masking, token).status == status


def test_headers_are_masked_but_not_the_callers_own_cookie(masking, scripted, token):
    fields = [("x-debug", f"used {KEY}"), ("set-cookie", f"session={KEY}"), ("x-mail", "ana@example.com"), ("x-mail", "none")]
    scripted.script = Script([b"{}"], headers=fields)
    answer = models(masking, token)
    assert answer.header("x-debug") == "used sk-[masked:openai]"
    assert answer.header("set-cookie") == f"session={KEY}"
    assert [v for n, v in answer.headers if n == "x-mail"] == ["[masked:email]", "none"]


def test_a_holder_of_the_scope_sees_what_others_do_not(masking, scripted, issuer, token):
    document = json.dumps({"data": {"config": {"environment": [{"name": "A", "value": "plain"}]}}}).encode()
    scripted.script = Script([document], length=True)
    assert models(masking, token).json()["data"]["config"]["environment"] == [{"name": "A", "value": "[masked]"}]
    assert models(masking, issuer.token(*SCOPES, "autogen:secrets:read")).body == document


def test_the_upstream_is_not_asked_for_what_cannot_be_masked(masking, scripted, token):
    scripted.script = Script([b"{}"], length=True)
    with scripted.expect(1) as seen:
        models(masking, token, headers=[("accept-encoding", "gzip"), ("range", "bytes=0-9"), ("if-range", '"a"')])
    assert [seen[0].header(name) for name in ("accept-encoding", "range", "if-range")] == [[], [], []]


UNMASKABLE = [
    ("gzip", Script([gzip.compress(DOCUMENT)], headers=[("content-encoding", "gzip")], length=True)),
    ("unknown encoding", Script([DOCUMENT], headers=[("content-encoding", "x")])),
    ("another charset", Script([DOCUMENT.decode().encode("utf-16")], content_type="application/json; charset=utf-16")),
    ("a part", Script([DOCUMENT[:40]], status=206, length=True)),
    ("two types", Script([DOCUMENT], headers=[("content-type", "text/plain")])),
    ("too deep", Script([b"[" * 1000 + b"]" * 1000], length=True)),
]


@pytest.mark.parametrize("protocol", ["http1", "http2"])
@pytest.mark.parametrize("script", [s for _, s in UNMASKABLE], ids=[n for n, _ in UNMASKABLE])
def test_what_cannot_be_masked_is_refused(masking, scripted, token, script, protocol):
    scripted.script = script
    answer = models(masking, token, protocol)
    assert answer.status == 502
    assert answer.decision["reason"] == "response_unmaskable"
    assert answer.json()["error"]["code"] == "response_unmaskable"
    assert answer.header("x-should-retry") == "false"
    record = last_record(masking)
    assert (record["decision"], record["response_stopped"]["reason"]) == ("allow", "response_unmaskable")


def last_record(envoy: Envoy) -> dict:
    time.sleep(0.05)
    return envoy.records()[-1]


def pem() -> str:
    return "-----BEGIN PRIVATE " + "KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\n" * 8 + "-----END PRIVATE " + "KEY-----\n"


def test_what_the_policy_blocks_is_refused_whole_and_cut_when_it_streams(masking, scripted, token):
    document = json.dumps({"key": pem()}).encode()
    scripted.script = Script([document], length=True)
    answer = models(masking, token)
    assert (answer.status, answer.decision["reason"]) == (502, "response_blocked")
    assert b"MIIE" not in answer.body and b"private_key" in answer.body

    scripted.script = Script([b'{"before": 1, ', document[1:]])
    answer = models(masking, token)
    assert answer.status == 0, "the stream was cut, and the client can tell"
    assert last_record(masking)["response_stopped"]["reason"] == "response_blocked"


def test_the_record_counts_and_keeps_no_text(masking, scripted, token):
    scripted.script = Script(cut(DOCUMENT, 5))
    models(masking, token)
    record = last_record(masking)
    assert record["masked"] == {"openai": 1, "email": 1, "card": 1, "field:**.password": 1}
    assert KEY[12:] not in masking.log() and "ana@" not in masking.log()


# -- streams -------------------------------------------------------------------------------------------------------


def event(data: object) -> bytes:
    return f"data: {json.dumps(data) if not isinstance(data, str) else data}\n\n".encode()


def chat_chunks(pieces: list[str], choices: int = 1, member: str = "content") -> list[bytes]:
    def chunk(index: int, delta: dict, finish: str | None = None) -> bytes:
        return event({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini",
            "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
        })

    def delta(piece: str) -> dict:
        if member == "arguments":
            return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        return {member: piece}

    events = [chunk(i, delta(piece)) for piece in pieces for i in range(choices)]
    return [*events, *(chunk(i, {}, "stop") for i in range(choices)), event("[DONE]")]


def stream(chunks: list[bytes]) -> Script:
    return Script(chunks, content_type="text/event-stream")


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def chat(envoy: Envoy, token: str):
    client = OpenAI(base_url=f"{envoy.url}/v1", api_key=token, timeout=15, max_retries=0)
    return client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], stream=True)


SPOKEN = f"The key is {KEY}, tell ana@example.com about it."
HEARD = "The key is sk-[masked:openai], tell [masked:email] about it."


@pytest.mark.parametrize("size", [1, 2, 3, 4, 16, 500])
@pytest.mark.parametrize("choices", [1, 3])
def test_a_key_that_is_split_over_tokens(masking, scripted, token, size, choices):
    scripted.script = stream(chat_chunks(pieces(SPOKEN, size), choices))
    heard: dict[int, str] = {}
    for chunk in chat(masking, token):
        for choice in chunk.choices:
            heard[choice.index] = heard.get(choice.index, "") + (choice.delta.content or "")
            assert KEY[4:8] not in heard[choice.index]
    assert heard == {index: HEARD for index in range(choices)}


def test_tool_arguments_that_stream(masking, scripted, token):
    arguments = json.dumps({"path": "/etc", "key": KEY, "mail": "ana\u0040example.com"})
    scripted.script = stream(chat_chunks(pieces(arguments, 3), member="arguments"))
    heard = "".join(c.choices[0].delta.tool_calls[0].function.arguments for c in chat(masking, token) if c.choices[0].delta.tool_calls)
    assert json.loads(heard) == {"path": "/etc", "key": "sk-[masked:openai]", "mail": "[masked:email]"}


def test_events_are_not_kept_waiting(masking, scripted, token):
    gate = threading.Semaphore(0)
    words = ["one ", "two ", "three ", "four "]
    scripted.script = stream(chat_chunks(words))
    scripted.script.gate = gate
    received = []
    for chunk in chat(masking, token):
        received.append(chunk.choices[0].delta.content)
        gate.release()
    assert "".join(filter(None, received)) == "".join(words)
    assert received[0].startswith("one"), "the first word came before the second was sent"


def test_the_responses_api(masking, scripted, token):
    def sent(kind: str, **members: object) -> bytes:
        return f"event: {kind}\n".encode() + event({"type": kind, **members})

    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": SPOKEN, "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    response = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [item],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }
    deltas = [
        sent("response.output_text.delta", sequence_number=n + 1, delta=piece, logprobs=[], **place)
        for n, piece in enumerate(pieces(SPOKEN, 3))
    ]
    scripted.script = stream([
        sent("response.created", sequence_number=0, response={**response, "status": "in_progress", "output": []}), *deltas,
        sent("response.output_text.done", sequence_number=90, text=SPOKEN, logprobs=[], **place),
        sent("response.completed", sequence_number=91, response=response),
    ])
    client = OpenAI(base_url=f"{masking.url}/v1", api_key=token, timeout=15, max_retries=0)
    heard, done, completed = "", None, None
    for happened in client.responses.create(model="gpt-4o-mini", input="hi", stream=True):
        match happened.type:
            case "response.output_text.delta":
                heard += happened.delta
            case "response.output_text.done":
                done = happened.text
            case "response.completed":
                completed = happened.response.output_text
    assert (heard, done, completed) == (HEARD, HEARD, HEARD)


def test_autogen_streams(masking, scripted, token, autogen):
    scripted.script = stream(chat_chunks(pieces(SPOKEN, 2)))
    outcome = autogen("create_stream", masking.url, token=token)
    assert outcome["ok"][-1] == HEARD, outcome
    assert "".join(outcome["ok"][:-1]) == HEARD


def test_a_blocked_stream_ends_in_an_error_of_the_client(masking, scripted, token):
    scripted.script = stream(chat_chunks(pieces(pem(), 8)))
    heard = ""
    with pytest.raises((openai.APIError, Exception)) as raised:
        for chunk in chat(masking, token):
            heard += chunk.choices[0].delta.content or ""
    assert "MIIE" not in heard, raised.value


# -- other protocols -----------------------------------------------------------------------------------------------


def h2(envoy: Envoy, token: str) -> raw.Response:
    return raw.http2(envoy.port, "GET", "/h2/x", [("authorization", f"Bearer {token}")])


def test_websocket_messages(masking, scripted, websocket_echo, issuer):
    headers = {"Authorization": f"Bearer {issuer.token('autogen:run:connect')}"}
    url = f"ws://localhost:{masking.port}/api/ws/runs/1"
    # The client offers compression, which nobody could look into: the upstream does not see the offer.
    with connect(url, additional_headers=headers, open_timeout=15) as connection:
        for sent, heard in [
            ("plain", "plain"), (json.dumps({"type": "message", "data": {"content": f"use {KEY}"}}), None),
            (b"\x00\xff", b"\x00\xff"), ("x" * 100_000, "x" * 100_000), (f"mail ana@example.com {CARD}", "mail [masked:email] [masked:card:1111]"),
        ]:
            connection.send(sent)
            message = connection.recv(timeout=5)
            if heard is None:
                assert json.loads(message) == {"type": "message", "data": {"content": "use sk-[masked:openai]"}}
            else:
                assert message == heard
        connection.send(["in ", "parts: ", KEY])
        assert connection.recv(timeout=5) == "in parts: sk-[masked:openai]"
        spoken = [json.dumps({"type": "message_chunk", "data": {"source": "a", "content": piece}}) for piece in pieces(SPOKEN, 3)]
        done = json.dumps({"type": "result", "data": {"task_result": {"messages": [{"content": SPOKEN}]}}})
        for message in [*spoken, done]:
            connection.send(message)
        heard = ""
        while (message := json.loads(connection.recv(timeout=5)))["type"] == "message_chunk":
            heard += message["data"]["content"]
        assert (heard, message["data"]["task_result"]["messages"][0]["content"]) == (HEARD, HEARD)
        connection.send(pem())
        with pytest.raises(ConnectionClosedError):
            connection.recv(timeout=5)
    assert last_record(masking)["response_stopped"]["reason"] == "response_blocked"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_a_real_tool_server(masking, issuer, mode):
    token = issuer.token("mcp:connect", "mcp:tool:list", "mcp:tool:call")
    arguments = {"title": f"rotate {KEY}", "repo": "sandbox"}
    listed, answer = session(masking, token, mode, lambda c: c.list_tools(), lambda c: c.call_tool("create_issue", arguments))
    assert len(listed.tools) == 3
    assert text(answer) == "created rotate sk-[masked:openai] in sandbox"
    assert KEY[8:] not in answer.model_dump_json(), "nor in what the answer repeats as data"


def test_trailers(masking, scripted_http2, token):
    trailers = [("x-checked-by", "ana@example.com")]
    scripted_http2.script = Script(cut(DOCUMENT, 30), trailers=trailers, headers=[("trailer", "x-checked-by")])
    answer = h2(masking, token)
    assert answer.json() == MASKED and answer.header("x-checked-by") == "[masked:email]"
    # Not announced: what was held when they came cannot be sent any more.
    scripted_http2.script = Script([b"sent to ana@example", b".com"], content_type="text/plain", trailers=trailers)
    answer = h2(masking, token)
    assert b"ana@" not in answer.body
    assert last_record(masking)["response_stopped"]["reason"] == "response_unmaskable"
    scripted_http2.script = Script([b"sent to ana@example", b".com today. "], content_type="text/plain", trailers=trailers)
    answer = h2(masking, token)
    assert (answer.status, answer.body) == (200, b"sent to [masked:email] today. ")


def test_the_proxys_own_answers_pass(tmp_path_factory, issuer, token):
    with closing(Scripted()) as upstream:
        setup = Setup(load_policy("redact"), upstream.port, issuer.port, {"/h2/": (free_port(), True)})
        with running(issuer, setup, tmp_path_factory.mktemp("alone")) as envoy:
            answer = h2(envoy, token)
    assert answer.status == 503 and b"upstream connect error" in answer.body


def compressing(bootstrap: dict) -> None:
    library = {"@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"}
    compressor = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
        "compressor_library": {"name": "gzip", "typed_config": library},
    }
    http_manager(bootstrap)["http_filters"].insert(0, {"name": "envoy.filters.http.compressor", "typed_config": compressor})


def test_a_compressor_before_the_filter_compresses_what_was_masked(tmp_path_factory, issuer, token):
    with closing(Scripted()) as upstream:
        setup = Setup(load_policy("redact"), upstream.port, issuer.port, adjust=compressing)
        with running(issuer, setup, tmp_path_factory.mktemp("compressed")) as envoy:
            upstream.script = Script(cut(DOCUMENT, 50))
            answer = models(envoy, token, headers=[("accept-encoding", "gzip")])
    assert answer.header("content-encoding") == "gzip"
    assert json.loads(gzip.decompress(answer.body)) == MASKED


def test_shadow_mode_counts_and_changes_nothing(tmp_path_factory, issuer, token):
    policy = {**load_policy("redact"), "mode": "shadow"}
    with closing(Scripted()) as upstream:
        setup = Setup(policy, upstream.port, issuer.port)
        with running(issuer, setup, tmp_path_factory.mktemp("shadow")) as envoy:
            upstream.script = Script(cut(DOCUMENT, 9), headers=[("etag", '"a"')])
            with upstream.expect(1) as seen:
                answer = models(envoy, token, headers=[("accept-encoding", "gzip")])
            assert answer.body == DOCUMENT and answer.header("etag") == '"a"'
            assert seen[0].header("accept-encoding") == ["gzip"]
            assert last_record(envoy)["masked"] == {"openai": 1, "email": 1, "card": 1, "field:**.password": 1}
            upstream.script = Script([json.dumps({"key": pem()}).encode()])
            assert models(envoy, token).status == 200
            assert last_record(envoy)["response_stopped"]["reason"] == "response_blocked"
