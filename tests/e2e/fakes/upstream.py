"""An OpenAI-compatible upstream that remembers every byte it was sent.

It is written on bare sockets, one thread a connection, so that "the upstream never saw a byte" is a statement about
bytes and not about what a framework chose to report.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep

from .listening import Listener


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for n, value in self.headers if n.lower() == name]

    def json(self):
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: list[tuple[str, str]] = field(default_factory=list)


class Upstream(Listener):
    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.bytes_in = 0
        #: When set, a stream waits for it after its first chunk.
        self.gate: threading.Event | None = None
        super().__init__()

    @contextmanager
    def untouched(self, settle: float = 0.1) -> Iterator[None]:
        """Fails if a single byte arrives within the block or shortly after."""
        before = self.bytes_in
        yield
        sleep(settle)
        assert self.bytes_in == before, f"the upstream got {self.bytes_in - before} bytes: {self.requests[-1:]}"

    @contextmanager
    def expect(self, count: int = 1, timeout: float = 5.0) -> Iterator[list[Seen]]:
        """Yields a list that holds the requests of the block once the block is over."""
        before = len(self.requests)
        got: list[Seen] = []
        yield got
        deadline = monotonic() + timeout
        while len(self.requests) < before + count and monotonic() < deadline:
            sleep(0.01)
        got.extend(self.requests[before:])
        assert len(got) == count, f"expected {count} requests upstream, got {[(s.method, s.target) for s in got]}"

    # -- the server ---------------------------------------------------------------------------------------------

    def _serve(self, connection: socket.socket) -> None:
        reader = _Reader(connection, self)
        with connection:
            try:
                while (seen := reader.request()) is not None:
                    self.requests.append(seen)
                    self._answer(connection, seen)
            except (ConnectionError, ValueError, OSError):
                return

    def _answer(self, connection: socket.socket, seen: Seen) -> None:
        path = seen.target.split("?")[0]
        if seen.method == "POST" and path.endswith("/chat/completions") and seen.json().get("stream"):
            self._stream(connection, seen.json())
            return
        answer = answer_to(seen, path)
        head = f"HTTP/1.1 {answer.status} X\r\ncontent-type: {answer.content_type}\r\ncontent-length: {len(answer.body)}\r\n"
        head += "".join(f"{n}: {v}\r\n" for n, v in answer.headers) + "\r\n"
        connection.sendall(head.encode() + (b"" if seen.method == "HEAD" else answer.body))

    def _stream(self, connection: socket.socket, request: dict) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        words = ["one ", "two ", "three"]
        for number, word in enumerate([*words, None]):
            delta = {"role": "assistant", "content": word} if word else {}
            chunk = {
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request["model"],
                "choices": [{"index": 0, "delta": delta, "finish_reason": None if word else "stop"}],
            }
            self._chunk(connection, f"data: {json.dumps(chunk)}\n\n".encode())
            if number == 0 and self.gate is not None:
                self.gate.wait(30)
        self._chunk(connection, b"data: [DONE]\n\n")
        connection.sendall(b"0\r\n\r\n")

    @staticmethod
    def _chunk(connection: socket.socket, data: bytes) -> None:
        connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")


class _Reader:
    """HTTP/1.1 requests from a socket; Envoy is the only client, so what it does not send is not read."""

    def __init__(self, connection: socket.socket, upstream: Upstream) -> None:
        self._connection, self._upstream, self._buffer = connection, upstream, b""

    def request(self) -> Seen | None:
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = [(n, v.strip()) for n, v in (line.split(":", 1) for line in lines)]
        seen = Seen(method, target, headers, b"")
        if seen.header("transfer-encoding"):
            seen.body = self._chunked()
        elif length := seen.header("content-length"):
            seen.body = self._exactly(int(length[0]))
        return seen

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n") or b"0", 16):
            body += self._exactly(size)
            self._exactly(2)
        self._until(b"\r\n")
        return body

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not self._more():
                return None
        got, self._buffer = self._buffer.split(mark, 1)
        return got

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            if not self._more():
                raise ConnectionError("the body was cut")
        got, self._buffer = self._buffer[:count], self._buffer[count:]
        return got

    def _more(self) -> bool:
        data = self._connection.recv(65536)
        self._upstream.bytes_in += len(data)
        self._buffer += data
        return bool(data)


def answer_to(seen: Seen, path: str) -> Answer:
    """What the API says to one request; everything it does not know is a 404."""
    segments = path.strip("/").split("/")
    match [seen.method, *segments]:
        case ["POST", "v1", "chat", "completions"]:
            return _json(completion(seen.json()))
        case ["POST", "v1", "embeddings"]:
            return _json({"object": "list", "model": "e", "data": [], "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        case ["GET", "v1", "models"]:
            return _json({"object": "list", "data": [_model("gpt-4o-mini"), _model("ft:mine")]})
        case ["GET", "v1", "models", name]:
            return _json(_model(name))
        case ["DELETE", "v1", "models", name]:
            return _json({"id": name, "object": "model", "deleted": True})
        case ["POST", "v1", "files"]:
            return _json(_file("file-1"))
        case ["DELETE", "v1", "files", name]:
            return _json({"id": name, "object": "file", "deleted": True})
        case ["POST", "v1", "fine_tuning", "jobs"]:
            return _json(_job("ftjob-1"))
        case ["GET", "v1", "fine_tuning", "jobs"]:
            return _json({"object": "list", "data": [_job("ftjob-1")], "has_more": False})
        case ["POST", "a2a"]:
            return _json({"jsonrpc": "2.0", "id": seen.json().get("id"), "result": {"kind": "message"}})
        case ["POST", "v1", "fine_tuning", "jobs", name, "cancel"]:
            return _json({**_job(name), "status": "cancelled"})
        case [_, "api", *_]:
            return _json({"status": True, "data": []})
        case [_, "acme", *_]:
            return _json({})
        case _:
            return _json({"error": {"message": f"no such path: {path}", "type": "not_found"}}, 404)


def completion(request: dict) -> dict:
    """A short answer; or, offered tools and told `call NAME {...}`, that tool call; after a result, the result."""
    last = {"role": "user", "content": "", **(request["messages"] or [{}])[-1]}
    message: dict = {"role": "assistant", "content": "hello"}
    finish = "stop"
    if last["role"] == "tool":
        message["content"] = f"tool said: {last['content']}"
    elif request.get("tools") and str(last["content"]).startswith("call "):
        _, name, arguments = last["content"].split(" ", 2)
        call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def _model(name: str) -> dict:
    return {"id": name, "object": "model", "created": 1, "owned_by": "fake"}


def _file(name: str) -> dict:
    return {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "fine-tune", "status": "processed"}


def _job(name: str) -> dict:
    return {
        "id": name, "object": "fine_tuning.job", "created_at": 1, "model": "m", "status": "queued", "seed": 1,
        "training_file": "file-1", "organization_id": "o", "result_files": [], "hyperparameters": {},
    }
