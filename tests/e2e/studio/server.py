"""A real AutoGen Studio on a free loopback port, with a home and a database of its own."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from pathlib import Path

from harness.config import ROOT
from harness.envoy import free_port, wait_for

BIN = ROOT / ".venv/studio/bin"


class Studio:
    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._log = directory / "studio.log"
        # The program keeps a file in $HOME that every instance shares.
        environment = {**os.environ, "HOME": str(directory), "PATH": f"{BIN}:{os.environ['PATH']}"}
        command = [BIN / "autogenstudio", "ui", "--host", "127.0.0.1", "--port", str(self.port), "--appdir", directory / "app"]
        self._process = subprocess.Popen(
            command, env=environment, cwd=directory, stdout=self._log.open("wb"), stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for(self._is_up, "AutoGen Studio", 120)
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}\n{self._log.read_text(errors='replace')[-3000:]}") from None

    def _is_up(self) -> bool:
        assert self._process.poll() is None, "AutoGen Studio ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def close(self) -> None:
        # uvicorn may run in a child of the command line program: end the whole session.
        os.killpg(self._process.pid, 15)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()
