"""What docs/envoy.md and docs/istio.md show: the YAML loads into Envoy, the commands run."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml

from conftest import load_policy
from harness import raw
from harness.config import ROOT, WASM, http_manager, shipped, wasm_filter
from harness.envoy import envoy_binary, wait_for

CODE = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.M | re.S)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text()
    found = [re.sub(f"(?m)^{m[1]}", "", m[3]) for m in CODE.finditer(text) if m[2] == language]
    assert found, f"no {language} in {page}"
    return found


def block(page: str, starts: str) -> list[dict]:
    return [yaml.safe_load(b) for b in blocks(page, "yaml") if b.startswith(starts)]


def with_filter(http_filter: dict) -> dict:
    """The shipped configuration with this filter in place of its own."""
    config = json.loads(json.dumps(shipped()).replace("dist/scopewarden.wasm", str(WASM)))
    http_manager(config)["http_filters"][0] = http_filter
    return config


def validate(config: dict, directory) -> None:
    text = json.dumps(config).replace("/etc/scopewarden/scopewarden.wasm", str(WASM))
    path = directory / "envoy.json"
    path.write_text(text.replace("/etc/scopewarden/ecds", str(directory)))
    run = subprocess.run([envoy_binary(), "--mode", "validate", "-c", str(path)], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr[-2000:]


def test_every_example_is_looked_at():
    starts = {b.split("\n")[0] for b in blocks("envoy.md", "yaml")}
    assert starts == {"http_filters:", "clusters:", "resources:"}
    assert [b["kind"] for b in map(yaml.safe_load, blocks("istio.md", "yaml"))] == ["EnvoyFilter", "ClientTrafficPolicy"]


def test_the_inline_filter(tmp_path):
    inline = block("envoy.md", "http_filters:")[0]["http_filters"][0]
    validate(with_filter(inline), tmp_path)
    assert hardening(inline) == hardening(wasm_filter(shipped()))


def test_the_cluster(tmp_path):
    config = with_filter(wasm_filter(shipped()))
    wasm_filter(config)["typed_config"]["config"]["vm_config"]["code"]["local"]["filename"] = str(WASM)
    cluster = block("envoy.md", "clusters:")[0]["clusters"][0]
    config["static_resources"]["clusters"] = [c for c in config["static_resources"]["clusters"] if c["name"] != "idp"]
    config["static_resources"]["clusters"].append(cluster)
    validate(config, tmp_path)


def test_the_filter_from_a_file(tmp_path, start, issuer):
    resource = block("envoy.md", "resources:")[0]
    discovery = block("envoy.md", "http_filters:")[1]["http_filters"][0]
    assert resource["resources"][0]["name"] == discovery["name"]
    assert hardening(resource["resources"][0]) == hardening(wasm_filter(shipped()))
    (tmp_path / "scopewarden.yaml").write_text(yaml.dump(resource))
    validate(with_filter(discovery), tmp_path)

    # Validation only looks whether the file is there: let a running Envoy take it.
    directory = tmp_path / "ecds"
    directory.mkdir()
    envoy = start(load_policy(), ecds=directory)
    taken = "extension_config_discovery.http_filter.scopewarden.config_reload"
    before = envoy.stat(taken)
    (directory / "new").write_text(json.dumps(resource).replace("/etc/scopewarden/scopewarden.wasm", str(WASM)))
    (directory / "new").rename(directory / "scopewarden.json")
    wait_for(lambda: envoy.stat(taken) > before, "the documented file to be taken")
    assert raw.request(envoy.port, "GET", "/v1/models").decision["reason"] == "token_missing"


def test_istio(tmp_path):
    patches = yaml.safe_load(blocks("istio.md", "yaml")[0])["spec"]["configPatches"]
    by_kind = {p["applyTo"]: p["patch"]["value"] for p in patches}
    inline = by_kind["EXTENSION_CONFIG"]
    validate(with_filter(inline), tmp_path)
    assert hardening(inline) == hardening(wasm_filter(shipped()))
    assert by_kind["HTTP_FILTER"]["name"] == inline["name"]
    listener = shipped()["static_resources"]["listeners"][0]
    assert by_kind["LISTENER"]["per_connection_buffer_limit_bytes"] == listener["per_connection_buffer_limit_bytes"]


def hardening(http_filter: dict) -> dict:
    plugin = http_filter["typed_config"]["config"]
    names = ["name", "root_id", "failure_policy", "reload_config", "allow_on_headers_stop_iteration"]
    return {name: plugin[name] for name in names} | {"vm_id": plugin["vm_config"]["vm_id"]}


@pytest.fixture
def shell(tmp_path, envoy):
    """Runs a documented command where a reader would: the program on the path, a policy beside it, Envoy up."""
    (tmp_path / "policy.yaml").write_text((ROOT / "tests/e2e/policies/main.yaml").read_text())
    program = os.path.dirname(os.path.abspath(os.environ["SCOPEWARDEN"]))
    environment = {**os.environ, "PATH": f"{program}:{os.environ['PATH']}"}

    def run(command: str) -> str:
        command = command.replace(":9901/", f":{envoy.admin_port}/")
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.mark.parametrize("command", [line for page in ["envoy.md", "istio.md"] for b in blocks(page, "sh") for line in b.splitlines()])
def test_commands(shell, envoy, issuer, command):
    raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read"))
    output = shell(command)
    if "render" in command:
        assert "allow_on_headers_stop_iteration: true" in output and "FAIL_RELOAD" in output
    if "curl" in command:
        assert 'decision="allow"' in output
