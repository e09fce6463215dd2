"""One list of operations, read twice: as the policy of the filter and as the routes of the application behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

ISSUER, AUDIENCE = "https://idp.test/", "agents"

#: What a scope admits. No name is admitted by two scopes, so a name that was misread needs another scope.
MODELS = {"diff:model:small": ["gpt-*-mini", "tiny"], "diff:model:large": ["gpt-4o", "org/*"]}
TOOLS = {"diff:tool:read": ["get_*"], "diff:tool:write": ["create_issue"]}
ARGUMENTS = {"create_issue": {"/repo": ["sandbox", "docs"]}}

VIEW = {"view": ["summary", "a b"]}
REGION = {"/options/region": ["eu-1", "eu-2"]}
AMOUNT = {"/amount": [1, 5, 10]}
KINDS = {"/items/*/kind": ["note", "task"]}
DRY = {"/dry_run": [True]}
TENANT = {"x-tenant": ["acme", "umbrella"]}


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    #: In the policy's words: `{id}`, `{id:int}`, `{id}:verb`, `{rest...}`.
    path: str
    #: Members of the JSON body; `typed` says whether a pydantic model reads it, or the route itself.
    members: tuple[str, ...] = ()
    typed: bool = True
    #: Query parameters that the route reads.
    reads: tuple[str, ...] = ()
    #: Fact to `/member`, `{parameter}` or `?parameter`.
    facts: dict[str, str] = field(default_factory=dict)
    models: bool = False
    #: `user_id` must be the caller's address, in query and body. One of the two suffices, so the route reads both.
    bind: bool = False
    query: dict[str, list[str]] = field(default_factory=dict)
    body: dict[str, list[Any]] = field(default_factory=dict)
    headers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """Operations whose paths overlap have to share a scope; `require` then sets each apart."""
        return self.path.split("/")[1] if not self.path.startswith("/{") else "tenants"

    @property
    def scopes(self) -> tuple[str, ...]:
        family = "shared" if self.family in SHARED else self.family
        return f"diff:{family}", f"diff:only:{self.id.replace('.', ':')}"

    @property
    def route(self) -> str:
        """In Starlette's words."""
        return re.sub(r"\{(\w+)\.\.\.\}", r"{\1:path}", self.path)

    @property
    def parameters(self) -> list[tuple[str, type]]:
        return [(name, int if kind == ":int" else str) for name, kind in re.findall(r"\{(\w+)(:int|\.\.\.)?\}", self.path)]


#: Families that overlap with each other, by `/{tenant}/...`, and so have one scope.
SHARED = {"tenants", "runs", "teams", "hub", "web", "files", "static", "deployments", "vault", "café"}


