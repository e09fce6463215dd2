"""What becomes of records when a configuration, a VM or a whole proxy ends, as `scopewarden audit verify` tells it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import closing, has_keys, load_policy
from fakes.sink import Sink
from harness import raw
from harness.config import PANIC_WASM, shipped, wasm_filter, write_ecds
from harness.envoy import wait_for
from harness.service import BINARY

#: Exit codes of `scopewarden audit verify`.
SOUND, BROKEN = 0, 3
SCOPES = ["autogen:model:read", "autogen:model:delete"]


@pytest.fixture
def sink() -> Iterator[Sink]:
    with closing(Sink()) as it:
        yield it


def verify(sink: Sink, directory: Path) -> tuple[int, dict]:
    """Exit code and findings of the program, which knows nothing of the filter's code."""
    log = directory / "log.jsonl"
    log.write_text("".join(line + "\n" for line in sink.lines))
    ran = subprocess.run([BINARY, "audit", "verify", "--json", log], capture_output=True, text=True)
    assert ran.returncode in (SOUND, BROKEN), ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def ask(envoy, issuer, count: int, method: str = "GET", target: str = "/v1/models") -> list[int]:
    token = issuer.token(*SCOPES)
    return [raw.request(envoy.port, method, target, token).status for _ in range(count)]


def kinds(sink: Sink) -> list[str]:
    return [record["kind"] for record in sink.records(None)]


def test_a_new_configuration_ends_the_stream_and_the_next_names_it(start, issuer, sink, tmp_path):
    directory = tmp_path / "ecds"
    directory.mkdir()
    envoy = start(load_policy("audit"), ecds=directory, audit=sink.port)
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    sink.mode = "503"
    ask(envoy, issuer, 20)
    typed_config = wasm_filter(shipped())["typed_config"]
    typed_config["config"]["vm_config"]["code"]["local"]["filename"] = str(envoy.setup.wasm)
    write_ecds(directory, typed_config, {**load_policy("audit"), "limits": {"body": "1MiB"}})
    wait_for(lambda: envoy.stat("extension_config_discovery.http_filter.scopewarden.config_reload") >= 2, "the reload")
    # The old configuration has a sink that is down, and waits for it.
    time.sleep(1)
    sink.mode = "ok"
    wait_for(lambda: kinds(sink).count("end") >= 2, "both workers to end their streams", 20)
    # Each new stream begins with its first request.
    wait_for(lambda: ask(envoy, issuer, 8) and kinds(sink).count("head") >= 2, "the heads of both", 20)
    heads = {(r["of"]["stream"], r["of"]["seq"], r["because"]) for r in sink.records("head")}
    ends = {(r["stream"], r["seq"], "closed") for r in sink.records("end")}
    assert heads == ends
    assert len(sink.records()) >= 20
    code, found = verify(sink, tmp_path)
    assert code == SOUND, found


def test_a_crash_is_told_by_another_worker(start, issuer, sink, tmp_path):
    envoy = start(load_policy("audit"), wasm=PANIC_WASM, audit=sink.port)
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    wait_for(lambda: len({r["stream"] for r in sink.records(None)}) >= 2, "a stream of each worker")
    ask(envoy, issuer, 20)
    time.sleep(1.5)
    sink.mode = "503"
    ask(envoy, issuer, 20)
    time.sleep(1.5)
    assert raw.request(envoy.port, "GET", "/v1/models", headers=[("x-test-panic", "1")]).status == 503
    sink.mode = "ok"
    wait_for(lambda: ask(envoy, issuer, 8) and sink.records("head"), "the crashed stream's head", 30, 0.5)
    (head,) = sink.records("head")
    assert head["because"] == "lost"
    delivered = max(r["seq"] for r in sink.records(None) if r["stream"] == head["of"]["stream"])
    assert delivered < head["of"]["seq"], "what was in the VM's memory is gone"
    code, found = verify(sink, tmp_path)
    assert code == BROKEN
    assert str(head["of"]["seq"] - delivered) in json.dumps(found), found


def test_what_was_released_has_its_intent_when_the_proxy_is_killed(start, issuer, sink, upstream, tmp_path):
    """`make audit-kills` does it fifty times."""
    rounds = int(os.environ.get("KILLS", 5))
    before = len(upstream.requests)
    for _ in range(rounds):
        kill_under_load(start(load_policy("audit"), audit=sink.port), issuer)
    released = [seen for seen in upstream.requests[before:] if seen.method == "DELETE"]
    assert len(released) > rounds
    intents = {record["request_id"] for record in sink.records("intent")}
    assert {seen.header("x-request-id")[0] for seen in released} <= intents
    code, found = verify(sink, tmp_path)
    assert code == SOUND, found


def kill_under_load(envoy, issuer) -> None:
    wait_for(lambda: has_keys(envoy, issuer), "the keys")
    token = issuer.token(*SCOPES)

    def delete() -> None:
        with contextlib.suppress(OSError):
            while envoy.alive():
                raw.request(envoy.port, "DELETE", "/v1/models/ft:mine", token)

    threads = [threading.Thread(target=delete) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    envoy.kill()
    for thread in threads:
        thread.join()
