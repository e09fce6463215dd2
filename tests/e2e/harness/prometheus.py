"""A real Prometheus, as a platform team runs it: it reads the rules of this repository and scrapes what is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from .config import ROOT
from .envoy import free_port, wait_for

DASHBOARDS = ROOT / "dashboards"
RULES = DASHBOARDS / "scopewarden.rules.yaml"
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
#: Why a test without it is skipped.
MISSING = "there is no Prometheus: as root, .ci/need prometheus installs Debian's"


def promtool(*arguments: object) -> str:
    """What promtool says; fails when it is not content."""
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """Scrapes `targets`, of jobs by name to `host:port/path`, twice a second."""

    def __init__(self, directory: Path, targets: dict[str, str]) -> None:
        jobs = [
            {"job_name": name, "metrics_path": f"/{path}", "static_configs": [{"targets": [host]}]}
            for name, (host, _, path) in ((name, target.partition("/")) for name, target in targets.items())
        ]
        config = directory / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
            "rule_files": [str(RULES)],
            "scrape_configs": jobs,
        }))
        self._url, self._log = f"http://127.0.0.1:{free_port()}", directory / "prometheus.log"
        self._process = subprocess.Popen(
            [
                PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self._url.removeprefix('http://')}",
            ],
            stdout=self._log.open("wb"), stderr=subprocess.STDOUT,
        )
        wait_for(self._is_ready, "Prometheus to be ready", 30)

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()[-4000:]
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def api(self, path: str, **query: str) -> dict:
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        return said["data"]

    def ask(self, expression: str) -> list[dict]:
        """The series that an expression gives now: `{"metric": labels, "value": [time, text]}`."""
        return self.api("query", query=expression)["result"]
