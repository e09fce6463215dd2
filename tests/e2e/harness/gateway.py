"""An Envoy with two doors, and an upstream that records what comes through: what scenarios are run against.

`hardened` is the shipped listener. `bare` has the same filter and nothing that repairs or refuses requests around it, so
that what happens there is the filter's own doing.
"""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import select
import socket
from dataclasses import dataclass, field
from pathlib import Path

import h11

from fakes.listening import Listener

from .config import Setup, http_manager
from .envoy import RECORD, Envoy, free_port, wait_for
from .raw import Response

DOORS = ["hardened", "bare"]


@dataclass
class Arrival:
    """One request as it arrived upstream."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Recorder(Listener):
    """Answers every request with 200, and remembers it. `bytes_in` counts what no complete request came of, too."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.bytes_in = 0
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        peer, arrival = h11.Connection(h11.SERVER), None
        with connection:
            while True:
                match peer.next_event():
                    case h11.NEED_DATA:
                        try:
                            data = connection.recv(1 << 16)
                        except ConnectionError:
                            return
                        self.bytes_in += len(data)
                        peer.receive_data(data)
                    case h11.Request() as head:
                        arrival = Arrival(head.method, head.target, list(head.headers))
                    case h11.Data(data=data):
                        arrival.body += bytes(data)
                    case h11.EndOfMessage(headers=trailers):
                        arrival.trailers = list(trailers)
                        self.arrivals.append(arrival)
                        if not self._answer(connection, peer, arrival):
                            return
                    case _:
                        return

    @staticmethod
    def _answer(connection: socket.socket, peer: h11.Connection, arrival: Arrival) -> bool:
        """Whether another request may follow on this connection."""
        if peer.their_state is h11.MIGHT_SWITCH_PROTOCOL:
            upgrade = [(b"upgrade", dict(arrival.headers)[b"upgrade"]), (b"connection", b"upgrade")]
            connection.sendall(peer.send(h11.InformationalResponse(status_code=101, headers=upgrade)))
            return False
        body = b"" if arrival.method == b"HEAD" else b"{}"
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        events = [h11.Response(status_code=200, headers=headers), h11.Data(data=body), h11.EndOfMessage()]
        connection.sendall(b"".join(peer.send(event) for event in events))
        if peer.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
            return False
        peer.start_next_cycle()
        return True


class Http1:
    """One connection to a door, kept for as long as Envoy keeps it."""

    def __init__(self, port: int) -> None:
        self._port, self._connection = port, None

    def exchange(self, data: bytes, method: str) -> Response:
        """Status 0: the connection was closed without an answer."""
        connection = self._open()
        # Refused before all was sent: the answer may still be there.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        answer = http.client.HTTPResponse(connection, method=method)
        kept = False
        try:
            answer.begin()
            response = Response(answer.status, answer.getheaders(), answer.read())
            kept = not answer.will_close and answer.status != 101
            return response
        except (http.client.BadStatusLine, http.client.IncompleteRead, ConnectionResetError):
            return Response(0)
        finally:
            answer.close()
            if not kept:
                self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self) -> socket.socket:
        # What can be read before anything was asked is the end of the connection.
        if self._connection is not None and select.select([self._connection], [], [], 0)[0]:
            self.close()
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        return self._connection


