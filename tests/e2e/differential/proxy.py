"""Envoy with the filter, its log a pipe that is read as it is written: a million records never lie on a disk."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path

from harness.config import Setup, bootstrap, http_manager
from harness.envoy import Envoy, envoy_binary, free_port, wait_for

F_SETPIPE_SZ = 1031


def soften(config: dict) -> None:
    """Takes out what Envoy itself does about paths and headers, so that the filter stands alone."""
    manager = http_manager(config)
    manager["normalize_path"] = manager["merge_slashes"] = False
    manager["path_with_escaped_slashes_action"] = "KEEP_UNCHANGED"
    manager["common_http_protocol_options"]["headers_with_underscores_action"] = "ALLOW"
    del manager["early_header_mutation_extensions"]
    host = manager["route_config"]["virtual_hosts"][0]
    host["routes"] = [route for route in host["routes"] if "safe_regex" not in route["match"]]
    assert len(host["routes"]) == 1


class Proxy(Envoy):
    def __init__(self, setup: Setup, directory: Path, hardened: bool) -> None:
        self.setup, self.directory = setup, directory
        self.port, self.admin_port = free_port(), free_port()
        self.config = bootstrap(setup, self.port, self.admin_port)
        manager = http_manager(self.config)
        manager["access_log"] = []
        # A refusal before the end of the body closes the connection; Envoy's second of patience would be most of a run.
        manager["delayed_close_timeout"] = "0.01s"
        if not hardened:
            soften(self.config)
        path = directory / "envoy.json"
        path.write_text(json.dumps(self.config, indent=1))
        self.records_fd, write = os.pipe()
        fcntl.fcntl(write, F_SETPIPE_SZ, 1 << 20)
        os.set_blocking(self.records_fd, False)
        self._process = subprocess.Popen(
            [
                envoy_binary(), "-c", str(path), "--concurrency", "1", "--disable-hot-restart",
                "--log-level", "error", "--component-log-level", "wasm:info", "--log-format", "%v",
            ],
            stdout=write, stderr=write, cwd=directory,
        )  # fmt: skip
        os.close(write)
        try:
            wait_for(self._is_ready, "Envoy to be ready", 30)
        except AssertionError:
            self.stop()
            raise

    def log(self) -> str:
        """What is in the pipe now."""
        try:
            return os.read(self.records_fd, 1 << 20).decode(errors="replace")
        except BlockingIOError:
            return ""

    def stop(self) -> None:
        super().stop()
        os.close(self.records_fd)
