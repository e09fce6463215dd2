"""The shipped envoy.yaml: Envoy takes it, and every hardening it promises is in it."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from harness.config import ROOT, http_manager, shipped, wasm_filter
from harness.envoy import envoy_binary

# Where in the connection manager, and what must be there.
HARDENING = {
    "normalize_path": True,
    "merge_slashes": True,
    "path_with_escaped_slashes_action": "REJECT_REQUEST",
    "strip_any_host_port": True,
    "strip_trailing_host_dot": True,
    "use_remote_address": True,
    "xff_num_trusted_hops": 0,
    "always_set_request_id_in_response": True,
    "preserve_external_request_id": False,
    "forward_client_cert_details": "SANITIZE",
    "request_headers_timeout": "10s",
    "stream_idle_timeout": "900s",
    "max_request_headers_kb": 32,
    "common_http_protocol_options.max_headers_count": 100,
    "common_http_protocol_options.headers_with_underscores_action": "REJECT_REQUEST",
    "http_protocol_options.enable_trailers": False,
    "http2_protocol_options.max_concurrent_streams": 100,
    "http2_protocol_options.initial_stream_window_size": 65536,
    "http2_protocol_options.initial_connection_window_size": 1048576,
}


def at(tree: dict, path: str):
    for key in path.split("."):
        tree = tree[key]
    return tree


def test_envoy_accepts_it():
    run = subprocess.run(
        [envoy_binary(), "--mode", "validate", "-c", "envoy.yaml"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "deprecated" not in run.stderr.lower(), "a deprecated setting"


@pytest.mark.parametrize("path", HARDENING)
def test_hardening(path):
    assert at(http_manager(shipped()), path) == HARDENING[path]


def test_headers_of_other_gateways_are_removed_early():
    mutations = http_manager(shipped())["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    assert {m["remove"] for m in mutations} >= {
        "x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url",
        "x-forwarded-host", "x-forwarded-prefix", "x-forwarded-uri", "forwarded", "x-scopewarden-decision",
    }


def test_the_filter_fails_closed_and_comes_first():
    plugin = wasm_filter(shipped())["typed_config"]["config"]
    assert plugin["failure_policy"] == "FAIL_RELOAD"
    assert plugin["allow_on_headers_stop_iteration"] is True
    assert plugin["vm_config"]["vm_id"]
    assert "fail_open" not in yaml.dump(shipped()).lower()


def test_hosts_are_exact_and_everything_else_is_misdirected():
    named, other = http_manager(shipped())["route_config"]["virtual_hosts"]
    assert "*" not in named["domains"]
    assert other["domains"] == ["*"]
    assert other["routes"] == [{"match": {"prefix": "/"}, "direct_response": other["routes"][0]["direct_response"]}]
    assert other["routes"][0]["direct_response"]["status"] == 421


def test_admin_is_on_loopback_and_overload_is_managed():
    config = shipped()
    assert config["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    assert len(config["overload_manager"]["resource_monitors"]) == 2
    triggers = {a["name"]: a["triggers"][0]["threshold"]["value"] for a in config["overload_manager"]["actions"]}
    assert triggers == {
        "envoy.overload_actions.shrink_heap": 0.90,
        "envoy.overload_actions.disable_http_keepalive": 0.92,
        "envoy.overload_actions.stop_accepting_requests": 0.95,
    }


def test_the_body_cap_is_the_filters_default():
    limits = (ROOT / "src/core/src/limits.rs").read_text()
    cap = re.search(r"DEFAULT_BODY_BYTES: usize = (\d+) \* 1024 \* 1024", limits)
    assert shipped()["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] == int(cap[1]) << 20


def test_routes_do_not_cut_streams_and_upstreams_take_bursts():
    config = shipped()
    routes = http_manager(config)["route_config"]["virtual_hosts"][0]["routes"]
    assert all(r["route"]["timeout"] == "0s" for r in routes if "route" in r)
    upstream = config["static_resources"]["clusters"][0]
    assert all(n >= 12500 for n in upstream["circuit_breakers"]["thresholds"][0].values())


@pytest.mark.parametrize("escape", ["%0a", "%00", "%1F", "%7f", "%25", "%2e", "%2E", "%c0", "%C1", "%f5", "%FF"])
def test_the_second_line_refuses_ambiguous_escapes(escape):
    assert re.fullmatch(second_line(), f"/v1/models{escape}x")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/ft%3Amine", "/v1/models/caf%C3%A9", "/v1/models/a%20b"])
def test_the_second_line_lets_plain_escapes_pass(path):
    assert not re.fullmatch(second_line(), path)


def second_line() -> str:
    routes = http_manager(shipped())["route_config"]["virtual_hosts"][0]["routes"]
    return routes[0]["match"]["safe_regex"]["regex"]
