//! Requests that wait for a second person, from the head to the release or the refusal.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::approval::{Answer, Gate, Holds, SET_HEADER, VERDICT_TYPE};

const CERTIFICATE: &str = "spiffe://example.org/ana";

/// Counts nonces up, and notes the policy in force.
#[derive(Default)]
struct Counter {
    nonces: RefCell<u8>,
    other_policy: RefCell<bool>,
}

impl Gate for Counter {
    fn nonce(&self) -> Option<[u8; 16]> {
        let nonce = &mut *self.nonces.borrow_mut();
        *nonce = nonce.wrapping_add(1);
        Some([*nonce; 16])
    }

    fn enter(&self, _: &Policy) {
        *self.other_policy.borrow_mut() = false;
    }

    fn in_force(&self, _: &Policy) -> bool {
        !*self.other_policy.borrow()
    }
}

/// One worker.
pub(super) struct Worker {
    policy: Arc<Policy>,
    holds: Holds,
    gate: Counter,
    certificate: Option<&'static str>,
    now: UnixMicros,
    pub(super) audit: Standing,
}

impl Worker {
    fn new() -> Self {
        Self::with(json!({}))
    }

    pub(super) fn with(more: Value) -> Self {
        let key = ed25519_compact::KeyPair::from_seed([1; 32].into());
        let mut document = json!({
            "policy": "p",
            "identity": {"mtls": {"trust_domains": ["example.org"]}},
            "roles": {"all": {"groups": [CERTIFICATE], "scopes": ["run", "mcp:tool:call"]}},
            "surfaces": [{"use": "mcp", "mount": "/mcp"}],
            "operations": [
                {"id": "acme.run", "method": "POST", "path": "/run", "scope": "run", "tier": "execute", "body": "json"},
                {"id": "acme.file", "method": "PUT", "path": "/file", "scope": "run", "tier": "admin"},
                {"id": "acme.erase", "method": "DELETE", "path": "/run", "scope": "run", "tier": "destroy"},
                {"id": "acme.read", "method": "GET", "path": "/run", "scope": "run", "tier": "read"},
            ],
            "approvals": {
                "cluster": "approvals",
                "url": "http://approvals.test/v1/approvals",
                "verdict_keys": {"inline": {"keys": [
                    {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": URL_SAFE_NO_PAD.encode(*key.pk)},
                ]}},
                "holds": {"per_caller": 2},
                "require": [{"tier": ["admin", "destroy", "execute"], "scope": "approve", "hold": "20s"}],
            },
        });
        for (name, value) in more.as_object().unwrap() {
            document[name] = value.clone();
        }
        let document = Node::from_json(document.to_string().as_bytes()).unwrap();
        let policy = Policy::compile(&document).unwrap_or_else(|found| panic!("{found:#?}")).0;
        Self {
            policy: Arc::new(policy),
            holds: Holds::default(),
            gate: Counter::default(),
            certificate: Some(CERTIFICATE),
            now: NOW,
            audit: Standing::FRESH,
        }
    }

    pub(super) fn open(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Call<'_> {
        let (flow, mut call) = self.start(method, target, headers, body.is_none());
        if let Some(body) = body {
            assert_eq!(flow, Flow::Hold, "the body has to be whole first");
            let _ = call
                .step(Input::RequestBody { received: body.len(), whole: Some(body.as_bytes()) });
        }
        call
    }

    pub(super) fn start(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        end: bool,
    ) -> (Flow, Call<'_>) {
        let mut call = Call {
            worker: self,
            exchange: Exchange::new(Arc::clone(&self.policy), "r-1".into()),
            effects: Vec::new(),
        };
        let head = RequestHead {
            method: method.into(),
            authority: b"gateway.test".to_vec(),
            target: target.into(),
            headers: headers.iter().copied().collect(),
            ..RequestHead::default()
        };
        (call.step(Input::RequestHead { head, end }), call)
    }

    fn erase(&self) -> Call<'_> {
        self.open("DELETE", "/run", &[], None)
    }
}

/// One exchange and everything it asked for.
pub(super) struct Call<'w> {
    worker: &'w Worker,
    pub(super) exchange: Exchange,
    pub(super) effects: Vec<Effect>,
}

