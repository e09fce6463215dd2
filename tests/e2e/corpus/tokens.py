"""Tokens, good and forged, byte for byte: headers and claims are given as text where a dictionary could not say it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .oracle import Caller

ISSUER, AUDIENCE = "https://idp.test/", "agents"


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Key:
    """A private key, its `kid` and its public JWK; `more` replaces or adds members, or leaves them out with `None`."""

    def __init__(self, kid: str | None, algorithm: str = "ES256", bits: int = 2048, **more: object) -> None:
        self.kid, self.algorithm = kid, algorithm
        match algorithm:
            case "ES256":
                self.private = ec.generate_private_key(ec.SECP256R1())
            case "RS256":
                self.private = rsa.generate_private_key(65537, bits)
            case "EdDSA":
                self.private = ed25519.Ed25519PrivateKey.generate()
            case _:
                raise ValueError(algorithm)
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        jwk = {**public, "kid": kid, "alg": algorithm, "use": "sig", **more}
        self.jwk = {name: value for name, value in jwk.items() if value is not None}

    def sign(self, data: bytes) -> bytes:
        match self.algorithm:
            case "ES256":
                r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256())))
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
            case "RS256":
                return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
            case _:
                return self.private.sign(data)

    def public_pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form)


def hs256(secret: bytes):
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


class Mint:
    """Makes tokens of one run."""

    def __init__(self, keys: dict[str, Key]) -> None:
        self.keys = keys
        self._callers: dict[str, bytes] = {}

    @property
    def now(self) -> int:
        """A token whose times matter has to be made when it is sent."""
        return int(time.time())

    def of(self, caller: Caller) -> bytes | None:
        """The good token of a caller; nobody has none."""
        if not caller.scopes:
            return None
        if caller.name not in self._callers:
            self._callers[caller.name] = self.make(self.claims(scope=" ".join(sorted(caller.scopes)), email=caller.email))
        return self._callers[caller.name]

    def claims(self, **over: object) -> dict:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "mallory", "iat": self.now, "exp": self.now + 6 * 3600, **over}
        return {name: value for name, value in claims.items() if value is not ...}

    def header(self, key: str = "main", **over: object) -> dict:
        header = {"alg": self.keys[key].algorithm, "typ": "at+jwt", "kid": self.keys[key].kid, **over}
        return {name: value for name, value in header.items() if value is not ...}

    def make(self, claims: dict | str, header: dict | str | None = None, key: str = "main", sign=None) -> bytes:
        """Signed over exactly these bytes, by that key or function, whatever the header says."""
        header = self.header(key) if header is None else header
        parts = [base64url((part if isinstance(part, str) else json.dumps(part)).encode()) for part in (header, claims)]
        signed = b".".join(parts)
        return signed + b"." + base64url((sign or self.keys[key].sign)(signed))
