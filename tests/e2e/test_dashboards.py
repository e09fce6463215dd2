"""The Grafana dashboard and the Prometheus rules: they load, they ask for what there is, and they say what they should."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from conftest import closing, load_policy
from harness import raw
from harness.config import ROOT
from harness.envoy import wait_for
from harness.prometheus import DASHBOARDS, MISSING, PROMETHEUS, PROMTOOL, RULES, Prometheus, promtool

needs_prometheus = pytest.mark.skipif(not (PROMETHEUS and PROMTOOL), reason=MISSING)

DASHBOARD = json.loads((DASHBOARDS / "scopewarden.grafana.json").read_text())
#: What Envoy counts about the filter, whatever the filter is.
ENVOY = {
    "envoy_wasm_scopewarden_vm_reload", "envoy_wasm_scopewarden_vm_reload_success", "envoy_wasm_scopewarden_vm_reload_failure",
    "envoy_extension_config_discovery_http_filter_scopewarden_config_reload",
    "envoy_extension_config_discovery_http_filter_scopewarden_update_rejected",
}
#: What the audit collector counts.
COLLECTOR = {
    "scopewarden_audit_records_accepted_total", "scopewarden_audit_duplicates_total", "scopewarden_audit_conflicts_total",
    "scopewarden_audit_rejected_total", "scopewarden_audit_bytes_total", "scopewarden_audit_unavailable_total",
    "scopewarden_audit_unauthenticated_total", "scopewarden_audit_broken_links_total",
    "scopewarden_audit_mirror_failures_total", "scopewarden_audit_checkpoint_size", "scopewarden_audit_index_lag_records",
    "scopewarden_audit_fsync_seconds",
}


def panels() -> list[dict]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def asked() -> dict[str, str]:
    """Every query of the dashboard by a name, as Grafana sends it for all proxies and five minutes."""
    queries = {
        f"{panel['title']} {target['refId']}": target["expr"] for panel in panels() for target in panel["targets"]
    }
    queries |= {a["name"]: a["expr"] for a in DASHBOARD["annotations"]["list"]}
    for variable, value in {"$__rate_interval": "5m", "$__range": "5m", "$instance": ".*"}.items():
        queries = {name: query.replace(variable, value) for name, query in queries.items()}
    assert not [query for query in queries.values() if "$" in query]
    return queries


def rules() -> Iterator[dict]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


def queries() -> list[str]:
    return [*asked().values(), *(rule["expr"] for rule in rules())]


def counted() -> set[str]:
    """Every metric of ours: those in the tables of the documentation."""
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("*.md"))
    return set(re.findall(r"^\| `(scopewarden_\w+)` \|", pages, re.M)) | COLLECTOR


def kept(source: object, read: object) -> bool:
    """Whether all of `source` is in `read`, which may have defaults beside it."""
    if isinstance(source, dict):
        return isinstance(read, dict) and all(name in read and kept(value, read[name]) for name, value in source.items())
    if isinstance(source, list):
        return isinstance(read, list) and len(source) == len(read) and all(map(kept, source, read))
    return source == read


def test_grafana_reads_the_dashboard_and_loses_nothing():
    """Grafana's own types of a dashboard, its panels' options and its queries: what they do not know is dropped."""
    register_default_plugins()
    read = Dashboard.from_json(DASHBOARD)
    assert kept(DASHBOARD, json.loads(json.dumps(read, cls=JSONEncoder)))
    assert not kept({**DASHBOARD, "pannels": []}, json.loads(json.dumps(read, cls=JSONEncoder)))


def test_panels_say_what_they_show_and_do_not_overlap():
    everything = DASHBOARD["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert not cells & taken, panel["title"]
        taken |= cells
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source["uid"] == "${datasource}" for source in sources), panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    down = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in everything)
    assert len(taken) == 24 * down, "there are holes"


def test_every_metric_that_is_asked_for_exists():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    known = counted() | ENVOY | recorded
    known |= {f"{name}_bucket" for name in known}
    for query in queries():
        used = set(re.findall(r"\b(?:scopewarden|envoy)[_:][\w:]+", query))
        assert used, query
        assert used <= known, query


def test_every_metric_is_shown():
    used = set(re.findall(r"\bscopewarden_\w+", " ".join(asked().values())))
    assert counted() == {name.removesuffix("_bucket") for name in used}


def test_every_value_that_is_asked_for_is_a_value():
    reasons = set(re.findall(r'= "([a-z0-9_]+)", \d{3};', (ROOT / "src/core/src/reason.rs").read_text()))
    known = {
        "decision": {"allow", "deny", "shadow_deny"},
        "tier": {"read", "infer", "write", "execute", "destroy", "admin"},
        "outcome": {"ok", "failed", "written", "acknowledged", "dropped", "refused"},
        "reason": reasons | {"ok"},
        "instance": {".*"},
    }
    assert len(reasons) > 50
    for query in queries():
        for label, how, pattern in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', query):
            for wanted in pattern.split("|") if how == "=~" else [pattern]:
                assert any(re.fullmatch(wanted, value) for value in known[label] | {".*"}), (label, wanted)


def test_alerts_say_what_to_do():
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"].keys() == {"summary", "description"}
        assert alert["annotations"]["description"].endswith(".")


def test_every_alert_is_documented():
    page = (ROOT / "docs/dashboards.md").read_text()
    documented = dict(re.findall(r"^\| `(Scopewarden\w+)` \| (\w+) \|", page, re.M))
    assert documented == {rule["alert"]: rule["labels"]["severity"] for rule in rules() if "alert" in rule}


def test_every_alert_is_tested():
    cases = yaml.safe_load((DASHBOARDS / "scopewarden.rules.test.yaml").read_text())["tests"]
    fired = {
        test["alertname"] for case in cases for test in case.get("alert_rule_test", []) if test["exp_alerts"]
    }
    assert fired == {rule["alert"] for rule in rules() if "alert" in rule}


@needs_prometheus
def test_the_rules_load_and_fire_when_they_should(tmp_path):
    promtool("check", "rules", "--lint-fatal", RULES)
    promtool("test", "rules", DASHBOARDS / "scopewarden.rules.test.yaml")
    # Each query of the dashboard, read by Prometheus's own parser.
    recorded = [{"record": f"query:{n}", "expr": query} for n, query in enumerate(asked().values())]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    promtool("check", "rules", "--lint-fatal", file)


@needs_prometheus
def test_a_real_prometheus_finds_what_a_real_envoy_counts(start, issuer, tmp_path):
    directory = tmp_path / "ecds"
    directory.mkdir()
    envoy = start({**load_policy(), "mode": "shadow"}, ecds=directory)
    with closing(Prometheus(tmp_path, {"envoy": f"127.0.0.1:{envoy.admin_port}/stats/prometheus"})) as prometheus:
        raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read"))

        def rose() -> bool:
            raw.request(envoy.port, "GET", "/v1/models", issuer.token("autogen:model:read"))
            raw.request(envoy.port, "DELETE", "/v1/models/m", issuer.token("autogen:model:read"))
            return {s["metric"].get("decision") for s in prometheus.ask("scopewarden:decisions:rate5m > 0")} >= {"allow", "shadow_deny"}

        wait_for(rose, "Prometheus to have seen requests", 30, every=0.2)
        loaded = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
        assert len(loaded) == len(list(rules()))
        assert {rule["health"] for rule in loaded} == {"ok"}
        found = {name: prometheus.ask(query) for name, query in asked().items()}
    for name in ["Requests A", "Refused A", "Would be refused A", "Decision time, median A", "Decisions A", "Filter crashes A",
                 "What shadow rules would refuse A", "Filter restarts A", "Policy updates A", "Key fetches A"]:
        assert found[name], name
    (shadowed,) = found["Would be refused A"]
    assert 0.2 < float(shadowed["value"][1]) < 0.8
