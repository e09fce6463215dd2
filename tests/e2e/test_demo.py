"""`scopewarden demo`, which `make run` starts: what it prints can be pasted, and does what it says."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.config import ROOT, WASM
from harness.envoy import envoy_binary, wait_for

PROGRAM = os.environ.get("SCOPEWARDEN", "scopewarden")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Demo:
    """The program on free ports, its output line by line."""

    def __init__(self, *options: str) -> None:
        names = ["port", "admin-port", "upstream-port", "issuer-port", "approvals-port", "inbox-port", "audit-port"]
        ports = [part for name in names for part in [f"--{name}", "0"]]
        command = [PROGRAM, "demo", "--envoy", envoy_binary(), "--wasm", str(WASM), *ports, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_for(lambda: self.says("Decisions, as they are made") or self.process.poll() is not None, "the demo to start", 60)

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def says(self, text: str) -> bool:
        return text in self.text

    def port(self, what: str) -> int:
        return int(re.search(rf"{what}\D*127\.0\.0\.1:(\d+)", self.text)[1])

    @property
    def tokens(self) -> dict[str, str]:
        return dict(re.findall(r"^  export (\w+)=(\S+)$", self.text, re.M))

    @property
    def steps(self) -> list[str]:
        """What follows each `# 1. ...`."""
        guide = self.text.split("Then try:")[1].split("Decisions, as they are made")[0]
        return re.findall(r"^  # \d\. [^\n]*\n(.*?)(?=\n\n|\n*\Z)", guide, re.M | re.S)

    def run(self, command: str) -> str:
        environment = {**os.environ, **self.tokens}
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def stop(self, how: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(10)
        self._reader.join(10)
        return status


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    demo = Demo()
    yield demo
    demo.stop(signal.SIGTERM)


def approve(demo: Demo) -> None:
    """What Dave does in the inbox, with the program instead of a browser."""
    inbox, subject, scopes = re.search(r"(http://127\.0\.0\.1:\d+)/login\?subject=(\w+)&scopes=(\S+)", demo.text).groups()
    answer = demo.run(f"curl -s {inbox}/login/token -d subject={subject} -d scopes={scopes}")
    token, url = json.loads(answer)["access_token"], f"--url {inbox}"
    program = f"SCOPEWARDEN_TOKEN={token} {PROGRAM} approvals"
    waiting = wait_for(lambda: json.loads(demo.run(f"{program} list {url} --json"))["approvals"], "the held call", 20)
    assert [(a["call"]["operation"], a["call"]["principal"]["subject"]) for a in waiting] == [("openai.models.delete", "carol")]
    demo.run(f"{program} approve {url} {waiting[0]['id']}")


def test_the_eight_steps_do_what_they_say(demo):
    assert list(demo.tokens) == ["ALICE", "BOB", "CAROL"]
    *steps, delete, audit = demo.steps
    answers = [demo.run(step) for step in steps]
    assert len(answers) == 6, demo.text
    nobody, alice_looks, alice_prompts, bob_prompts, bob_hears, bob_deletes = answers
    assert nobody.startswith("HTTP/1.1 401 ") and '"code":"token_missing"' in nobody
    assert '"id":"gpt-4o"' in alice_looks
    assert alice_prompts.startswith("HTTP/1.1 403 ") and 'scope="autogen:prompt"' in alice_prompts
    assert bob_prompts.count("data: ") > 5 and bob_prompts.rstrip().endswith("data: [DONE]")
    said = "".join(re.findall(r'"content":"([^"]*)"', bob_hears))
    assert said.endswith("You said: my key is AKIA[masked:aws], keep it") and bob_hears.count("content") > 10
    assert bob_deletes.startswith("HTTP/1.1 403 ") and "autogen:model:delete" in bob_deletes
    with ThreadPoolExecutor() as pool:
        carol = pool.submit(demo.run, delete)
        approve(demo)
        assert carol.result(20).startswith("HTTP/1.1 200 ")
    assert '"id":"gpt-4o"' not in demo.run(demo.steps[1]), "the model is gone"

    def deletion() -> dict | None:
        records = [found["record"] for found in json.loads(demo.run(audit))["records"]]
        return next((r for r in records if r["kind"] == "decision" and r["decision"] == "allow"), None)

    record = wait_for(deletion, "the record of it", 10, 0.3)
    assert record["principal"]["subject"] == "carol"
    assert [approver["subject"] for approver in record["approval"]["approvers"]] == ["dave"]


def test_decisions_are_shown_as_they_are_made(demo):
    demo.run(demo.steps[2])
    shown = r"\d\d:\d\d:\d\d  deny   alice   openai\.chat\.completions\.create .* scope_missing: `openai"
    wait_for(lambda: re.search(shown, STYLE.sub("", demo.text)), "the record")
    assert not any(token in demo.text.split("Decisions, as they are made")[1] for token in demo.tokens.values())


def test_fresh_tokens(demo):
    token = demo.run(f"curl -s http://127.0.0.1:{demo.port('identity provider on')}/token/bob")
    url = re.search(r"http://127\.0\.0\.1:\d+/v1/models", demo.steps[0])[0]
    assert '"object":"list"' in demo.run(f"curl -s {url} -H 'authorization: Bearer {token}'")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_and_leaves_nothing_behind(how):
    demo = Demo()
    ports = [demo.port(what) for what in ["demo API on", "identity provider on", "the filter on", "metrics at http://"]]
    assert all(map(is_open, ports))
    assert demo.stop(how) == 0
    assert not any(map(is_open, ports))


def test_it_guards_something_real(upstream):
    demo = Demo("--upstream", f"127.0.0.1:{upstream.port}")
    try:
        assert demo.run(demo.steps[0]).startswith("HTTP/1.1 401 ")
        assert demo.run(demo.steps[1]).strip()
        assert upstream.requests, "the upstream was asked"
    finally:
        assert demo.stop(signal.SIGTERM) == 0


def test_a_policy_of_ones_own(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        """
policy: mine
identity:
  issuers:
    - issuer: https://mine.test/
      audiences: [mine]
      jwks: { cluster: idp, url: "http://127.0.0.1:18081/.well-known/jwks.json" }
      groups_claim: groups