def _plain() -> list[Operation]:
    op = Operation
    chat = ("model", "user_id", "amount", "note")
    return [
        # Literals, numbers and names beside each other, with suffix verbs.
        op("runs.list", "GET", "/runs", reads=("limit", "view")),
        op("runs.create", "POST", "/runs", members=chat, reads=("user_id",), facts={"model": "/model"}, models=True, bind=True),
        op("runs.active", "GET", "/runs/active"),
        op("runs.get", "GET", "/runs/{id:int}", facts={"task": "{id}"}),
        op("runs.named", "GET", "/runs/{name}", facts={"task": "{name}"}),
        op("runs.delete", "DELETE", "/runs/{id:int}"),
        op("runs.delete_named", "DELETE", "/runs/{name}"),
        op("runs.purge", "POST", "/runs/purge-all", members=("dry_run",), body=DRY),
        op("runs.post", "POST", "/runs/{id}", facts={"task": "{id}"}),
        op("runs.cancel", "POST", "/runs/{id}:cancel", facts={"task": "{id}"}),
        op("runs.retry", "POST", "/runs/{id}:retry", facts={"task": "{id}"}),
        op("runs.step", "GET", "/runs/{id}/steps/{step:int}"),
        op("runs.step_last", "GET", "/runs/{id}/steps/last"),
        op("runs.step_named", "GET", "/runs/{id}/steps/{step}", facts={"task": "{step}"}),
        op("runs.active_steps", "GET", "/runs/active/steps"),
        op("runs.steps", "GET", "/runs/{id}/steps"),
        op("runs.sub_delete", "POST", "/runs/{id}/delete"),
        # With a slash at the end.
        op("teams.list", "GET", "/teams/", reads=("user_id",), bind=True),
        op("teams.create", "POST", "/teams/", members=("user_id", "note"), reads=("user_id",), bind=True),
        op("teams.get", "GET", "/teams/{id:int}/", reads=("user_id",), bind=True),
        op("teams.members", "GET", "/teams/{id:int}/members/"),
        op("teams.member", "PUT", "/teams/{id:int}/members/{name}", members=("user_id",), reads=("user_id",), typed=False, bind=True),
        op("teams.delete", "DELETE", "/teams/{id:int}"),
        # Tails, beside what is more specific.
        op("files.list", "GET", "/files"),
        op("files.index", "GET", "/files/index"),
        op("files.read", "GET", "/files/{path...}", facts={"uri": "{path}"}),
        op("files.write", "PUT", "/files/{path...}", facts={"uri": "{path}"}),
        op("files.delete", "DELETE", "/files/{path...}", facts={"uri": "{path}"}),
        op("files.delete_tmp", "DELETE", "/files/tmp/{path...}", facts={"uri": "{path}"}),
        op("files.raw", "GET", "/files/{name}/raw"),
        op("web.admin", "GET", "/web/admin"),
        op("web.page", "GET", "/web/{page...}", facts={"uri": "{page}"}),
        op("web.user", "GET", "/web/users/{id:int}"),
        op("static.any", "GET", "/static/{rest...}"),
        # The model in the path, whole or as a tail.
        op("hub.get", "GET", "/hub/{model...}", facts={"model": "{model}"}, models=True),
        op("deployments.chat", "POST", "/deployments/{model}/chat", facts={"model": "{model}"}, models=True),
        op("deployments.get", "GET", "/deployments/{model}", facts={"model": "{model}"}, models=True),
        op("deployments.delete", "DELETE", "/deployments/{model}", facts={"model": "{model}"}),
        # A variable where others have a literal.
        op("tenants.status", "GET", "/{tenant}/status", facts={"task": "{tenant}"}),
        op("tenants.audit", "POST", "/{tenant}/audit/{year:int}"),
        op("tenants.note", "PUT", "/{tenant}/notes/{name}", members=("note",), typed=False, body={"/note": ["ok"]}),
        # Queries that rules judge.
        op("reports.list", "GET", "/reports", reads=("view", "limit"), query=VIEW),
        op("reports.get", "GET", "/reports/{id:int}", reads=("view", "user_id"), query=VIEW, bind=True),
        op("reports.delete", "DELETE", "/reports/{id:int}", reads=("user_id",), bind=True),
        op("reports.embed", "POST", "/reports/embed", reads=("model",), facts={"model": "?model"}, models=True),
        op("reports.by_uri", "GET", "/reports/by-uri", reads=("uri",), facts={"uri": "?uri"}),
        # Bodies that rules judge, read by pydantic and by the route itself.
        op("chat.create", "POST", "/chat/completions", members=chat, facts={"model": "/model"}, models=True),
        op("chat.raw", "POST", "/chat/raw", members=chat, reads=("user_id",), typed=False, facts={"model": "/model"}, models=True, bind=True),
        op("chat.update", "PATCH", "/chat/{id}", members=("model", "options"), facts={"model": "/model"}, models=True, body=REGION),
        op("orders.create", "POST", "/orders", members=("amount", "note"), body=AMOUNT),
        op("orders.raw", "POST", "/orders/raw", members=("amount", "options"), typed=False, body={**AMOUNT, **REGION}),
        op("orders.items", "PUT", "/orders/{id:int}/items", members=("items",), body=KINDS),
        op("orders.items_raw", "PUT", "/orders/{id:int}/items/raw", members=("items", "dry_run"), typed=False, body={**KINDS, **DRY}),
        op("orders.pay", "POST", "/orders/{id}:pay", members=("user_id",), reads=("user_id",), typed=False, bind=True),
        # A header that a rule judges.
        op("vault.read", "GET", "/vault/{key}", headers=TENANT),
        op("vault.write", "PUT", "/vault/{key}", members=("note",), headers=TENANT, body={"/note": ["ok", "käse"]}),
        op("vault.literal", "GET", "/café/menu"),
        op("vault.dots", "GET", "/.well-known/agent-card.json"),
    ]


