"""A sink of records that is strict about OTLP, keeps what it acknowledges, and can fail in every way that sinks do."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIGITS = re.compile(r"[0-9]+")


class Sink:
    """`mode` is what it does with the next batches: `ok`, `503`, `reset`, `hang`, `400`, or `forget` (says `ok`, and keeps nothing)."""

    def __init__(self, port: int = 0) -> None:
        self.mode, self.delay = "ok", 0.0
        self.lines: list[str] = []
        self.faults: list[str] = []
        self.batches = 0
        self.tokens: set[str | None] = set()
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                sink._take(self, body)

            def log_message(self, *_) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        mode = self.mode
        time.sleep(self.delay)
        if mode == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            return
        if mode == "hang":
            time.sleep(30)
            return
        if mode in ("503", "400"):
            return self._say(handler, int(mode), {})
        with self._lock:
            self.batches += 1
            self.tokens.add(handler.headers["authorization"])
            lines = check_otlp(handler, body, self.faults)
            if mode == "ok":
                self.lines.extend(lines)
        self._say(handler, 200, {})

    @staticmethod
    def _say(handler: BaseHTTPRequestHandler, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    # -- what it has ------------------------------------------------------------------------------------------------

    def records(self, kind: str | None = "decision") -> list[dict]:
        with self._lock:
            records = [json.loads(line) for line in self.lines]
        return [r for r in records if kind is None or r["kind"] == kind]

    def streams(self) -> dict[str, list[str]]:
        """The lines of each stream, as they came, each once."""
        streams: dict[str, dict[int, str]] = {}
        with self._lock:
            lines = list(self.lines)
        for line in lines:
            record = json.loads(line)
            known = streams.setdefault(record["stream"], {}).setdefault(record["seq"], line)
            assert known == line, "one place of a stream, two records"
        return {stream: [lines[seq] for seq in sorted(lines)] for stream, lines in streams.items()}

    def check(self) -> None:
        """Every stream is whole: no gap but those that a record names, and every record names the one before it."""
        assert self.faults == [], self.faults[:5]
        for stream, lines in self.streams().items():
            refused = {seq for line in lines for seq in json.loads(line).get("refused", [])}
            expected, previous = 0, "0" * 64
            for line in lines:
                record = json.loads(line)
                while expected in refused:
                    expected, previous = expected + 1, None
                assert record["seq"] == expected, (stream, expected, record["seq"])
                assert previous in (None, record["prev"]), (stream, expected)
                expected, previous = expected + 1, hashlib.sha256(line.encode()).hexdigest()


def check_otlp(handler: BaseHTTPRequestHandler, body: bytes, faults: list[str]) -> list[str]:
    """The lines of a batch; what opentelemetry-proto does not allow is noted."""

    def expect(holds: bool, what: str) -> None:
        if not holds:
            faults.append(what)

    def members(of: dict, *known: str) -> None:
        expect(set(of) <= set(known), f"unknown members: {set(of) - set(known)}")

    def attributes(of: list) -> None:
        for attribute in of:
            members(attribute, "key", "value")
            ((kind, value),) = attribute["value"].items()
            expect(kind in ("stringValue", "intValue", "boolValue"), f"a value of kind {kind}")
            expect(isinstance(value, str) or kind == "boolValue", f"{kind} {value!r}: 64-bit integers are strings")

    expect(handler.path == "/v1/logs", handler.path)
    expect(handler.headers["content-type"] == "application/json", "content-type")
    request = json.loads(body)
    members(request, "resourceLogs")
    lines = []
    for of_resource in request["resourceLogs"]:
        members(of_resource, "resource", "scopeLogs", "schemaUrl")
        attributes(of_resource["resource"]["attributes"])
        names = {a["key"] for a in of_resource["resource"]["attributes"]}
        expect({"service.name", "service.instance.id"} <= names, f"resource: {names}")
        for of_scope in of_resource["scopeLogs"]:
            members(of_scope, "scope", "logRecords", "schemaUrl")
            members(of_scope["scope"], "name", "version", "attributes", "droppedAttributesCount")
            for record in of_scope["logRecords"]:
                members(
                    record, "timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText", "eventName", "body",
                    "attributes", "droppedAttributesCount", "flags", "traceId", "spanId",
                )
                for time_of in ("timeUnixNano", "observedTimeUnixNano"):
                    expect(bool(DIGITS.fullmatch(record[time_of])), f"{time_of} {record[time_of]!r}")
                expect(record["severityNumber"] in range(1, 25), "severityNumber")
                attributes(record["attributes"])
                lines.append(record["body"]["stringValue"])
    for line in lines:
        expect(not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line), f"more than a line: {line!r}")
    return lines