impl Call<'_> {
    pub(super) fn step(&mut self, input: Input<'_>) -> Flow {
        let worker = self.worker;
        let mut world = World {
            now: worker.now,
            keys: &mut KeyRing::new(&[]),
            tokens: &mut TokenCache::default(),
            signatures: &NoHost,
            properties: &Certificate(worker.certificate),
            holds: &worker.holds,
            gate: &worker.gate,
            audit: worker.audit,
        };
        let flow = self.exchange.step(input, &mut world);
        self.effects = std::iter::from_fn(|| self.exchange.next_effect()).collect();
        flow
    }

    fn question(&self) -> Value {
        match self.effects.as_slice() {
            [Effect::Ask(ask)] => serde_json::from_slice(&ask.body).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn code(&self) -> &'static str {
        let decided = self.effects.iter().find_map(|e| match e {
            Effect::Decided(decided) => Some(decided.reason),
            _ => None,
        });
        decided.unwrap_or("undecided")
    }

    pub(super) fn refusal(&self) -> Refusal {
        let refusal = self.effects.iter().find_map(|e| match e {
            Effect::Refuse(refusal) => Some(refusal.clone()),
            _ => None,
        });
        refusal.unwrap()
    }

    fn answer(&mut self, question: &Value, change: impl FnOnce(&mut Value)) -> Flow {
        let body = verdict(question, self.worker.now, change);
        self.step(Input::Approval(Answer::Response {
            status: 200,
            content_type: Some(b"application/jwt"),
            body: body.as_bytes(),
        }))
    }

    pub(super) fn record(&mut self) -> Value {
        let _ = self.step(Input::Closed { status: None });
        let line = self.effects.iter().find_map(|e| match e {
            Effect::Record(line) => Some(line),
            _ => None,
        });
        serde_json::from_str(line.unwrap()).unwrap()
    }
}

/// A signed verdict on a question.
fn verdict(question: &Value, now: UnixMicros, change: impl FnOnce(&mut Value)) -> String {
    let seconds = now.millis().as_secs();
    let mut claims = json!({
        "iat": seconds, "exp": seconds.saturating_add(30),
        "nonce": question["nonce"], "fingerprint": question["fingerprint"],
        "status": "approved", "approval": "apr_1",
        "approvers": [{"issuer": "https://idp.test/", "subject": "bo"}],
    });
    change(&mut claims);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "EdDSA", "typ": VERDICT_TYPE, "kid": "1"}));
    let signed = format!("{header}.{}", part(claims));
    let key = ed25519_compact::KeyPair::from_seed([1; 32].into());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(*key.sk.sign(&signed, None)))
}

