"""Scenarios (tests/scenarios), read as src/testkit/src/scenario reads them: the same defaults, tokens and comparisons."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import yaml12
from .config import ROOT

SCENARIOS = ROOT / "tests/scenarios"
#: The seeds of testkit's scenario/token.rs: the first is trusted by every scenario policy, the second by none.
SEED, STRANGER = b"scopewarden scenario signing key", b"a key that nobody should trust!!"

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(\\)|\{([0-9]+) ([^}]*)\}|(.|$))", re.DOTALL)


def unescape(text: str) -> bytes:
    r"""`\xNN` is one byte, `\\` a backslash, `\{COUNT TEXT}` a text repeated."""

    def replace(match: re.Match) -> str:
        byte, backslash, count, repeated, other = match.groups()
        if other is not None:
            raise ValueError(f"`{text}` has a backslash that starts no escape")
        # surrogateescape carries a byte that is not UTF-8 through a string.
        return (bytes([int(byte, 16)]).decode("utf-8", "surrogateescape") if byte else backslash or repeated * int(count))

    return _ESCAPE.sub(replace, text).encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Request:
    path: str
    method: str = "GET"
    scheme: str = "http"
    authority: str = "gateway.test"
    token: str | None = None
    headers: list[list[str]] = field(default_factory=list)
    extra_headers: int = 0
    json: object = None
    body: str | None = None
    trailers: list[list[str]] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)

    def fields(self, token: str | None) -> list[tuple[bytes, bytes]]:
        """Header fields in the order they are sent."""
        fields = [(b"authorization", b"Bearer " + token.encode())] if token else []
        fields += [(unescape(name), unescape(value)) for name, value in self.headers]
        fields += [(b"x-%d" % n, b"v") for n in range(self.extra_headers)]
        if self.json is not None and not any(name.lower() == b"content-type" for name, _ in fields):
            fields.append((b"content-type", b"application/json"))
        return fields

    def content(self) -> bytes | None:
        if self.json is not None:
            return json.dumps(self.json, separators=(",", ":")).encode()
        return None if self.body is None else unescape(self.body)


@dataclass(frozen=True)
class Expect:
    decision: str
    reason: str | None = None
    status: int | None = None
    operation: str | None = None
    headers: list[list[str]] = field(default_factory=list)
    body: str | None = None
    removed: list[str] | None = None
    record: dict[str, object] = field(default_factory=dict)

    def differences(self, outcome: Outcome) -> Iterator[str]:
        """As `Expect::check` of testkit's scenario/outcome.rs."""
        pairs = [
            ("decision", self.decision, outcome.record.get("decision")),
            ("forwarded", self.decision != "deny", outcome.forwarded),
            ("refused", self.decision == "deny", outcome.refusal is not None),
            *((name, wanted, outcome.record.get(name)) for name in ("reason", "operation") if (wanted := getattr(self, name))),
            *((pointer, wanted, member(outcome.record, pointer)) for pointer, wanted in self.record.items()),
        ]
        if self.removed is not None and outcome.removed is not None:
            pairs.append(("removed", self.removed, outcome.removed))
        if outcome.refusal is not None and self.status is not None:
            pairs.append(("status", self.status, outcome.refusal.status))
        yield from (f"{what}: expected {wanted!r}, got {found!r}" for what, wanted, found in pairs if wanted != found)
        if outcome.refusal is not None:
            parts = [(f"header {name}", part, outcome.refusal.header(name) or "") for name, part in self.headers]
            parts += [("body", self.body, outcome.refusal.body.decode(errors="replace"))] if self.body else []
            yield from (f"{what}: expected {part!r} in {found!r}" for what, part, found in parts if part not in found)


@dataclass(frozen=True)
class Outcome:
    """What became of a request: forwarded or refused (a raw.Response), headers that did not arrive, the decision record."""

    forwarded: bool
    refusal: object | None
    removed: list[str] | None
    record: dict


@dataclass(frozen=True)
class Case:
    suite: str
    policy: dict
    tokens: dict[str, dict]
    name: str
    tags: frozenset[str]
    request: Request
    expect: Expect

    @property
    def id(self) -> str:
        return f"{self.suite}: {self.name}"

    def token(self, now: int) -> str | None:
        return None if self.request.token is None else mint(self.tokens[self.request.token] or {}, now)


@cache
def cases(tag: str) -> list[Case]:
    """Every case with that tag, or in a suite that has it."""
    found = []
    for path in sorted(SCENARIOS.rglob("*.yaml")):
        if path.parent == SCENARIOS / "policies":
            continue
        suite = yaml12.load(path)
        name = str(path.relative_to(SCENARIOS).with_suffix(""))
        policy = suite["policy"]
        if isinstance(policy, str):
            policy = yaml12.load(path.parent / policy)
        for case in suite["cases"]:
            tags = frozenset([*suite.get("tags", []), *case.get("tags", [])])
            request, expect = Request(**case["request"]), Expect(**case["expect"])
            if tag in tags:
                found.append(Case(name, policy, suite.get("tokens", {}), case["name"], tags, request, expect))
    return found


def mint(spec: dict, now: int) -> str:
    """Signs a token as `mint` of testkit's scenario/token.rs does."""
    claims = {"iss": "https://issuer.test/", "aud": "scopewarden", "sub": "alice", "iat": now, "exp": now + 3600}
    header = {"alg": "EdDSA", "typ": "at+jwt", "kid": "scenario"}
    parts = [_merged(header, spec.get("header", {}), now), _merged(claims, spec.get("claims", {}), now)]
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    key = Ed25519PrivateKey.from_private_bytes(STRANGER if spec.get("forged") else SEED)
    return f"{signed}.{_base64url(key.sign(signed.encode()))}"


def _merged(defaults: dict, over: dict, now: int) -> dict:
    merged = {**defaults, **{name: _time(value, now) for name, value in over.items()}}
    return {name: value for name, value in merged.items() if not (name in over and over[name] is None)}


def _time(value: object, now: int) -> object:
    """`now`, `now-60`, `now+3600` are times; everything else is what it is."""
    if isinstance(value, str) and (match := re.fullmatch(r"now([-+][0-9]+)?", value)):
        return now + int(match[1] or 0)
    return value


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def member(value: object, pointer: str) -> object:
    """The value at a JSON pointer (RFC 6901); `None` when there is none."""
    for name in pointer.split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)] if name.isdigit() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value
