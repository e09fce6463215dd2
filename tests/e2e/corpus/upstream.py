"""The API behind Envoy. It journals every route that it runs, with all that the route saw.

It believes what careless applications believe: headers that override method and path, any content type, encoded bodies,
members in another case. FastAPI does none of that by itself; some upstream does each of it.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import FastAPI, Header, Query, Request, Response, WebSocket
from pydantic import BaseModel


@dataclass
class Ran:
    """One route, run."""

    route: str
    target: bytes
    headers: list[tuple[bytes, bytes]]
    #: What it read, by name: parameters, members, the tool.
    seen: dict[str, Any] = field(default_factory=dict)


class Chat(BaseModel):
    model: str


class Order(BaseModel):
    amount: int


class Team(BaseModel):
    user_id: str | None = None


def ran(request: Request | WebSocket, route: str, **seen: Any) -> Response:
    scope = request.scope
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    request.app.state.journal.append(Ran(route, target, list(scope["headers"]), seen))
    return Response(b"{}", media_type="application/json", headers={"x-ran": route})


async def anything(request: Request) -> dict:
    """JSON whatever the content type says, inflated; or a form, of which the last field of a name counts."""
    body = await request.body()
    if "form" in request.headers.get("content-type", ""):
        return dict((await request.form()).multi_items())
    if "gzip" in request.headers.get("content-encoding", ""):
        body = gzip.decompress(body)
    return json.loads(body)


def application() -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.state.journal = []

    @app.get("/public/{name}")
    async def public_read(request: Request, name: str):
        return ran(request, "public.read", name=name)

    @app.api_route("/admin", methods=["GET", "POST", "DELETE"])
    async def admin(request: Request):
        name = {"GET": "read", "POST": "write", "DELETE": "delete"}[request.method]
        return ran(request, f"admin.{name}")

    @app.get("/sessions/{id}")
    async def sessions_read(request: Request, id: str):
        return ran(request, "sessions.read", id=id)

    @app.delete("/sessions/{id}")
    async def sessions_remove(request: Request, id: str):
        return ran(request, "sessions.remove", id=id)

    @app.get("/sessions/{id}/delete")
    async def sessions_delete(request: Request, id: str):
        return ran(request, "sessions.delete", id=id)

    @app.get("/runs/purge-all")
    async def runs_purge(request: Request):
        return ran(request, "runs.purge")

    @app.get("/runs/{id}")
    async def runs_read(request: Request, id: str):
        return ran(request, "runs.read", id=id)

    @app.get("/files/secret/{path:path}")
    async def files_secret(request: Request, path: str):
        return ran(request, "files.secret", path=path)

    @app.get("/files/{path:path}")
    async def files_read(request: Request, path: str):
        return ran(request, "files.read", path=path)

    @app.post("/uploads")
    async def uploads_create(request: Request):
        return ran(request, "uploads.create", size=len(await request.body()))

    @app.get("/teams/")
    async def teams_list(request: Request, user_id: str | None = None):
        return ran(request, "teams.list", user_id=user_id)

    @app.post("/teams/")
    async def teams_create(request: Request, team: Team, user_id: str | None = None):
        return ran(request, "teams.create", user_id=user_id, body_user_id=team.user_id)

    @app.get("/reports")
    async def reports_list(request: Request, view: str = "everything", views: Annotated[list[str] | None, Query(alias="view")] = None):
        return ran(request, "reports.list", views=[view, *(views or [])])

    @app.get("/vault")
    async def vault_read(request: Request, x_role: Annotated[list[str] | None, Header()] = None):
        return ran(request, "vault.read", roles=x_role)

    @app.post("/chat")
    async def chat_create(request: Request, chat: Chat):
        return ran(request, "chat.create", model=chat.model)

    @app.post("/chat/any")
    async def chat_any(request: Request):
        return ran(request, "chat.any", model=(await anything(request))["model"])

    @app.post("/orders")
    async def orders_create(request: Request, order: Order):
        return ran(request, "orders.create", amount=order.amount)

    @app.websocket("/events")
    async def events_open(socket: WebSocket):
        ran(socket, "events.open")
        await socket.accept(headers=[(b"x-ran", b"events.open")])

    @app.post("/mcp")
    async def mcp(request: Request):
        """Runs every message of a batch, and folds the case of names as some languages' decoders do."""
        message = await anything(request)
        for one in message if isinstance(message, list) else [message]:
            one = {name.lower(): value for name, value in one.items()}
            params = one.get("params") or {}
            params = {name.lower(): value for name, value in params.items()} if isinstance(params, dict) else {}
            told = ran(request, "mcp", method=one.get("method"), tool=params.get("name"), arguments=params.get("arguments"))
        return told

    return app


class Gullible:
    """Does what override headers ask for, and marks what it answers."""

    METHOD = (b"x-http-method-override", b"x-http-method", b"x-method-override")
    PATH = (b"x-original-url", b"x-original-uri", b"x-rewrite-url", b"x-forwarded-uri")

    def __init__(self) -> None:
        self.app = application()
        self.journal: list[Ran] = self.app.state.journal

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        for name, value in scope["headers"]:
            if name in self.METHOD and "method" in scope:
                scope["method"] = value.decode("latin-1").upper()
            elif name in self.PATH:
                scope["path"], scope["raw_path"] = value.decode("latin-1"), value

        async def marked(message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message["headers"], (b"x-upstream", b"yes")]
            await send(message)

        await self.app(scope, receive, marked)