#[test]
fn an_approved_call_goes_on_and_the_record_names_the_approvers() {
    let worker = Worker::new();
    let mut call =
        worker.open("POST", "/run?user=ana", &[JSON], Some(r#"{"cmd":"ls","password":"p"}"#));
    let question = call.question();
    assert_eq!(question["wait_ms"], 20_000);
    assert_eq!(
        question["call"]["principal"],
        json!({"issuer": "example.org", "subject": CERTIFICATE})
    );
    assert_eq!(question["call"]["operation"], "acme.run");
    assert_eq!(question["call"]["path"], "/run");
    assert_eq!(question["call"]["body_bytes"], 27);
    assert_eq!(question["preview"]["body"], r#"{"cmd":"ls","password":"[masked]"}"#);
    assert_eq!(question["preview"]["query"], json!([["user", "ana"]]));
    assert!(call.exchange.waits_for_approval() && call.exchange.is_held());
    assert_eq!(worker.holds.total(), 1);

    assert_eq!(call.answer(&question, |_| {}), Flow::Continue);
    assert_eq!(call.code(), "ok");
    assert_eq!(worker.holds.total(), 0);
    let record = call.record();
    assert_eq!(record["decision"], "allow");
    assert_eq!(
        record["approval"],
        json!({"id": "apr_1", "status": "approved", "approvers": [{"issuer": "https://idp.test/", "subject": "bo"}]})
    );
}

#[test]
fn a_broken_glass_is_on_record() {
    let worker = Worker::new();
    let mut call = worker.open("POST", "/run?user=ana", &[JSON], Some("{}"));
    let question = call.question();
    assert_eq!(
        call.answer(&question, |claims| claims["break_glass"] = json!(true)),
        Flow::Continue
    );
    assert_eq!(call.record()["approval"]["break_glass"], true);
}

#[test]
fn a_step_of_a_set_is_bound_and_not_forwarded() {
    let worker = Worker::new();
    let set = |value| [JSON, (SET_HEADER, value)];
    let mut call = worker.open("POST", "/run?user=ana", &set("rotate;step=1;of=2"), Some("{}"));
    let question = call.question();
    assert_eq!(question["call"]["set"], json!({"id": "rotate", "of": 2, "step": 1}));
    assert_eq!(call.answer(&question, |_| {}), Flow::Continue);
    assert!(call.effects.contains(&Effect::RemoveRequestHeader(SET_HEADER)));

    let twice = [JSON, (SET_HEADER, "a;step=1;of=2"), (SET_HEADER, "a;step=2;of=2")];
    for headers in [&set("rotate"), &set("rotate;step=3;of=2"), twice.as_slice()] {
        let call = worker.open("POST", "/run?user=ana", headers, Some("{}"));
        assert_eq!(call.code(), "header_ambiguous");
    }
}

#[test]
fn a_file_is_bound_without_being_read_and_no_body_too() {
    let worker = Worker::new();
    let one_call = worker.open("PUT", "/file", &[], Some("one"));
    let two_call = worker.open("PUT", "/file", &[], Some("two"));
    let (one, two) = (one_call.question(), two_call.question());
    assert_ne!(one["fingerprint"], two["fingerprint"]);
    assert_eq!(
        (one["preview"]["truncated"].clone(), one["preview"]["body"].clone()),
        (json!(true), json!(null))
    );
    let mut none = worker.open("PUT", "/file", &[], None);
    assert_eq!(none.code(), "approval_limit", "two of one caller are held");
    assert_eq!(none.refusal().status, 429);
    assert_eq!(none.record()["decision"], "deny");
}

#[test]
fn a_file_over_the_cap_is_never_asked_about() {
    let worker = Worker::new();
    let cap = worker.policy.max_body_bytes;
    let (_, mut call) = worker.start("PUT", "/file", &[], false);
    let _ = call.step(Input::RequestBody { received: cap, whole: None });
    assert_eq!(call.code(), "undecided");
    let _ = call.step(Input::RequestBody { received: cap + 1, whole: None });
    assert_eq!(call.code(), "body_too_large");
}

#[test]
fn the_identical_retry_has_the_same_fingerprint_and_another_nonce() {
    let worker = Worker::with(
        json!({"rules": [{"operation": "acme.erase", "headers": {"x-tenant": ["*"]}}]}),
    );
    let ask = |target: &str, headers: &[(&str, &str)]| {
        let mut call = worker.open("DELETE", target, headers, None);
        let question = call.question();
        let _ = call.step(Input::Closed { status: None });
        question
    };
    let first = ask("/run?x=1", &[("x-tenant", "a"), ("x-stainless-retry-count", "0")]);
    let second = ask("/run?x=1", &[("x-tenant", "a"), ("x-stainless-retry-count", "1")]);
    assert_eq!(first["fingerprint"], second["fingerprint"]);
    assert_ne!(first["nonce"], second["nonce"]);
    for (target, headers) in [
        ("/run?x=2", [("x-tenant", "a")]),
        ("/run", [("x-tenant", "a")]),
        ("/run?x=1", [("x-tenant", "b")]),
    ] {
        assert_ne!(
            ask(target, &headers)["fingerprint"],
            first["fingerprint"],
            "{target} {headers:?}"
        );
    }
}

#[test]
fn an_mcp_call_is_refused_in_json_rpc_and_found_again_under_another_id() {
    let worker = Worker::new();
    let call = |id: u8| {
        let body =
            json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "rm"}});
        worker.open("POST", "/mcp", &[JSON], Some(&body.to_string()))
    };
    let (mut first, second) = (call(5), call(6));
    let question = first.question();
    assert_eq!(question["fingerprint"], second.question()["fingerprint"]);
    assert_eq!(first.answer(&question, |claims| claims["status"] = json!("pending")), Flow::Hold);
    let refusal = first.refusal();
    let body: Value = serde_json::from_slice(&refusal.body).unwrap();
    assert_eq!((refusal.status, &body["id"]), (200, &json!(5)));
    assert_eq!(body["error"]["data"]["approval"], "apr_1");
}

