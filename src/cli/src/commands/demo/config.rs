//! The demonstration's Envoy configuration: the project's own `envoy.yaml`, with other addresses.

use std::net::SocketAddr;
use std::path::Path;

use scopewarden_core::node::Node;
use serde_json::{Value, json};

use crate::source::Source;

/// What `make run` starts and a platform team copies from.
pub(super) const ENVOY_YAML: &str = include_str!("../../../../../envoy.yaml");

/// The identity provider's address in `envoy.yaml`.
const ISSUER: &str = "127.0.0.1:18081";

/// What differs from `envoy.yaml`.
pub(super) struct Setup<'a> {
    /// Where callers come.
    pub port: u16,
    /// Envoy's admin port.
    pub admin_port: u16,
    /// The API to guard.
    pub upstream: Upstream,
    /// The identity provider.
    pub issuer: SocketAddr,
    /// The approval service, for proxies.
    pub approvals: SocketAddr,
    /// The collector, for proxies.
    pub records: SocketAddr,
    /// The filter.
    pub wasm: &'a Path,
    /// The policy.
    pub policy: &'a Node,
    /// The policy's body cap in bytes.
    pub body: usize,
}

/// The API to guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upstream {
    pub host: String,
    pub port: u16,
    /// What it wants in `authorization`; `None` sends the demonstration's.
    pub key: Option<String>,
}

/// The policy inside `envoy.yaml`, for an identity provider at `issuer`.
pub(super) fn policy(issuer: SocketAddr) -> Result<Source, String> {
    let config = document(issuer)?;
    let policy = filter(&config).and_then(|f| f.pointer(POLICY)).ok_or(SHAPE)?;
    Source::from_bytes("envoy.yaml", policy.to_string().as_bytes())
}

/// A policy whose approvals are asked for, and whose records are collected, by the demonstration's own service.
pub(super) fn with_service(
    policy: &Node,
    questions: SocketAddr,
    keys: &Value,
    records: SocketAddr,
) -> Result<Node, String> {
    let mut policy = Value::from(policy);
    let section = |policy: &mut Value, name: &str, members: Value| {
        if let (Some(section), Value::Object(members)) =
            (policy.get_mut(name).and_then(Value::as_object_mut), members)
        {
            section.extend(members);
        }
    };
    let approvals = json!({
        "cluster": "approvals",
        "url": format!("http://{questions}/v1/approvals"),
        "verdict_keys": { "inline": keys },
    });
    section(&mut policy, "approvals", approvals);
    let audit = json!({ "cluster": "audit", "url": format!("http://{records}/v1/logs") });
    section(&mut policy, "audit", audit);
    Node::from_json(policy.to_string().as_bytes()).map_err(|e| e.to_string())
}

/// Where the policy is in the filter's entry.
const POLICY: &str = "/typed_config/config/configuration/value";
const FILTERS: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const ROUTES: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
const SHAPE: &str = "envoy.yaml does not have the shape that the demonstration knows";

fn document(issuer: SocketAddr) -> Result<Value, String> {
    let text = ENVOY_YAML.replace(ISSUER, &issuer.to_string());
    let source = Source::from_bytes("envoy.yaml", text.as_bytes())?;
    Ok(Value::from(&source.node().ok_or(SHAPE)?))
}

fn filter(config: &Value) -> Option<&Value> {
    config.pointer(FILTERS)?.as_array()?.iter().find(|f| named(f, "scopewarden"))
}

fn named(value: &Value, name: &str) -> bool {
    value.get("name").and_then(Value::as_str) == Some(name)
}

/// Envoy's configuration as JSON, which Envoy reads as well.
pub(super) fn envoy(setup: &Setup<'_>) -> Result<String, String> {
    let mut config = document(setup.issuer)?;
    change(&mut config, setup).ok_or(SHAPE)?;
    Ok(format!("{config:#}"))
}

