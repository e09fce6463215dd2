"""Processes under measurement: started, asked for their CPU time and memory, stopped."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Callable


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Process:
    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log
        self.started = time.monotonic()
        with log.open("wb") as out:
            self._process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT)

    def cpu_ns(self) -> int:
        """CPU time of all threads so far, from the scheduler: it counts nanoseconds where `times` counts clock ticks."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

    def rss_kib(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def check(self) -> None:
        if self._process.poll() is not None:
            raise SystemExit(f"{self._process.args[0]} ended with {self._process.returncode}:\n{self.log()[-4000:]}")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Server(Process):
    """One of the programs of `servers/`, on a port of its own."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.port = free_port()
        super().__init__([str(binary), f"127.0.0.1:{self.port}"], directory / f"{binary.name}.log")
        wait_until(self, self._accepts)

    def _accepts(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), 1):
            return True


class Envoy(Process):
    """One worker, a configuration, the log in a file."""

    def __init__(self, binary: str, name: str, config: dict, directory: Path, wasm_log: str = "warn", extra: tuple = ()) -> None:
        self.name = name
        self.port = config["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"]
        self._admin = config["admin"]["address"]["socket_address"]["port_value"]
        path = directory / f"{name}.json"
        path.write_text(json.dumps(config, indent=1))
        super().__init__(
            [
                binary, "-c", str(path), "--concurrency", "1", "--disable-hot-restart",
                "--log-level", "warning", "--component-log-level", f"wasm:{wasm_log}", *extra,
            ],
            directory / f"{name}.log",
        )

    def admin(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}{path}", timeout=5) as answer:
            return answer.read().decode()

    def get(self, path: str, headers: dict[str, str]) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    def first_answer(self, path: str, headers: dict[str, str]) -> float:
        """Seconds from the start of the process to its first `200`."""
        wait_until(self, lambda: self.get(path, headers) == 200)
        return time.monotonic() - self.started


def wait_until(process: Process, condition: Callable[[], bool], timeout: float = 60.0) -> None:
    """Polls every 2 ms; a connection that is refused is a condition that does not hold yet."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        process.check()
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.002)
    process.stop()
    raise SystemExit(f"waited {timeout} s:\n{process.log()[-4000:]}")
