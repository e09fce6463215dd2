"""Databases for the approval service: SQLite files, and databases of one throw-away PostgreSQL."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

from .config import ROOT

KINDS = ["sqlite", "postgres"]


class Databases:
    """Makes empty databases. PostgreSQL is started with the first one that needs it, by the script that `make test` uses."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._numbers = directory, itertools.count(1)
        self._postgres: subprocess.Popen | None = None
        self._server = ""

    def close(self) -> None:
        if self._postgres is not None:
            self._postgres.stdin.close()
            self._postgres.wait(30)

    def fresh(self, kind: str) -> str:
        """The address of an empty database, as `scopewarden serve --database` takes it."""
        number = next(self._numbers)
        if kind == "sqlite":
            return f"sqlite:{self._directory / f'approvals-{number}.db'}"
        if self._postgres is None:
            script = 'echo "$SCOPEWARDEN_TEST_POSTGRES"; exec cat'
            self._postgres = subprocess.Popen(
                [ROOT / ".ci/postgres", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._server = self._postgres.stdout.readline().strip()
            assert self._server, "PostgreSQL does not start"
        name = f"approvals_{id(self)}_{number}"
        subprocess.run(["psql", "--quiet", self._server, "--command", f"CREATE DATABASE {name}"], check=True)
        return f"{self._server.rsplit('/', 1)[0]}/{name}"
