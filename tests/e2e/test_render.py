"""`scopewarden render`: Envoy takes what it prints, and readers of YAML 1.1 read the same policy from it."""

from __future__ import annotations

import json
import os
import subprocess

import jsonschema
import pytest
import yaml

from conftest import POLICIES, load_policy
from harness.config import ROOT, WASM, shipped, wasm_filter
from test_docs import hardening, validate, with_filter

PROGRAM = os.environ.get("SCOPEWARDEN", "scopewarden")


def render(target: str, *options: str, policy: str = "main") -> list[dict]:
    command = [PROGRAM, "render", target, "--policy", str(POLICIES / f"{policy}.yaml"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    # PyYAML reads YAML 1.1, as Kubernetes' tools do: a plain `on` would be a boolean.
    return list(yaml.safe_load_all(done.stdout))


def written(name: str) -> dict:
    """The policy as it was written: a plain `on` is a name in YAML 1.2."""

    def mend(value):
        match value:
            case dict():
                return {"on" if key is True else key: mend(member) for key, member in value.items()}
            case list():
                return [mend(item) for item in value]
        return value

    return mend(load_policy(name))


def policy_of(http_filter: dict) -> dict:
    return http_filter["typed_config"]["config"]["configuration"]["value"]


@pytest.mark.parametrize("policy", ["main", "studio"])
def test_envoy(tmp_path, policy):
    [document] = render("envoy", "--wasm", str(WASM), policy=policy)
    [http_filter] = document["http_filters"]
    assert policy_of(http_filter) == written(policy)
    assert hardening(http_filter) == hardening(wasm_filter(shipped()))
    config = with_filter(http_filter)
    resources = config["static_resources"]
    resources["listeners"][0]["per_connection_buffer_limit_bytes"] = document["per_connection_buffer_limit_bytes"]
    names = [cluster["name"] for cluster in document["clusters"]]
    resources["clusters"] = [c for c in resources["clusters"] if c["name"] not in names] + document["clusters"]
    validate(config, tmp_path)


def test_envoy_with_an_issuer_behind_tls(tmp_path):
    page = (ROOT / "tests/cli/files/policy.yaml").read_text()
    policy = tmp_path / "policy.yaml"
    policy.write_text(page)
    done = subprocess.run([PROGRAM, "render", "envoy", "--policy", policy], capture_output=True, text=True, timeout=30)
    document = yaml.safe_load(done.stdout)
    config = with_filter(document["http_filters"][0])
    resources = config["static_resources"]
    resources["clusters"] = [c for c in resources["clusters"] if c["name"] != "idp"] + document["clusters"]
    assert resources["clusters"][-1]["transport_socket"]
    validate(config, tmp_path)


def test_istio(tmp_path):
    filter_, *issuers = render("istio")
    assert [document["kind"] for document in issuers] == ["ServiceEntry"]
    patches = {patch["applyTo"]: patch["patch"]["value"] for patch in filter_["spec"]["configPatches"]}
    assert patches["HTTP_FILTER"]["name"] == patches["EXTENSION_CONFIG"]["name"]
    assert policy_of(patches["EXTENSION_CONFIG"]) == written("main")
    assert hardening(patches["EXTENSION_CONFIG"]) == hardening(wasm_filter(shipped()))
    validate(with_filter(patches["EXTENSION_CONFIG"]), tmp_path)


def test_envoy_gateway(tmp_path):
    patch_policy, traffic = render("envoy-gateway")
    first, *clusters = (patch["operation"]["value"] for patch in patch_policy["spec"]["jsonPatches"])
    assert policy_of(first) == written("main")
    assert hardening(first) == hardening(wasm_filter(shipped()))
    config = with_filter(first)
    resources = config["static_resources"]
    resources["clusters"] = [c for c in resources["clusters"] if c["name"] != "idp"] + clusters
    validate(config, tmp_path)
    limit = shipped()["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"]
    assert traffic["spec"]["connection"]["bufferLimit"] == limit


@pytest.mark.parametrize("policy", [path.stem for path in POLICIES.glob("*.yaml")])
def test_the_schema_takes_what_the_compiler_takes(policy):
    schema = json.loads(subprocess.run([PROGRAM, "schema"], capture_output=True, text=True, check=True).stdout)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    validator.validate(written(policy))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(written(policy) | {"moed": "shadow"})
