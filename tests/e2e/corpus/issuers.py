"""Issuers and what each serves as its keys: one that is as it should be, and many that are not."""

from __future__ import annotations

import json
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler

from fakes.listening import HttpListener

from .tokens import ISSUER, Key, base64url

#: Longer than the filter waits.
SLOW_SECONDS = 2


def url(name: str) -> str:
    """The `iss` of the issuer whose keys are under that name."""
    return ISSUER if name == "main" else f"{ISSUER}{name}"


def _pair(name: str, **more: object) -> list[Key]:
    """A good key and one that has something wrong about it: the good one has to stay usable."""
    return [Key(f"{name}-good"), Key(f"{name}-bad", **more)]


def _off_curve() -> list[Key]:
    good, bad = _pair("off-curve")
    bad.jwk["y"] = bad.jwk["x"]
    return [good, bad]


def _exponent_one() -> list[Key]:
    good, bad = _pair("exponent-one", algorithm="RS256")
    bad.jwk["e"] = "AQ"
    return [good, bad]


def _symmetric() -> list[Key]:
    good, bad = _pair("symmetric")
    bad.jwk = {"kty": "oct", "kid": bad.kid, "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ1Njc4"}
    return [good, bad]


def _private() -> list[Key]:
    good, bad = _pair("private")
    number = bad.private.private_numbers().private_value
    bad.jwk["d"] = base64url(number.to_bytes(32, "big")).decode()
    return [good, bad]


class Issuers(HttpListener):
    """Serves `GET /keys/NAME` for each of them, and counts who asks for what."""

    def __init__(self) -> None:
        self.sets: dict[str, list[Key]] = {
            "main": [Key("main"), Key("rsa", "RS256"), Key("ed", "EdDSA")],
            "same-kid": [Key("same"), Key("same"), Key("same-kid-good")],
            "nameless": [Key(None)],
            "nameless-two": [Key(None), Key(None), Key("nameless-two-good")],
            "encryption": _pair("encryption", use="enc"),
            "wrap-only": _pair("wrap-only", use=None, key_ops=["wrapKey"]),
            "symmetric": _symmetric(),
            "weak": _pair("weak", algorithm="RS256", bits=1024),
            "exponent-one": _exponent_one(),
            "off-curve": _off_curve(),
            "private": _private(),
            "rotating": [Key("rotating-old"), Key("rotating-both")],
            **{name: [Key(name)] for name in ["huge", "many", "html", "redirect", "truncated", "slow", "list", "empty"]},
        }
        self.withdrawn = Key("rotating-new")
        self.fetches: Counter[str] = Counter()
        super().__init__(_handler(self))

    def rotate(self) -> None:
        """The new key comes, the old one goes, and one stays."""
        old, both = self.sets["rotating"]
        self.sets["rotating"], self.withdrawn = [both, self.withdrawn], old

    def keys(self) -> dict[str, Key]:
        """Every key by `kid`; those that share one or have none, by `issuer-0`, `issuer-1` as well."""
        found = {f"{name}-{n}": key for name, keys in self.sets.items() for n, key in enumerate(keys)}
        named = {key.kid: key for keys in self.sets.values() for key in keys if key.kid}
        return {**found, **named, self.withdrawn.kid: self.withdrawn, "stranger": Key("stranger")}

    def policy(self) -> list[dict]:
        """The entries of `identity.issuers`."""

        def entry(name: str) -> dict:
            refresh = "10s" if name == "rotating" else "1h"
            # Whoever waits for keys that do not come waits less than a case has time.
            jwks = {"cluster": "idp", "url": f"http://idp.test/keys/{name}", "refresh": refresh, "timeout": "500ms" if name == "slow" else "5s"}
            return {"issuer": url(name), "audiences": ["agents"], "jwks": jwks}

        return [entry(name) for name in self.sets]

    def answer(self, name: str) -> tuple[int, str, bytes]:
        document = {"keys": [key.jwk for key in self.sets[name]]}
        match name:
            case "html":
                return 200, "text/html", b"<html>please log in</html>"
            case "redirect":
                return 302, "text/plain", b"http://idp.test/keys/main"
            case "list":
                return 200, "application/json", json.dumps(document["keys"]).encode()
            case "empty":
                return 200, "application/json", b'{"keys":[]}'
            case "huge":
                return 200, "application/json", json.dumps({**document, "pad": "x" * (5 << 20)}).encode()
            case "many":
                keys = [{**document["keys"][0], "kid": f"many-{n}"} for n in range(10_000)]
                return 200, "application/json", json.dumps({"keys": document["keys"] + keys}).encode()
        return 200, "application/json", json.dumps(document).encode()


def _handler(issuers: Issuers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            issuers.fetches[name] += 1
            if name == "slow":
                time.sleep(SLOW_SECONDS)
            status, content_type, body = issuers.answer(name)
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            if status == 302:
                self.send_header("location", body.decode())
            self.end_headers()
            if name == "truncated":
                body, self.close_connection = body[:40], True
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
