"""`scopewarden serve`, as a platform team runs it: a process of its own, asked by Envoy, told by people over its API."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

from fakes.issuer import ISSUER, Issuer

from . import raw
from .config import ROOT
from .envoy import wait_for

BINARY = Path(os.environ.get("SCOPEWARDEN") or ROOT / "target/debug/scopewarden")
#: Whom the API's access tokens are for: an agent's token is for somebody else.
AUDIENCE = "approvals"
#: What policies ask of approvers here.
SCOPE = "acme:approve"


class Service:
    """Listens on two loopback ports: `questions` for proxies, `people` for people. Both stay when it is started again."""

    def __init__(self, directory: Path, issuer: Issuer, database: str, **settings) -> None:
        self._issuer, self._process = issuer, None
        #: The file of a SQLite database.
        self.sqlite = database.removeprefix("sqlite:")
        self._config = directory / "serve.yaml"
        self._log = directory / "service.log"
        listed = {
            "issuer": ISSUER, "audiences": [AUDIENCE], "jwks_url": f"http://127.0.0.1:{issuer.port}/jwks.json",
        }
        self._settings = {
            "database": database,
            "signing_key": str(directory / "verdict-key.json"),
            "listen": {"questions": "127.0.0.1:0", "people": "127.0.0.1:0"},
            "issuers": [listed],
            **settings,
        }
        if "audit" in self._settings:
            #: Where the collector keeps its log.
            self.audit_directory = directory / "audit"
            self._settings["audit"] = {
                "directory": str(self.audit_directory), "signing_key": str(directory / "audit-key.json"),
                "listen": "127.0.0.1:0", **self._settings["audit"],
            }
        self.start()

    def start(self) -> None:
        self._config.write_text(json.dumps(self._settings))
        self._process = subprocess.Popen(
            [BINARY, "serve", "--config", self._config], stdout=subprocess.PIPE, stderr=self._log.open("ab"), text=True
        )
        names = ["questions", "people", "keys", *(["audit", "audit key"] if "audit" in self._settings else [])]
        said = dict(re.split("  +", self._process.stdout.readline().strip(), maxsplit=1) for _ in names
                    if self._process.poll() is None)
        assert list(said) == names, self.log()[-4000:]
        self.questions = int(said["questions"].rsplit(":", 1)[1].split("/")[0])
        self.people = int(said["people"].rsplit(":", 1)[1])
        self.keys = json.loads(said["keys"])
        if "audit" in said:
            self.audit = int(said["audit"].rsplit(":", 1)[1].split("/")[0])
            self.audit_key = said["audit key"]
            self._settings["audit"]["listen"] = f"127.0.0.1:{self.audit}"
        self._settings["listen"] = {"questions": f"127.0.0.1:{self.questions}", "people": f"127.0.0.1:{self.people}"}

    def kill(self) -> None:
        """Ends it at once, as a power failure does."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.stdout.close()

    close = stop

    def alive(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    # -- what a proxy has to know ---------------------------------------------------------------------------------

    def policy(self, *require: dict, **changes) -> dict:
        """The policy's `approvals` section."""
        return {
            "cluster": "approvals", "url": "http://approvals.test/v1/approvals", "verdict_keys": {"inline": self.keys},
            "require": list(require), **changes,
        }

    # -- what people do ---------------------------------------------------------------------------------------------

    def token(self, sub: str = "bo", *scopes: str, **claims) -> str:
        """A person's access token for the API."""
        return self._issuer.token(*(scopes or [SCOPE]), sub=sub, **{"aud": AUDIENCE, **claims})

    def api(self, method: str, path: str, token: str | None, body: object = None) -> raw.Response:
        return raw.request(self.people, method, path, token, body)

    def decide(self, id: str, decision: str = "approve", token: str | None = None, **more) -> raw.Response:
        body = {"decision": decision, **more}
        if decision != "deny" and "seen" not in more:
            shown = self.api("GET", f"/v1/approvals/{quote(id)}", self.token())
            body["seen"] = [member["id"] for member in shown.json()["members"]] if shown.status == 200 else []
        return self.api("POST", f"/v1/approvals/{quote(id)}/decision", token or self.token(), body)

    def pending(self, **call) -> list[dict]:
        """What waits for people, of the calls that have these members."""
        answer = self.api("GET", "/v1/approvals?status=pending&limit=500", self.token())
        assert answer.status == 200, answer
        return [a for a in answer.json()["approvals"] if call.items() <= a["call"].items()]

    def approval(self, id: str) -> dict:
        answer = self.api("GET", f"/v1/approvals/{id}", self.token())
        assert answer.status == 200, answer
        return answer.json()

    def ids(self) -> set[str]:
        return {approval["id"] for approval in self.pending()}

    def asked_since(self, known: set[str]) -> dict:
        """The one approval that is not among these `ids`, once it is asked for."""
        (one,) = wait_for(lambda: [a for a in self.pending() if a["id"] not in known], "another approval to be asked for")
        return one

    def asked(self, **call) -> dict:
        """The one approval of a call with these members, once it is asked for."""
        (one,) = wait_for(lambda: self.pending(**call), f"an approval of {call} to be asked for")
        return one

    def approve(self, **call) -> dict:
        """Approves the one call with these members, once it is asked for."""
        answer = self.decide(self.asked(**call)["id"])
        assert answer.status == 200, answer
        return answer.json()