class Gateway:
    """Envoy under one policy, both doors, and the upstream behind them."""

    def __init__(self, policy: dict, directory: Path) -> None:
        self.upstream = Recorder()
        bare_port = free_port()
        setup = Setup(policy, self.upstream.port, self.upstream.port, adjust=lambda config: add_bare_door(config, bare_port))
        self.envoy = Envoy(setup, directory)
        self.ports = {"hardened": self.envoy.port, "bare": bare_port}
        self.http1 = {door: Http1(port) for door, port in self.ports.items()}
        self._log = (directory / "envoy.log").open(errors="replace")
        self._records: list[dict] = []
        #: What the upstream got up to the end of the last exchange, and whose that was.
        self._arrivals, self._bytes, self._last = 0, 0, "Envoy's start"

    def close(self) -> None:
        for connection in self.http1.values():
            connection.close()
        self._log.close()
        self.envoy.stop()
        self.upstream.close()

    def arrivals_of(self, exchange: str) -> list[Arrival]:
        """What came of an exchange that has been answered: the upstream answers what it has read, so it is all there."""
        arrivals, received = self.upstream.arrivals[self._arrivals :], self.upstream.bytes_in - self._bytes
        assert arrivals or received == 0, f"{exchange}: {received} bytes reached the upstream"
        self._arrivals, self._bytes, self._last = self._arrivals + len(arrivals), self._bytes + received, exchange
        return arrivals

    def nothing_more_arrived(self) -> None:
        """A byte that comes after an exchange is over, comes of it: asked before the next one, it costs no waiting."""
        late = self.upstream.bytes_in - self._bytes
        assert late == 0, f"{self._last}: {late} bytes reached the upstream after the answer"

    def record_of(self, answer: Response) -> dict:
        """The one record of the request that got this answer: by the id it names, or else by the id that Envoy gave it."""
        decided = answer.header("x-scopewarden-decision")
        key, value = ("record", answer.decision["record"]) if decided else ("request_id", answer.header("x-request-id"))
        found = wait_for(lambda: self._find(key, value), f"the record with {key} {value}", 5, every=0.001)
        assert len(found) == 1, found
        return found[0]

    def _find(self, key: str, value: str) -> list[dict]:
        # Only what is new is read: the log grows with every case.
        while line := self._log.readline():
            while not line.endswith("\n"):
                line += self._log.readline()
            if match := RECORD.search(line.rstrip("\n")):
                self._records.append(json.loads(match[1]))
        return [record for record in self._records if record[key] == value]


def add_bare_door(config: dict, port: int) -> None:
    """A second listener on `port`; the first gets the scenarios' host name."""
    resources = config["static_resources"]
    http_manager(config)["route_config"]["virtual_hosts"][0]["domains"].append("gateway.test")

    listener = copy.deepcopy(resources["listeners"][0])
    listener["name"] = "bare"
    listener["address"]["socket_address"]["port_value"] = port
    # Above the filter's own caps, so that those are what is hit.
    listener["per_connection_buffer_limit_bytes"] = 16 << 20
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    for setting in ["early_header_mutation_extensions", "strip_any_host_port", "strip_trailing_host_dot"]:
        del manager[setting]
    manager |= {
        "stat_prefix": "bare",
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "max_request_headers_kb": 96,
        "common_http_protocol_options": {"max_headers_count": 1000},
        "http_protocol_options": {"enable_trailers": True},
        "http2_protocol_options": {},
    }
    manager["http_filters"] = [f for f in manager["http_filters"] if "credential_injector" not in f["name"]]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "bare", "timeout": "0s"}}
    manager["route_config"] = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}
    resources["listeners"].append(listener)

    cluster = copy.deepcopy(next(c for c in resources["clusters"] if c["name"] == "upstream"))
    cluster["name"] = cluster["load_assignment"]["cluster_name"] = "bare"
    options = cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
    # Trailers go on if the filter lets them.
    options["explicit_http_config"] = {"http_protocol_options": {"enable_trailers": True}}
    resources["clusters"].append(cluster)


def without_filter(config: dict, port: int) -> None:
    """One more listener: the bare one without the filter, which shows what a request does to whoever has none."""
    listener = copy.deepcopy(config["static_resources"]["listeners"][-1])
    listener["name"] = "open"
    listener["address"]["socket_address"]["port_value"] = port
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["stat_prefix"] = "open"
    manager["http_filters"] = [f for f in manager["http_filters"] if f["name"] != "scopewarden"]
    config["static_resources"]["listeners"].append(listener)