#[test]
fn the_answers_of_people_are_passed_on() {
    let worker = Worker::new();
    for (status, code, http, retry) in [
        ("pending", "approval_pending", 409, Some("20")),
        ("denied", "approval_denied", 403, None),
        ("expired", "approval_expired", 403, None),
    ] {
        let mut call = worker.erase();
        let question = call.question();
        let flow = call.answer(&question, |claims| {
            claims["status"] = json!(status);
            claims["reason"] = json!("not on a Friday");
        });
        assert_eq!((flow, call.code()), (Flow::Hold, code));
        let refusal = call.refusal();
        assert_eq!(refusal.status, http);
        let after =
            refusal.headers.iter().find(|(n, _)| *n == "retry-after").map(|(_, v)| v.as_str());
        assert_eq!(after, retry, "{status}");
        let body: Value = serde_json::from_slice(&refusal.body).unwrap();
        assert_eq!(body["approval"], "apr_1");
        assert_eq!(status == "denied", refusal.body.windows(8).any(|w| w == b"a Friday"));
        assert_eq!(call.record()["approval"]["status"], status);
        assert_eq!(worker.holds.total(), 0);
    }
}

#[test]
fn a7_no_answer_and_no_verdict_refuse() {
    let worker = Worker::new();
    let mut call = worker.erase();
    assert_eq!(call.step(Input::Approval(Answer::Nothing)), Flow::Hold);
    assert_eq!((call.code(), call.refusal().status), ("approval_unavailable", 503));
    let mut call = worker.erase();
    let page = Answer::Response { status: 200, content_type: Some(b"text/html"), body: b"<html>" };
    assert_eq!(call.step(Input::Approval(page)), Flow::Hold);
    assert_eq!((call.code(), call.refusal().status), ("approval_invalid", 503));
}

#[test]
fn a1_a5_the_verdict_on_another_question_refuses() {
    let worker = Worker::new();
    let mut first = worker.erase();
    let question = first.question();
    assert_eq!(first.answer(&question, |_| {}), Flow::Continue);
    let mut second = worker.erase();
    assert_eq!(second.answer(&question, |_| {}), Flow::Hold, "the same call, and a used verdict");
    assert_eq!(second.code(), "approval_invalid");
}

#[test]
fn a10_what_changed_while_it_was_held_refuses() {
    let worker = Worker::new();
    let mut call = worker.erase();
    let question = call.question();
    *worker.gate.other_policy.borrow_mut() = true;
    assert_eq!(call.answer(&question, |_| {}), Flow::Hold);
    assert_eq!((call.code(), call.refusal().status), ("approval_outdated", 409));

    let mut worker = Worker::new();
    let call = worker.erase();
    let (question, exchange) = (call.question(), call.exchange);
    worker.certificate = None;
    let mut call = Call { worker: &worker, exchange, effects: Vec::new() };
    assert_eq!(call.answer(&question, |_| {}), Flow::Hold);
    assert_eq!(call.code(), "identity_missing");
}

#[test]
fn a9_a_caller_that_is_gone_abandons() {
    let worker = Worker::new();
    let mut call = worker.erase();
    let question = call.question();
    let _ = call.step(Input::Closed { status: None });
    let [Effect::Abandon(ask), Effect::Record(record)] = call.effects.as_slice() else {
        panic!("{:?}", call.effects)
    };
    let told: Value = serde_json::from_slice(&ask.body).unwrap();
    assert_eq!(
        (&told["nonce"], &told["fingerprint"]),
        (&question["nonce"], &question["fingerprint"])
    );
    assert!(record.contains("\"abandoned\""));
    assert_eq!(worker.holds.total(), 0);
    assert_eq!(call.answer(&question, |_| {}), Flow::Hold, "too late");
    assert!(call.effects.is_empty());
}

#[test]
fn shadow_mode_asks_nobody() {
    let worker = Worker::with(json!({"mode": "shadow"}));
    let mut call = worker.erase();
    assert_eq!(call.code(), "approval_required");
    assert_eq!(call.record()["decision"], "shadow_deny");
}

#[test]
fn what_needs_no_approval_waits_for_nobody() {
    let worker = Worker::new();
    let call = worker.open("GET", "/run", &[], None);
    assert_eq!(call.code(), "ok");
}
