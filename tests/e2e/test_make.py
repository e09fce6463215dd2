"""What somebody meets who types `make` on a machine that is not ready."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from harness.config import ROOT


def run(*command: str, path: str | None = None) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)


@pytest.fixture
def bare(tmp_path) -> str:
    """A search path with a shell and nothing else."""
    for tool in ["bash", "env"]:
        (tmp_path / tool).symlink_to(shutil.which(tool))
    return str(tmp_path)


@pytest.mark.parametrize("tool, advice", [("cargo", "https://rustup.rs"), ("python", "apt install python3")])
def test_a_missing_tool_is_named_with_what_to_do(bare, tool, advice):
    done = run(".ci/need", tool, path=bare)
    assert done.returncode == 1
    assert done.stderr.startswith(f"missing: {tool}")
    assert advice in done.stderr


def test_every_missing_tool_is_named_at_once(bare):
    assert run(".ci/need", "cargo", "python", path=bare).stderr.count("missing:") == 2


def test_nothing_is_missing_here():
    done = run(".ci/need", "cargo", "python", "wasm-target")
    assert (done.returncode, done.stderr) == (0, "")


def test_help_lists_every_target():
    listed = set(re.findall(r"^  make (\S+)", run("make", "help").stdout, re.M))
    assert listed >= {"help", "run", "test", "wasm", "lint", "fmt", "e2e", "e2e-studio", "e2e-matrix", "clean"}
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert listed <= set(phony[1].split())