fn change(config: &mut Value, setup: &Setup<'_>) -> Option<()> {
    let port = "/address/socket_address/port_value";
    *config.pointer_mut("/admin")?.pointer_mut(port)? = json!(setup.admin_port);
    let listener = config.pointer_mut("/static_resources/listeners/0")?;
    *listener.pointer_mut(port)? = json!(setup.port);
    *listener.get_mut("per_connection_buffer_limit_bytes")? = json!(setup.body);

    let filters = config.pointer_mut(FILTERS)?.as_array_mut()?;
    let filter = filters.iter_mut().find(|f| named(f, "scopewarden"))?;
    *filter.pointer_mut(POLICY)? = Value::from(setup.policy);
    *filter.pointer_mut("/typed_config/config/vm_config/code/local/filename")? =
        json!(setup.wasm.to_str()?);

    set_endpoint(config, "idp", &setup.issuer.ip().to_string(), setup.issuer.port())?;
    let approvals = setup.approvals;
    set_endpoint(config, "approvals", &approvals.ip().to_string(), approvals.port())?;
    set_endpoint(config, "audit", &setup.records.ip().to_string(), setup.records.port())?;
    let upstream = &setup.upstream;
    set_endpoint(config, "upstream", &upstream.host, upstream.port)?;
    if let Some(key) = &upstream.key {
        let secret = "/static_resources/secrets/0/generic_secret/secret/inline_string";
        *config.pointer_mut(secret)? = json!(key);
    }
    // Servers that serve several names want their own.
    for route in config.pointer_mut(ROUTES)?.as_array_mut()? {
        if let Some(route) = route.get_mut("route").and_then(Value::as_object_mut) {
            route.insert("auto_host_rewrite".to_owned(), json!(true));
        }
    }
    Some(())
}

fn set_endpoint(config: &mut Value, cluster: &str, host: &str, port: u16) -> Option<()> {
    let clusters = config.pointer_mut("/static_resources/clusters")?.as_array_mut()?;
    let cluster = clusters.iter_mut().find(|c| named(c, cluster))?;
    let address = cluster.pointer_mut(
        "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address",
    )?;
    *address = json!({ "address": host, "port_value": port });
    Some(())
}

impl std::str::FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            || format!("`{text}` is not an address; write `host:port`, such as `127.0.0.1:8000`");
        let (host, port) = text.rsplit_once(':').ok_or_else(wanted)?;
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let port = port.parse().ok().filter(|p| *p != 0).ok_or_else(wanted)?;
        if host.is_empty() || host.contains('/') {
            return Err(wanted());
        }
        Ok(Self { host: host.to_owned(), port, key: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_changed() {
        let policy = Node::from_json(br#"{"policy":"other"}"#).unwrap();
        let text = envoy(&Setup {
            port: 1001,
            admin_port: 1002,
            upstream: Upstream {
                host: "api.example.com".into(),
                port: 1003,
                key: Some("Bearer k".into()),
            },
            issuer: "127.0.0.1:1004".parse().unwrap(),
            approvals: "127.0.0.1:1006".parse().unwrap(),
            records: "127.0.0.1:1007".parse().unwrap(),
            wasm: Path::new("/x/filter.wasm"),
            policy: &policy,
            body: 1005,
        })
        .unwrap();
        for old in ["9901", "18080", "18081", "8088", "4318", "dist/", "demo-upstream-key"] {
            assert!(!text.contains(old), "{old} is left");
        }
        for new in [
            "1001",
            "1002",
            "1003",
            "1004",
            "1005",
            "1006",
            "1007",
            "/x/filter.wasm",
            "Bearer k",
            "other",
        ] {
            assert!(text.contains(new), "{new} is missing");
        }
        let config: Value = serde_json::from_str(&text).unwrap();
        let listener = &config["static_resources"]["listeners"][0];
        assert_eq!(listener["address"]["socket_address"]["port_value"], 1001);
        assert_eq!(listener["per_connection_buffer_limit_bytes"], 1005);
    }

    #[test]
    fn the_policy_of_envoy_yaml_believes_the_demonstration() {
        let source = policy("127.0.0.1:4".parse().unwrap()).unwrap();
        let node = Value::from(&source.node().unwrap());
        let issuer = &node["identity"]["issuers"][0];
        assert_eq!(issuer["issuer"], "http://127.0.0.1:4");
        assert_eq!(issuer["jwks"]["url"], "http://127.0.0.1:4/.well-known/jwks.json");
    }

    #[test]
    fn upstreams_are_hosts_and_ports() {
        let read = |text: &str| text.parse::<Upstream>().map(|u| (u.host, u.port));
        assert_eq!(read("localhost:80"), Ok(("localhost".into(), 80)));
        assert_eq!(read("[::1]:80"), Ok(("::1".into(), 80)));
        for bad in ["localhost", ":80", "x:0", "x:99999", "http://x:80", "x:"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