roles:
  engineer: { groups: [engineers], scopes: ["autogen:model:read"] }
surfaces:
  - { use: openai, mount: /v1 }
"""
    )
    demo = Demo("--policy", str(policy))
    try:
        assert demo.says("policy `mine`")
        bob = demo.steps[1].replace("$ALICE", "$BOB")
        assert '"object":"list"' in demo.run(bob), "the demo's tokens are this policy's"
    finally:
        assert demo.stop(signal.SIGTERM) == 0

    policy.write_text(policy.read_text().replace("cluster: idp", "cluster: elsewhere"))
    demo = Demo("--policy", str(policy))
    assert demo.stop(signal.SIGTERM) == 1
    assert demo.says("of the cluster `elsewhere`, which the demo does not have")


# A console block after `<!-- demo -->` in the README or in docs/ is about the demo; the others run without one.
BLOCK = re.compile(r"^<!-- demo -->\n```console\n(.*?)^```$", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*(?:\n> .*)*)\n((?:(?!\$ ).*\n)*)", re.M)


def documented() -> Iterator[tuple[str, str, str]]:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for block in BLOCK.findall(page.read_text() if page.exists() else ""):
            for command, output in COMMAND.findall(block):
                yield page.name, command.replace("\n> ", "\n"), output


def test_what_the_pages_show(demo):
    ports = {"10000": demo.port("the filter on"), "9901": demo.port("metrics at http://"), "18081": demo.port("identity provider on")}
    for page, command, output in documented():
        here = command
        for shipped, port in ports.items():
            here = here.replace(f":{shipped}", f":{port}")
        seen = demo.run(here).replace("\r", "")
        seen = seen if seen.endswith("\n") or not seen else seen + "\n"
        for shipped, port in ports.items():
            seen = seen.replace(f":{port}", f":{shipped}")
        assert re.fullmatch(pattern(output), seen), f"{page}: {command}\nshows\n{seen}\nand not\n{output}"


def pattern(output: str) -> str:
    """`...` is any lines, `[..]` any text."""
    lines = output.splitlines(keepends=True)
    return "".join(r"(?:.*\n)*?" if line == "...\n" else ".*".join(map(re.escape, line.split("[..]"))) for line in lines)
