use scopewarden_core::policy::Policy;

use super::*;
use crate::source::Source;

const POLICY: &str = r#"
policy: demo
identity:
  issuers:
    - issuer: https://idp.example.com/
      audiences: [agents]
      jwks: { cluster: idp, url: "https://idp.example.com/keys", refresh: 5m }
    - issuer: https://idp.example.org/
      audiences: [agents]
      jwks: { cluster: inside, url: "http://idp.internal:8080/keys" }
surfaces:
  - { use: openai, mount: /v1 }
approvals:
  cluster: approvals
  url: https://approvals.internal:8443/v1/approvals
  verdict_keys: { inline: { keys: [{ kty: OKP, crv: Ed25519, kid: a, x: kgsO4bIG_duQhzBr8d2-3HU3_S-DANze4MIlW-sw7m8 }] } }
  holds: { total: 2000 }
  require: [{ tier: [destroy], scope: approve }]
limits: { body: 1MiB }
"#;

fn loaded() -> Loaded {
    let node = Source::from_bytes("p.yaml", POLICY.as_bytes()).unwrap().node().unwrap();
    let (policy, _) = Policy::compile(&node).unwrap();
    Loaded { node, policy }
}

fn args(target: Target) -> Args {
    Args {
        target,
        policy: String::new(),
        wasm: "/etc/scopewarden/scopewarden.wasm".into(),
        oci: None,
        namespace: "agents".into(),
        gateway: "eg".into(),
        listener: "http".into(),
    }
}

/// The documents of a stream, each as JSON, so that a test can walk them.
fn documents(yaml: &str) -> Vec<serde_json::Value> {
    yaml.split("\n---\n")
        .map(|text| {
            let source = Source::from_bytes("out.yaml", text.as_bytes()).unwrap();
            assert_eq!(source.problems, [], "{text}");
            serde_json::Value::from(&source.node().unwrap())
        })
        .collect()
}

fn kinds(documents: &[serde_json::Value]) -> Vec<&str> {
    documents.iter().map(|d| d["kind"].as_str().unwrap()).collect()
}

#[test]
fn envoy_gets_a_filter_a_limit_and_clusters() {
    let loaded = loaded();
    let mut args = args(Target::Envoy);
    args.wasm = "/opt/it's here.wasm".into();
    let documents = documents(&envoy::render(&Render::new(&args, &loaded)).unwrap());
    let [document] = &*documents else { panic!("{documents:?}") };
    assert_eq!(document["per_connection_buffer_limit_bytes"], 1_048_576);
    let config = &document["http_filters"][0]["typed_config"]["config"];
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["configuration"]["value"], serde_json::Value::from(&loaded.node));
    assert_eq!(config["vm_config"]["code"]["local"]["filename"], "/opt/it's here.wasm");
    let clusters = document["clusters"].as_array().unwrap();
    let endpoint = |n: usize| {
        &clusters[n]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    };
    assert_eq!(endpoint(0)["address"], "idp.example.com");
    assert_eq!(endpoint(0)["port_value"], 443);
    assert_eq!(clusters[0]["transport_socket"]["typed_config"]["sni"], "idp.example.com");
    assert_eq!(endpoint(1)["address"], "idp.internal");
    assert_eq!(endpoint(1)["port_value"], 8080);
    assert_eq!(clusters[1]["transport_socket"], serde_json::Value::Null);
    assert_eq!(endpoint(2)["address"], "approvals.internal");
    assert_eq!(clusters[2]["circuit_breakers"]["thresholds"][0]["max_requests"], 2500);
    assert_eq!(clusters[2]["transport_socket"]["typed_config"]["sni"], "approvals.internal");
}

#[test]
fn envoy_loads_no_image() {
    let loaded = loaded();
    let mut args = args(Target::Envoy);
    args.oci = Some("r.example.com/x:1".into());
    assert!(envoy::render(&Render::new(&args, &loaded)).is_err());
}

#[test]
fn istio_gets_the_filter_by_ecds_and_the_way_to_each_issuer() {
    let loaded = loaded();
    let mut args = args(Target::Istio);
    args.oci = Some("r.example.com/x:1".into());
    let documents = documents(&istio::render(&Render::new(&args, &loaded)));
    assert_eq!(
        kinds(&documents),
        [
            "EnvoyFilter",
            "ServiceEntry",
            "DestinationRule",
            "ServiceEntry",
            "ServiceEntry",
            "DestinationRule"
        ]
    );
    assert!(documents.iter().all(|d| d["metadata"]["namespace"] == "agents"));
    let patches = &documents[0]["spec"]["configPatches"];
    let config = &patches[0]["patch"]["value"]["typed_config"]["config"];
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["configuration"]["value"], serde_json::Value::from(&loaded.node));
    assert_eq!(config["vm_config"]["code"]["remote"]["http_uri"]["uri"], "oci://r.example.com/x:1");
    assert_eq!(patches[2]["patch"]["value"]["per_connection_buffer_limit_bytes"], 1_048_576);
    assert_eq!(documents[3]["spec"]["ports"][0]["number"], 8080);

    args.oci = None;
    assert!(istio::render(&Render::new(&args, &loaded)).contains("filename: /etc/scopewarden/"));
}

#[test]
fn envoy_gateway_gets_the_filter_first_in_the_chain() {
    let loaded = loaded();
    let args = args(Target::EnvoyGateway);
    let documents = documents(&envoy_gateway::render(&Render::new(&args, &loaded)));
    assert_eq!(kinds(&documents), ["EnvoyPatchPolicy", "ClientTrafficPolicy"]);
    let patches = documents[0]["spec"]["jsonPatches"].as_array().unwrap();
    assert_eq!(patches[0]["name"], "agents/eg/http");
    assert_eq!(patches[0]["operation"]["path"], "http_filters/0");
    let config = &patches[0]["operation"]["value"]["typed_config"]["config"];
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["configuration"]["value"], serde_json::Value::from(&loaded.node));
    let clusters: Vec<_> = patches[1..].iter().map(|p| &p["operation"]["value"]["name"]).collect();
    assert_eq!(clusters, ["idp", "inside", "approvals"]);
    assert_eq!(documents[1]["spec"]["connection"]["bufferLimit"], 1_048_576);
}

#[test]
fn envoy_gateway_gets_what_its_own_policy_cannot_say_about_an_image() {
    let loaded = loaded();
    let mut args = args(Target::EnvoyGateway);
    args.oci = Some("oci://r.example.com/x:1".into());
    let documents = documents(&envoy_gateway::render(&Render::new(&args, &loaded)));
    assert_eq!(
        kinds(&documents),
        ["EnvoyExtensionPolicy", "EnvoyPatchPolicy", "ClientTrafficPolicy"]
    );
    let wasm = &documents[0]["spec"]["wasm"][0];
    assert_eq!(wasm["config"], serde_json::Value::from(&loaded.node));
    assert_eq!(wasm["code"]["image"]["url"], "r.example.com/x:1");
    let patches = documents[1]["spec"]["jsonPatches"].as_array().unwrap();
    assert_eq!(patches[0]["operation"]["path"], "allow_on_headers_stop_iteration");
    assert_eq!(patches[1]["operation"]["value"], "FAIL_RELOAD");
    assert_eq!(patches.len(), 5);
}

#[test]
fn names_are_those_that_kubernetes_takes() {
    assert_eq!(kubernetes_name("my-gateway-1"), Ok("my-gateway-1".to_owned()));
    for bad in ["", "-a", "a-", "A", "a_b", "a\nb", &"a".repeat(64)] {
        assert!(kubernetes_name(bad).is_err(), "{bad:?}");
    }
}
