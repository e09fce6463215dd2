"""The sides that are compared, and the Envoys that run them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import configs
import load
from processes import Envoy, Process, Server, free_port


@dataclass
class Variant:
    """One side: an Envoy, what it is asked, and the processes whose CPU time it costs."""

    name: str
    filters: list[dict]
    path: str = configs.HEAD_PATH
    #: Bytes of the request's body; 0 for a request without one.
    body: int = 0
    wasm_log: str = "warn"
    #: What an unproven caller gets; `None` where nothing guards.
    refusal: int | None = None
    envoy: Envoy | None = None
    also: list[Process] = field(default_factory=list)

    def cpu_ns(self) -> int:
        return sum(process.cpu_ns() for process in [self.envoy, *self.also])


#: Bytes of a long body, and of a short one.
LONG, SHORT = 64 * 1024, 1024


def variants(sides: configs.Sides) -> list[Variant]:
    empty = configs.wasm(sides.empty_wasm)
    ours = configs.wasm(sides.wasm, configs.policy(sides.issuer))
    thousand = configs.wasm(sides.wasm, configs.policy(sides.issuer, configs.OWN_OPERATIONS))
    read_all = configs.lua("if body then local bytes = body:getBytes(0, body:length()) end")
    return [
        Variant("none", []),
        Variant("empty_wasm", [empty]),
        Variant("allow", [ours], refusal=401),
        Variant("allow_records", [ours], refusal=401, wasm_log="info"),
        Variant("allow_1000", [thousand], path=configs.OWN_PATH, refusal=401),
        Variant("native_cached", configs.native(sides.issuer, cached=True), refusal=401),
        Variant("native", configs.native(sides.issuer, cached=False), refusal=401),
        Variant("ext_authz", [configs.ext_authz()]),
        Variant("body64k_none", [], path=configs.CHAT_PATH, body=LONG),
        Variant("body64k_lua", [read_all], path=configs.CHAT_PATH, body=LONG),
        Variant("body64k_lua_buffers", [configs.lua("")], path=configs.CHAT_PATH, body=LONG),
        Variant("body64k", [ours], path=configs.CHAT_PATH, body=LONG, refusal=401),
        Variant("body1k", [ours], path=configs.CHAT_PATH, body=SHORT, refusal=401),
        *(
            Variant(f"{body}_{payload}", [recorded(sides, payload)], path=configs.CHAT_PATH, body=size, refusal=401)
            for body, size in (("body64k", LONG), ("body1k", SHORT))
            for payload in ("digest", "redacted")
        ),
    ]


def recorded(sides: configs.Sides, payload: str) -> dict:
    """The filter with records that go to a sink: the upstream, which takes everything."""
    audit = {"cluster": "upstream", "url": "http://sink.test/v1/logs", "payload": payload}
    return configs.wasm(sides.wasm, {**configs.policy(sides.issuer), "audit": audit})


class Bench:
    """Everything that runs while requests are measured. Each side is an Envoy of its own, and all are up together."""

    def __init__(self, envoy: str, sides: configs.Sides, authz: Server, directory: Path) -> None:
        self.binary, self.sides, self.directory = envoy, sides, directory
        self.token = sides.issuer.token(0)
        self.bodies = {size: directory / f"chat-{size}.json" for size in (LONG, SHORT)}
        for size, file in self.bodies.items():
            file.write_bytes(chat_body(size))
        self.variants = variants(sides)
        for variant in self.variants:
            variant.envoy = self.start(variant)
            if variant.name == "ext_authz":
                variant.also = [authz]
        for variant in self.variants:
            self._check(variant)

    def start(self, variant: Variant, suffix: str = "", wasm_log: str | None = None, extra: tuple = ()) -> Envoy:
        config = configs.bootstrap(self.sides, variant.filters, "upstream" if variant.body else None, free_port(), free_port())
        return Envoy(self.binary, variant.name + suffix, config, self.directory, wasm_log or variant.wasm_log, extra)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def named(self, name: str) -> Variant:
        return next(v for v in self.variants if v.name == name)

    def send(self, variant: Variant, requests: int) -> None:
        load.h2load(variant.envoy.port, variant.path, self.token, requests, self.bodies.get(variant.body))

    def cpu_us(self, variant: Variant, requests: int) -> float:
        """CPU time of the side for one request, in microseconds."""
        before = variant.cpu_ns()
        self.send(variant, requests)
        return (variant.cpu_ns() - before) / requests / 1000

    def stop(self) -> None:
        for variant in self.variants:
            variant.envoy.stop()

    def _check(self, variant: Variant) -> None:
        """A side that lets everyone in, or does not let us in, measures nothing."""
        if variant.body:
            variant.envoy.first_answer("/v1/models", self.headers)
            self.send(variant, 8)
        else:
            variant.envoy.first_answer(variant.path, self.headers)
        if variant.refusal is not None:
            got = variant.envoy.get(configs.HEAD_PATH, {})
            if got != variant.refusal:
                raise SystemExit(f"`{variant.name}` answered {got} to a caller without a token")


def chat_body(size: int) -> bytes:
    """A chat completion of exactly so many bytes: a long conversation with line breaks, quotes and tool calls in it."""
    turn = (
        'The build failed again:\n\terror[E0308]: "mismatched types" in src/main.rs:42\n'
        "I read the log, changed the signature and ran the tests; two are still red. What should be tried next? "
    )
    def body(text: list[str]) -> bytes:
        roles = ["user", "assistant"]
        messages = [{"role": roles[n % 2], "content": content} for n, content in enumerate(text)]
        return json.dumps({"model": "gpt-4o-mini", "stream": False, "temperature": 0.2, "messages": messages}).encode()

    turns: list[str] = []
    while len(body([*turns, turn * 4])) < size:
        turns.append(turn * 4)
    turns.append("")
    turns[-1] = "x" * (size - len(body(turns)))
    return body(turns)
