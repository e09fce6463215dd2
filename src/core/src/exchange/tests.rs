mod approvals;
mod bodies;
mod notes;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::approval::NoGate;
use crate::http::RequestHead;
use crate::identity::{FetchOutcome, KeyRing, NoHost, Properties, TokenCache};
use crate::node::Node;

const NOW: UnixMicros = UnixMicros(1_795_500_000_000_000);
const JSON: (&str, &str) = ("content-type", "application/json");

/// The SPIFFE ID of the client certificate, when there is one.
struct Certificate(Option<&'static str>);

impl Properties for Certificate {
    fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
        let id = self.0?;
        match path {
            ["connection", "mtls"] => Some(vec![1]),
            ["connection", "uri_san_peer_certificate"] => Some(id.into()),
            _ => None,
        }
    }
}

/// An exchange and everything around it.
struct Bench {
    exchange: Exchange,
    keys: KeyRing,
    tokens: TokenCache,
    now: UnixMicros,
    certificate: Option<&'static str>,
}

impl Bench {
    fn new(policy: &Value) -> Self {
        let document = Node::from_json(policy.to_string().as_bytes()).unwrap();
        let (policy, _) = Policy::compile(&document).unwrap();
        let policy = Arc::new(policy);
        Self {
            keys: KeyRing::new(&policy.identity.issuers),
            exchange: Exchange::new(policy, "r-1".into()),
            tokens: TokenCache::default(),
            now: NOW,
            certificate: None,
        }
    }

    fn step(&mut self, input: Input<'_>) -> (Flow, Vec<Effect>) {
        let mut world = World {
            now: self.now,
            keys: &mut self.keys,
            tokens: &mut self.tokens,
            signatures: &NoHost,
            properties: &Certificate(self.certificate),
            holds: &Holds::default(),
            gate: &NoGate,
            audit: Standing::FRESH,
        };
        let flow = self.exchange.step(input, &mut world);
        (flow, std::iter::from_fn(|| self.exchange.next_effect()).collect())
    }

    fn head(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        end: bool,
    ) -> (Flow, Vec<Effect>) {
        let head = RequestHead {
            method: method.into(),
            target: target.into(),
            headers: headers.iter().copied().collect(),
            ..RequestHead::default()
        };
        self.step(Input::RequestHead { head, end })
    }

