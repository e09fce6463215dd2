"""An identity provider: a JWKS document that can be made to fail in every way, and tokens signed with its keys."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from .listening import HttpListener

ISSUER = "https://idp.test/"
AUDIENCE = "agents"


class Key:
    """A signing key and its public JWK."""

    def __init__(self, kid: str, algorithm: str) -> None:
        self.kid, self.algorithm = kid, algorithm
        match algorithm:
            case "RS256" | "RS384" | "RS512" | "PS256":
                self.private = rsa.generate_private_key(65537, 2048)
            case "ES256":
                self.private = ec.generate_private_key(ec.SECP256R1())
            case "ES384":
                self.private = ec.generate_private_key(ec.SECP384R1())
            case "EdDSA":
                self.private = ed25519.Ed25519PrivateKey.generate()
            case _:
                raise ValueError(algorithm)

    def jwk(self) -> dict:
        public = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}


class Issuer(HttpListener):
    """Serves `GET /jwks.json`. `mode` is one of ok, fail, slow, html, truncated."""

    def __init__(self, port: int = 0) -> None:
        self.keys: dict[str, Key] = {}
        for kid, algorithm in [("rsa", "RS256"), ("pss", "PS256"), ("p256", "ES256"), ("p384", "ES384"), ("ed", "EdDSA")]:
            self.add(kid, algorithm)
        self.mode = "ok"
        self.fetches: list[float] = []
        super().__init__(_handler(self), port)

    def add(self, kid: str, algorithm: str = "RS256") -> Key:
        self.keys[kid] = Key(kid, algorithm)
        return self.keys[kid]

    def document(self) -> bytes:
        return json.dumps({"keys": [key.jwk() for key in self.keys.values()]}).encode()

    def token(
        self,
        *scopes: str,
        sub: str = "alice",
        key: str | Key = "rsa",
        lifetime: float = 600,
        headers: dict | None = None,
        **claims: object,
    ) -> str:
        """A signed access token; `claims` replaces or adds, and a claim of `None` is left out."""
        key = self.keys[key] if isinstance(key, str) else key
        now = int(time.time())
        payload: dict = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + int(lifetime), "scope": " ".join(scopes),
            **claims,
        }
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, key.private, algorithm=key.algorithm, headers={"kid": key.kid, **(headers or {})})


def _handler(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            issuer.fetches.append(time.monotonic())
            status, content_type, body, length = 200, "application/json", issuer.document(), None
            match issuer.mode:
                case "fail":
                    status, body = 503, b"down"
                case "html":
                    content_type, body = "text/html", b"<html>please log in</html>"
                case "truncated":
                    body, length = body[:40], len(body)
                case "slow":
                    time.sleep(8)
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)
            if length:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
