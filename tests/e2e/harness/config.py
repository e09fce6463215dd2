"""The shipped envoy.yaml, moved to free ports and given a test's policy and upstreams.

Tests run what a platform team copies: nothing of the file is left out, and what is added here is listed in `Setup`.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
WASM = ROOT / "dist/scopewarden.wasm"
PANIC_WASM = ROOT / "dist/test/scopewarden-panic.wasm"
WASM_FILTER = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"


def shipped() -> dict:
    return yaml.safe_load((ROOT / "envoy.yaml").read_text())


@dataclass
class Setup:
    """What a test changes in the shipped configuration."""

    policy: dict
    #: Port of the default upstream and of the issuer.
    upstream: int
    issuer: int
    #: Routes in front of the default one: path prefix to (port, whether it speaks HTTP/2).
    routes: dict[str, tuple[int, bool]] = field(default_factory=dict)
    wasm: Path = WASM
    #: Gives the filter by ECDS from a file in this directory instead of inline.
    ecds: Path | None = None
    #: Last changes to the whole bootstrap.
    adjust: Callable[[dict], None] = lambda config: None
    #: Port of the approval service; without one, its cluster is left out.
    approvals: int | None = None
    #: Port of the sink of records; without one, its cluster is left out.
    audit: int | None = None


def http_manager(bootstrap: dict) -> dict:
    return bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]


def wasm_filter(bootstrap: dict) -> dict:
    return http_manager(bootstrap)["http_filters"][0]


def bootstrap(setup: Setup, listener: int, admin: int) -> dict:
    config = shipped()
    resources = config["static_resources"]
    config["admin"]["address"]["socket_address"]["port_value"] = admin
    resources["listeners"][0]["address"]["socket_address"]["port_value"] = listener
    ports = {
        "upstream": setup.upstream, "idp": setup.issuer, "approvals": setup.approvals, "audit": setup.audit,
    }
    resources["clusters"] = [c for c in resources["clusters"] if ports[c["name"]] is not None]
    for existing in resources["clusters"]:
        _move(existing, ports[existing["name"]])

    routes = http_manager(config)["route_config"]["virtual_hosts"][0]["routes"]
    for number, (prefix, (port, http2)) in enumerate(setup.routes.items()):
        name = f"extra-{number}"
        resources["clusters"].append(cluster(name, port, http2))
        routes.insert(-1, {"match": {"prefix": prefix}, "route": {"cluster": name, "timeout": "0s"}})

    plugin = wasm_filter(config)["typed_config"]["config"]
    plugin["vm_config"]["code"]["local"]["filename"] = str(setup.wasm)
    plugin["configuration"]["value"] = setup.policy
    if setup.ecds is not None:
        write_ecds(setup.ecds, wasm_filter(config)["typed_config"], setup.policy)
        http_manager(config)["http_filters"][0] = {
            "name": "scopewarden",
            "config_discovery": {
                "config_source": {
                    "path_config_source": {
                        "path": str(setup.ecds / "scopewarden.json"),
                        "watched_directory": {"path": str(setup.ecds)},
                    },
                    "resource_api_version": "V3",
                },
                "type_urls": [WASM_FILTER],
            },
        }
    setup.adjust(config)
    return config


def write_ecds(directory: Path, typed_config: dict, policy: dict) -> None:
    """Puts a policy in place the way Envoy notices it: a whole new file, renamed over the old one."""
    typed_config = copy.deepcopy(typed_config)
    typed_config["config"]["configuration"]["value"] = policy
    resource = {
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": "scopewarden",
        "typed_config": typed_config,
    }
    fresh = directory / "scopewarden.json.new"
    fresh.write_text(json.dumps({"resources": [resource]}))
    os.rename(fresh, directory / "scopewarden.json")


def cluster(name: str, port: int, http2: bool) -> dict:
    cluster = copy.deepcopy(next(c for c in shipped()["static_resources"]["clusters"] if c["name"] == "upstream"))
    cluster["name"] = cluster["load_assignment"]["cluster_name"] = name
    _move(cluster, port)
    if http2:
        options = cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
        options["explicit_http_config"] = {"http2_protocol_options": {}}
    return cluster


def _move(cluster: dict, port: int) -> None:
    endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    endpoint["address"]["socket_address"]["port_value"] = port
