"""The application behind Envoy: a route for each operation, which tells what it read. Runs as a process of its own.

`python -m differential.upstream` prints its port. Every answer carries `x-case` of the request it is for.
"""

from __future__ import annotations

import json
import socket
from inspect import Parameter, Signature
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, Query, Request, Response
from pydantic import ConfigDict, create_model

from .catalogue import OPERATIONS, RPC, RPC_PATH, Operation, in_route_order

ARRIVALS = "/__arrivals"
MEMBERS: dict[str, Any] = {
    "model": (str, ...), "user_id": (str | None, None), "amount": (int, 0), "dry_run": (bool, False), "note": (str | None, None),
    "options": (dict[str, Any], {}), "items": (list[dict[str, Any]], []),
}  # fmt: skip


def told(route: str, **seen: Any) -> Response:
    """`json.dumps` keeps what Starlette's own answer refuses to send: lone surrogates and NaN."""
    return Response(json.dumps({"route": route, **seen}), media_type="application/json")


def handler(op: Operation):
    """A route function with the signature that a person would write for `op`."""
    keyword = Parameter.KEYWORD_ONLY
    parameters = [Parameter("request", keyword, annotation=Request)]
    parameters += [Parameter(name, keyword, annotation=kind) for name, kind in op.parameters]
    for name in op.reads:
        parameters.append(Parameter(f"query_{name}", keyword, default=None, annotation=Annotated[str | None, Query(alias=name)]))
    for name in op.headers:
        header = Annotated[str | None, Header(alias=name)]
        parameters.append(Parameter("header_" + name.replace("-", "_"), keyword, default=None, annotation=header))
    if op.members and op.typed:
        fields = {name: MEMBERS[name] for name in op.members}
        model = create_model(op.id, __config__=ConfigDict(protected_namespaces=()), **fields)
        parameters.append(Parameter("body", keyword, annotation=model))

    async def run(request: Request, body: Any = None, **arguments: Any) -> Response:
        if op.members:
            body = body.model_dump(exclude_unset=True) if op.typed else await request.json()
        return told(
            op.id,
            path={name: arguments[name] for name, _ in op.parameters},
            query={name: arguments[f"query_{name}"] for name in op.reads},
            headers={name: arguments["header_" + name.replace("-", "_")] for name in op.headers},
            body=body,
        )

    run.__signature__ = Signature(parameters)
    return run


async def rpc(request: Request) -> Response:
    """A JSON-RPC server as plain as they come: whatever `json.loads` makes of the message is dispatched."""
    message = await request.json()
    if "method" not in message and ("result" in message or "error" in message):
        return told("mcp.respond", body=message)
    operation, facts = RPC[message["method"]]
    params = message.get("params") or {}
    return told(f"mcp.{operation}", facts={fact: params[name] for fact, name in facts.items()}, body=message)


def application() -> FastAPI:
    app = FastAPI(openapi_url=None)
    for op in in_route_order():
        app.add_api_route(op.route, handler(op), methods=[op.method], name=op.id, response_model=None)
    app.add_api_route(RPC_PATH, rpc, methods=["POST"], response_model=None)
    assert len(app.routes) >= len(OPERATIONS)
    return app


class Counted:
    """Counts what arrives and marks what is answered."""

    def __init__(self, app: FastAPI) -> None:
        self.app, self.arrivals = app, 0

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"] == ARRIVALS:
            return await Response(str(self.arrivals))(scope, receive, send)
        self.arrivals += 1
        case = next((value for name, value in scope["headers"] if name == b"x-case"), b"none")

        async def marked(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-case", case)]
            await send(message)

        await self.app(scope, receive, marked)


def main() -> None:
    # With the protocol given, asyncio turns Nagle's algorithm off; without it each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        Counted(application()), http="httptools", log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=3600
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
