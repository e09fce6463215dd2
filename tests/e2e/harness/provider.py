"""A real OpenID provider: npm's oidc-provider, with its own pages to log in and to consent."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .config import ROOT
from .envoy import free_port

MODULES = Path(os.environ.get("SCOPEWARDEN_WEB_MODULES") or ROOT / ".venv/web/node_modules")
SCRIPT = ROOT / "tests/e2e/web/provider.mjs"
CLIENT, SECRET = "scopewarden", "a secret of the tests"


class Provider:
    def __init__(self, redirect: str) -> None:
        self.issuer = f"http://127.0.0.1:{free_port()}"
        command = ["node", SCRIPT, MODULES, self.issuer, CLIENT, SECRET, redirect]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        said = self._process.stdout.readline()
        assert said == "ready\n", f"the provider does not start ({said!r}): make {MODULES.parent.relative_to(ROOT)}/.ok"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(5)
        self._process.stdout.close()

    def settings(self, directory: Path, **changes) -> dict:
        """The service's `login`."""
        secret = directory / "client-secret"
        secret.write_text(SECRET + "\n")
        return {
            "issuer": self.issuer, "client_id": CLIENT, "client_secret_file": str(secret),
            "scopes": ["profile", "approvals"], "scope_claim": "permissions", **changes,
        }
