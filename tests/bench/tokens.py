"""An issuer for the benchmarks: one RS256 key, inline in every configuration, and tokens like an identity provider's."""

from __future__ import annotations

import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://idp.test/realms/agents"
AUDIENCE = "agents"
SCOPES = "openid profile autogen:model:read autogen:prompt autogen:embedding bench:use"
LIFETIME_S = 4 * 60 * 60


class Issuer:
    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)

    def jwks(self) -> dict:
        jwk = jwt.get_algorithm_by_name("RS256").to_jwk(self._key.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return {"keys": [{**jwk, "kid": "bench", "alg": "RS256", "use": "sig"}]}

    def token(self, token_id: int) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "5b1f0b9e-7d3a-4f0e-9c55-2f6f0d1c8a11", "azp": "agent-runtime",
            "iat": now, "exp": now + LIFETIME_S, "jti": f"bench-{token_id}", "scope": SCOPES,
            "email": "alice@example.com", "groups": ["engineers", "ml-platform"],
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": "bench", "typ": "at+jwt"})