    fn record(&mut self, status: Option<u16>) -> Value {
        let (_, effects) = self.step(Input::Closed { status });
        match effects.as_slice() {
            [Effect::Record(line)] => serde_json::from_str(line).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

/// A policy whose keys have to be fetched, with one operation of each kind.
fn fetched_keys() -> Value {
    json!({
        "policy": "p",
        "identity": {"issuers": [{
            "issuer": "https://issuer.test/",
            "audiences": ["a"],
            "jwks": {"cluster": "idp", "url": "https://issuer.test/keys"},
        }]},
        "surfaces": [{"use": "openai", "mount": "/v1"}, {"use": "mcp", "mount": "/mcp"}],
        "operations": [
            {"id": "x.status", "method": "GET", "path": "/status", "public": true, "tier": "read"},
        ],
    })
}

/// A token that is whole and whose key nobody has.
fn token() -> String {
    use base64::Engine as _;
    let part =
        |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let seconds = NOW.millis().as_secs();
    let header = part(json!({"alg": "EdDSA", "kid": "k"}));
    let claims = json!({"iss": "https://issuer.test/", "aud": "a", "sub": "s", "iat": seconds, "exp": seconds.saturating_add(60)});
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([1_u8; 64]);
    format!("Bearer {header}.{}.{signature}", part(claims))
}

fn refusal(effects: &[Effect]) -> (u16, Value) {
    let refusal = effects.iter().find_map(|e| match e {
        Effect::Refuse(refusal) => Some(refusal),
        _ => None,
    });
    let refusal = refusal.unwrap_or_else(|| panic!("{effects:?}"));
    (refusal.status, serde_json::from_slice(&refusal.body).unwrap())
}

#[test]
fn a_request_waits_for_keys_and_is_refused_when_they_do_not_come() {
    let mut bench = Bench::new(&fetched_keys());
    let (flow, effects) = bench.head("GET", "/v1/models", &[("authorization", &token())], true);
    assert_eq!((flow, effects.len()), (Flow::Hold, 0));
    assert!(bench.exchange.waits_for_keys());
    let due = bench.keys.due(NOW.millis());
    assert_eq!(due.len(), 1, "the wait asks for a fetch");
    assert!(bench.keys.fetched(0, NOW.millis(), FetchOutcome::Failed("timeout")).is_err());
    let (flow, effects) = bench.step(Input::KeysChanged);
    assert_eq!(flow, Flow::Hold);
    let (status, body) = refusal(&effects);
    assert_eq!((status, &body["error"]["code"]), (503, &json!("keys_unavailable")));
    assert!(!bench.exchange.is_held());
}

#[test]
fn a_body_that_ends_while_keys_are_awaited_is_kept() {
    let mut bench = Bench::new(&fetched_keys());
    let authorization = token();
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    assert_eq!(bench.head("POST", "/mcp", &headers, false).0, Flow::Hold);
    assert!(bench.exchange.reads_body());
    let body = br#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    let (flow, effects) =
        bench.step(Input::RequestBody { received: body.len(), whole: Some(body) });
    assert_eq!((flow, effects.len()), (Flow::Hold, 0), "still no keys");
    bench.keys.due(NOW.millis());
    let _ = bench.keys.fetched(0, NOW.millis(), FetchOutcome::Failed("refused"));
    let (_, effects) = bench.step(Input::KeysChanged);
    let (status, body) = refusal(&effects);
    assert_eq!((status, &body["id"]), (200, &json!(5)), "the refusal still knows the id");
}

#[test]
fn a_caller_that_is_not_accepted_is_only_read_for_the_id() {
    let mut bench = Bench::new(&fetched_keys());
    let (flow, effects) =
        bench.head("POST", "/mcp", &[("content-type", "application/json")], false);
    assert_eq!((flow, effects.len()), (Flow::Hold, 0));
    let received = crate::limits::UNAUTHENTICATED_BODY_BYTES + 1;
    let (_, effects) = bench.step(Input::RequestBody { received, whole: None });
    let Some(Effect::Refuse(refusal)) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(refusal.status, 413);
}

#[test]
fn without_a_token_openai_is_refused_before_its_body() {
    let mut bench = Bench::new(&fetched_keys());
    let (_, effects) =
        bench.head("POST", "/v1/chat/completions", &[("content-type", "application/json")], false);
    assert_eq!(refusal(&effects).0, 401);
}

#[test]
fn trailers_of_a_forwarded_request_do_not_go_on() {
    let mut bench = Bench::new(&fetched_keys());
    assert_eq!(bench.head("GET", "/status", &[], true).0, Flow::Continue);
    let (flow, effects) = bench.step(Input::RequestTrailers { whole: b"" });
    assert_eq!((flow, effects), (Flow::Continue, vec![Effect::DropRequestTrailers]));
}

#[test]
fn one_record_an_exchange_and_none_without_a_request() {
    let mut bench = Bench::new(&fetched_keys());
    let _ = bench.head("GET", "/status?token=secret", &[("x-request-id", "abc")], true);
    let record = bench.record(Some(200));
    assert_eq!(record["decision"], "allow");
    assert_eq!(record["operation"], "x.status");
    assert_eq!(record["request_id"], "abc");
    assert_eq!(record["status"], 200);
    assert!(!record.to_string().contains("secret"));
    assert!(bench.step(Input::Closed { status: None }).1.is_empty(), "only once");
    assert!(Bench::new(&fetched_keys()).step(Input::Closed { status: None }).1.is_empty());
}

#[test]
fn a_client_that_leaves_while_held_is_recorded() {
    let mut bench = Bench::new(&fetched_keys());
    let _ = bench.head("GET", "/v1/models", &[("authorization", &token())], true);
    bench.now = UnixMicros(NOW.0 + 1500);
    let record = bench.record(None);
    assert_eq!(
        (&record["decision"], &record["reason"]),
        (&json!("abandoned"), &json!("client_gone"))
    );
    assert_eq!(record["duration_us"], 1500);
}

#[test]
fn shadow_mode_never_refuses_and_changes_nothing() {
    let mut policy = fetched_keys();
    policy["mode"] = json!("shadow");
    for (method, target) in [("GET", "/v1/models"), ("BREW", "/v1/models"), ("GET", "/v1/%2f")] {
        let mut bench = Bench::new(&policy);
        let headers = [("authorization", "Basic x"), ("x-http-method-override", "DELETE")];
        let (flow, effects) = bench.head(method, target, &headers, true);
        assert_eq!(flow, Flow::Continue, "{method} {target}");
        let [Effect::Decided(decided)] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!(decided.decision, "shadow_deny");
        let record = bench.record(Some(200));
        assert_eq!(
            (&record["decision"], &record["mode"]),
            (&json!("shadow_deny"), &json!("shadow"))
        );
        assert_ne!(record["reason"], "ok");
    }
}

#[test]
fn over_long_text_of_a_caller_is_cut_in_the_record() {
    let mut bench = Bench::new(&fetched_keys());
    let target = format!("/{}", "a".repeat(5000));
    let _ = bench.head("GET", &target, &[], true);
    let path = bench.record(Some(403))["path"].as_str().unwrap().to_owned();
    assert!(path.len() < 1100 && path.ends_with("(5001 bytes)"), "{path}");
}

#[test]
fn inputs_out_of_order_change_nothing() {
    let mut bench = Bench::new(&fetched_keys());
    assert_eq!(
        bench.step(Input::RequestBody { received: 1, whole: Some(b"x") }),
        (Flow::Hold, vec![])
    );
    assert_eq!(bench.step(Input::KeysChanged), (Flow::Hold, vec![]));
    assert_eq!(bench.head("GET", "/status", &[], true).0, Flow::Continue);
    assert_eq!(bench.step(Input::KeysChanged), (Flow::Continue, vec![]));
}
