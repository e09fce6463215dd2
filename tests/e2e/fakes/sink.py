"""A sink of records that is strict about OTLP, keeps what it acknowledges, and can fail in every way that sinks do."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

#: What some program takes for the end of a line, or for a command to a terminal.
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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
            lines = read_otlp(handler, body, self.faults)
            if mode == "ok":
                self.lines.extend(lines)
        self._say(handler, 200, {})

    @staticmethod
    def _say(handler: BaseHTTPRequestHandler, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        # A proxy that was killed waits for no answer.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            handler.send_response(status)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)

    # -- what it has ------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many lines there are."""
        with self._lock:
            return len(self.lines)

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


def read_otlp(handler: BaseHTTPRequestHandler, body: bytes, faults: list[str]) -> list[str]:
    """The lines of a batch; what opentelemetry-proto does not allow, and what no record should hold, is noted."""
    said = (handler.path, handler.headers["content-type"])
    if said != ("/v1/logs", "application/json"):
        faults.append(repr(said))
    request = ExportLogsServiceRequest()
    try:
        # Strict: a member that the schema does not know is an error.
        json_format.Parse(body, request)
    except json_format.ParseError as error:
        faults.append(f"{error}: {body[:300]!r}")
    lines = []
    for of_resource in request.resource_logs:
        names = {attribute.key for attribute in of_resource.resource.attributes}
        if not {"service.name", "service.instance.id"} <= names:
            faults.append(f"resource: {names}")
        for record in (record for of_scope in of_resource.scope_logs for record in of_scope.log_records):
            if not (record.time_unix_nano and record.observed_time_unix_nano and record.severity_number and record.event_name):
                faults.append(f"incomplete: {record}")
            lines.append(record.body.string_value)
    faults.extend(f"more than a line: {line!r}" for line in lines if BREAKS.search(line))
    return lines
