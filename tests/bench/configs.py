"""Every side of the comparison as an Envoy configuration. All share one listener; only the HTTP filters differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tokens import AUDIENCE, ISSUER, Issuer

TYPE = "type.googleapis.com/envoy.extensions.filters.http."
HEAD_PATH = "/v1/models"
OWN_OPERATIONS = 1000
#: The last of the own operations: a linear search would meet it last.
OWN_PATH = f"/acme/things/{OWN_OPERATIONS - 1}/7/rotate"
CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Sides:
    """What the configurations are made of."""

    issuer: Issuer
    wasm: Path
    empty_wasm: Path
    upstream_port: int
    authz_port: int
    events_port: int
    processor_port: int


def policy(issuer: Issuer, own_operations: int = 0) -> dict:
    """All packs, each on a mount of its own, and so many operations of one's own."""
    document = {
        "policy": "bench",
        "mode": "enforce",
        "identity": {
            "issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"inline": issuer.jwks()}, "scope_claim": "scope"}],
        },
        "surfaces": [
            {"use": "openai", "mount": "/v1"},
            {"use": "mcp", "mount": "/mcp", "server": "github"},
            {"use": "a2a", "mount": "/a2a"},
            {"use": "autogen-studio", "mount": "/api"},
            {"use": "autogen-studio-ui", "mount": "/studio"},
            {"use": "autogen-serve", "mount": "/serve"},
            {"use": "agent-framework", "mount": "/devui"},
            {"use": "autogen-grpc", "mount": "/"},
        ],
    }
    if own_operations:
        document["operations"] = [
            {
                "id": f"acme.thing{n}.rotate", "method": "GET", "path": f"/acme/things/{n}/{{key}}/rotate",
                "scope": "bench:use", "tier": "write",
            }
            for n in range(own_operations)
        ]
    return document


def wasm(module: Path, configuration: dict | None = None) -> dict:
    config = {
        "name": "bench", "root_id": "bench", "failure_policy": "FAIL_RELOAD", "allow_on_headers_stop_iteration": True,
        "vm_config": {"vm_id": "bench", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(module)}}},
    }
    if configuration is not None:
        config["configuration"] = {"@type": "type.googleapis.com/google.protobuf.Struct", "value": configuration}
    return _filter("wasm", "wasm.v3.Wasm", {"config": config})


def native(issuer: Issuer, cached: bool) -> list[dict]:
    """`jwt_authn` and `rbac` doing the least that protects this one operation: method, path, and the scope that it needs."""
    provider = {
        "issuer": ISSUER, "audiences": [AUDIENCE], "payload_in_metadata": "payload",
        "local_jwks": {"inline_string": json.dumps(issuer.jwks())},
    }
    if cached:
        provider["jwt_cache_config"] = {"jwt_cache_size": 2048}
    permission = [
        {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
        {"url_path": {"path": {"exact": HEAD_PATH}}},
    ]
    scope = {
        "filter": "envoy.filters.http.jwt_authn", "path": [{"key": "payload"}, {"key": "scope"}],
        "value": {"string_match": {"contains": "autogen:model:read"}},
    }
    rules = {
        "action": "ALLOW",
        "policies": {"models": {"permissions": [{"and_rules": {"rules": permission}}], "principals": [{"metadata": scope}]}},
    }
    return [
        _filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", {
            "providers": {"idp": provider}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
        }),
        _filter("rbac", "rbac.v3.RBAC", {"rules": rules}),
    ]


def ext_authz() -> dict:
    service = {"envoy_grpc": {"cluster_name": "authz"}, "timeout": "5s"}
    return _filter("ext_authz", "ext_authz.v3.ExtAuthz", {"grpc_service": service, "transport_api_version": "V3"})


def ext_proc() -> dict:
    """Each chunk of the response goes to the service, and nothing else does."""
    mode = {"request_header_mode": "SKIP", "response_header_mode": "SKIP", "response_body_mode": "STREAMED"}
    service = {"envoy_grpc": {"cluster_name": "processor"}, "timeout": "5s"}
    return _filter("ext_proc", "ext_proc.v3.ExternalProcessor", {"grpc_service": service, "processing_mode": mode})


def lua(statement: str) -> dict:
    code = f"function envoy_on_request(handle)\n  local body = handle:body()\n  {statement}\nend\n"
    return _filter("lua", "lua.v3.Lua", {"default_source_code": {"inline_string": code}})


def bootstrap(sides: Sides, filters: list[dict], upstream: str | None, listener: int, admin: int) -> dict:
    """One listener whose route answers by itself, or goes to that upstream where a body matters."""
    action = {"route": {"cluster": upstream}} if upstream else {"direct_response": {"status": 200, "body": {"inline_string": "ok"}}}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "http_filters": [*filters, _filter("router", "router.v3.Router", {})],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **action}]}]},
    }
    return {
        "admin": {"address": _address(admin)},
        "static_resources": {
            "listeners": [{
                "address": _address(listener),
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
            }],
            "clusters": [
                _cluster("upstream", sides.upstream_port, False),
                _cluster("events", sides.events_port, False),
                _cluster("authz", sides.authz_port, True),
                _cluster("processor", sides.processor_port, True),
            ],
        },
    }


def _filter(name: str, kind: str, config: dict) -> dict:
    return {"name": name, "typed_config": {"@type": TYPE + kind, **config}}


def _address(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int, http2: bool) -> dict:
    explicit = {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {}}
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": explicit,
    }
    return {
        "name": name, "type": "STATIC", "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }
