"""AutoGen in its own environment, asked over a pipe. Starting it costs seconds, so one process serves a session."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from .config import ROOT

JOBS = Path(__file__).resolve().parents[1] / "clients/autogen_jobs.py"
PYTHON = Path(os.environ.get("SCOPEWARDEN_AUTOGEN_PYTHON") or ROOT / ".venv/autogen/bin/python")


class AutoGen:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [PYTHON, JOBS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, bufsize=1
        )
        assert self._answer(60) == {"ready": True}

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def __call__(self, do: str, url: str, timeout: float = 30, **job: object) -> dict:
        """The outcome of one job: `ok` or `error`, and `seconds`. A client that hangs fails the test here."""
        self._process.stdin.write(json.dumps({"do": do, "url": url, **job}) + "\n")
        return self._answer(timeout)

    def _answer(self, timeout: float) -> dict:
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        if not ready:
            self._process.kill()
            raise AssertionError(f"AutoGen did not answer within {timeout} s")
        line = self._process.stdout.readline()
        assert line, "AutoGen's process ended"
        return json.loads(line)