#: JSON-RPC method, and what the upstream takes from `params` as which fact.
RPC: dict[str, tuple[str, dict[str, str]]] = {
    "initialize": ("initialize", {}), "ping": ("ping", {}), "notifications/initialized": ("notifications.initialized", {}),
    "logging/setLevel": ("logging.set_level", {}),
    "tools/list": ("tools.list", {}), "tools/call": ("tools.call", {"tool": "name"}),
    "resources/list": ("resources.list", {}), "resources/read": ("resources.read", {"uri": "uri"}),
    "resources/subscribe": ("resources.subscribe", {"uri": "uri"}), "prompts/get": ("prompts.get", {"prompt": "name"}),
    "tasks/get": ("tasks.get", {"task": "taskId"}), "tasks/cancel": ("tasks.cancel", {"task": "taskId"}),
}  # fmt: skip
RPC_SCOPES = {
    "tools.list": "mcp:tool:list", "tools.call": "mcp:tool:call", "resources.list": "mcp:resource:list",
    "resources.read": "mcp:resource:read", "resources.subscribe": "mcp:resource:subscribe", "prompts.get": "mcp:prompt:get",
    "tasks.get": "mcp:task:read", "tasks.cancel": "mcp:task:cancel", "respond": "mcp:respond",
    "logging.set_level": "mcp:logging:write",
}  # fmt: skip
RPC_PATH = "/mcp"

OPERATIONS: dict[str, Operation] = {op.id: op for op in _plain()}


def scopes(operation: str) -> tuple[str, ...]:
    """What a caller needs for an operation of either kind, before rules on models and tools."""
    if operation.startswith("mcp."):
        return (RPC_SCOPES.get(operation.removeprefix("mcp."), "mcp:connect"),)
    return OPERATIONS[operation].scopes


def all_scopes() -> list[str]:
    found = {s for op in OPERATIONS.values() for s in op.scopes}
    return sorted(found | set(MODELS) | set(TOOLS) | set(RPC_SCOPES.values()) | {"mcp:connect"})


def policy() -> dict:
    """The filter's policy for `OPERATIONS` and the JSON-RPC endpoint."""
    operations, rules = [], []
    for op in OPERATIONS.values():
        written = {"id": op.id, "method": op.method, "path": op.path, "scope": op.scopes[0], "tier": "write", **op.facts}
        if op.members:
            written["body"] = "json"
        operations.append(written)
        rule: dict[str, Any] = {"operation": op.id, "require": [op.scopes[1]]}
        if op.models:
            rule["models"] = MODELS
        if op.bind:
            rule["bind"] = {"user_id": "claims.email"}
        rules.append({**rule, **{key: value for key in ("query", "body", "headers") if (value := getattr(op, key))}})
    rules.append({"operation": "mcp.tools.call", "tools": TOOLS})
    rules.append({"operation": "mcp.tools.call", "arguments": ARGUMENTS})
    return {
        "policy": "differential",
        "mode": "enforce",
        "identity": {"issuers": [{
            "issuer": ISSUER, "audiences": [AUDIENCE], "scope_claim": "scope", "groups_claim": "groups", "max_lifetime": "1d",
            "jwks": {"cluster": "idp", "url": "http://idp.test/jwks.json", "refresh": "1h"},
        }]},
        "surfaces": [{"use": "mcp", "mount": RPC_PATH, "server": "github"}],
        "operations": operations,
        "rules": rules,
    }  # fmt: skip


_KINDS = {"literal": 0, "verb": 1, "int": 2, "name": 3, "tail": 4}


def _specificity(op: Operation) -> list[tuple[int, str]]:
    def of(segment: str) -> tuple[int, str]:
        if not segment.startswith("{"):
            return _KINDS["literal"], segment
        kind = "tail" if "..." in segment else "int" if ":int}" in segment else "verb" if "}:" in segment else "name"
        return _KINDS[kind], ""

    return [of(segment) for segment in op.path.strip("/").split("/")]


def in_route_order() -> list[Operation]:
    """Starlette takes the first route that matches; whoever writes one puts the specific ones first."""
    return sorted(OPERATIONS.values(), key=_specificity)
