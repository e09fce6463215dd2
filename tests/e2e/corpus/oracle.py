"""Who may do what, said a second time and independently of the policy: whatever a route ran with is held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .upstream import Ran

NEEDS: dict[str, set[str]] = {
    "public.read": set(),
    "admin.read": {"corpus:admin"},
    "admin.write": {"corpus:admin"},
    "admin.delete": {"corpus:admin"},
    "sessions.read": {"corpus:sessions"},
    "sessions.remove": {"corpus:sessions:delete"},
    "sessions.delete": {"corpus:sessions:delete"},
    "runs.read": {"corpus:runs"},
    "runs.purge": {"corpus:runs", "corpus:runs:purge"},
    "files.read": {"corpus:files"},
    "files.secret": {"corpus:files", "corpus:files:secret"},
    "uploads.create": {"corpus:uploads"},
    "teams.list": {"corpus:teams"},
    "teams.create": {"corpus:teams"},
    "reports.list": {"corpus:reports"},
    "vault.read": {"corpus:vault"},
    "chat.create": {"corpus:chat"},
    "chat.any": {"corpus:chat"},
    "orders.create": {"corpus:orders"},
    "events.open": {"corpus:events"},
}
RPC_NEEDS = {
    "initialize": "mcp:connect", "ping": "mcp:connect", "notifications/initialized": "mcp:connect",
    "tools/list": "mcp:tool:list", "tools/call": "mcp:tool:call", None: "mcp:respond",
}  # fmt: skip
MODEL_NEEDS = {"small": "corpus:chat", "large": "corpus:chat:large"}

#: What no caller can make arrive upstream: they ask for another method, path or verdict than the one judged.
NEVER_ARRIVES = {
    b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-url", b"x-original-uri", b"x-rewrite-url",
    b"x-forwarded-uri", b"x-forwarded-prefix", b"x-scopewarden-decision", b"x-envoy-original-path",
}  # fmt: skip
#: Also gone when Envoy is hardened. In front of a filter alone, a proxy that is trusted may have set them.
NEVER_ARRIVES_HARDENED = NEVER_ARRIVES | {b"x-forwarded-host", b"forwarded", b"x_role"}
#: What Envoy puts in the place of the caller's credential.
UPSTREAM_KEY = {"hardened": b"Bearer demo-upstream-key", "bare": None}
#: Values of the corpus's own that stand for something forged, in whatever header they arrive.
FORGED = b"forged"


@dataclass(frozen=True)
class Caller:
    """What a request's credential really says about who sent it."""

    name: str
    scopes: frozenset[str] = frozenset()
    email: str | None = None


_LOW = {
    "corpus:sessions", "corpus:runs", "corpus:files", "corpus:uploads", "corpus:teams", "corpus:reports", "corpus:vault", "corpus:chat",
    "corpus:orders", "corpus:tool:read", "mcp:connect", "mcp:tool:list", "mcp:tool:call",
}  # fmt: skip
_HIGH = {
    "corpus:admin", "corpus:sessions:delete", "corpus:runs:purge", "corpus:files:secret", "corpus:chat:large", "corpus:events",
    "corpus:tool:write", "mcp:respond",
}  # fmt: skip

#: No credential, or one that proves nothing.
NOBODY = Caller("nobody")
#: Holds a scope for every route that reads, and none for what does harm.
LOW = Caller("low", frozenset(_LOW), "low@example.com")
FULL = Caller("full", frozenset(_LOW | _HIGH), "full@example.com")


def wrongs(caller: Caller, it: Ran, door: str) -> Iterator[str]:
    """Everything about a route that ran which that caller had no right to."""
    yield from (f"the caller lacks `{scope}`" for scope in sorted(_needs(it) - caller.scopes))
    never = NEVER_ARRIVES_HARDENED if door == "hardened" else NEVER_ARRIVES
    for name, value in it.headers:
        if name in never:
            yield f"the header `{name.decode()}` arrived"
        if FORGED in value and name in (b"authorization", b"x-request-id"):
            yield f"the header `{name.decode()}` arrived as the caller forged it"
        # Without a filter, that is no mistake.
        if name == b"authorization" and door != "open" and value != UPSTREAM_KEY[door]:
            yield "the caller's credential was passed on"
    seen = it.seen
    match it.route:
        case "teams.list" | "teams.create":
            named = [value for key in ("user_id", "body_user_id") if (value := seen.get(key)) is not None]
            if not named or any(value != caller.email for value in named):
                yield f"`user_id` was read as {named!r}"
        case "reports.list" if set(seen["views"]) != {"summary"}:
            yield f"`view` was read as {seen['views']!r}"
        case "vault.read" if seen["roles"] != ["user"]:
            yield f"`x-role` was read as {seen['roles']!r}"
        case "orders.create" if seen["amount"] not in (1, 5, 10):
            yield f"the amount was read as {seen['amount']!r}"
        case "mcp" if seen["method"] == "tools/call" and seen["tool"] == "create_issue":
            if not isinstance(seen["arguments"], dict) or seen["arguments"].get("repo") != "sandbox":
                yield f"the arguments were read as {seen['arguments']!r}"


def _needs(it: Ran) -> set[str]:
    """Scopes for the route and for what it was asked to do. What nobody may have is a scope that nobody has."""
    nobody = f"(nobody may run `{it.route}` with {it.seen})"
    if it.route == "mcp":
        needs = {RPC_NEEDS.get(_text(it.seen["method"]), nobody)}
        if it.seen["method"] == "tools/call":
            tool = _text(it.seen["tool"]) or ""
            needs.add("corpus:tool:read" if tool.startswith("get_") else "corpus:tool:write" if tool == "create_issue" else nobody)
        return needs
    needs = NEEDS.get(it.route, {nobody})
    return needs | {MODEL_NEEDS.get(_text(it.seen["model"]), nobody)} if "model" in it.seen else needs


def _text(value: object) -> str | None:
    return value if isinstance(value, str) or value is None else repr(value)
