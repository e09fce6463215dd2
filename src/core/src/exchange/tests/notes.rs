//! Requests that must not happen unseen, and what records show of bodies.

use super::approvals::{Call, Worker};
use super::*;

fn worker(audit: Value) -> Worker {
    let mut all = json!({"cluster": "audit", "url": "http://audit.test/v1/logs"});
    for (name, value) in audit.as_object().unwrap() {
        all[name] = value.clone();
    }
    Worker::with(
        json!({"audit": all, "approvals": {"require": [{"tier": ["admin"], "scope": "a"}]}}),
    )
}

fn intent(call: &Call<'_>) -> Value {
    match call.effects.as_slice() {
        [Effect::Note(record)] => serde_json::from_str(record).unwrap(),
        other => panic!("{other:?}"),
    }
}

const DOWN: Standing = Standing { room: true, up: false };
const FULL: Standing = Standing { room: false, up: false };

#[test]
fn what_destroys_waits_for_the_acknowledgement() {
    let worker = worker(json!({}));
    let mut call = worker.open("DELETE", "/run", &[], None);
    let intent = intent(&call);
    assert!(call.exchange.is_held() && call.exchange.waits_for_note());
    assert_eq!((&intent["kind"], &intent["decision"]), (&json!("intent"), &json!("allow")));
    assert_eq!(intent["operation"], "acme.erase");
    assert_eq!(intent.get("status"), None);
    assert_eq!(call.step(Input::Noted(true)), Flow::Continue);
    assert!(!call.exchange.waits_for_note());
    let record = call.record();
    assert_eq!((&record["kind"], &record["decision"]), (&json!("decision"), &json!("allow")));
    assert_eq!(record["record"], intent["record"]);
    assert_eq!(record["scopes_held"], json!(["mcp:tool:call", "run"]));
}

#[test]
fn without_an_acknowledgement_it_is_refused() {
    let worker = worker(json!({}));
    let mut call = worker.open("DELETE", "/run", &[], None);
    assert_eq!(call.step(Input::Noted(false)), Flow::Hold);
    assert_eq!((call.code(), call.refusal().status), ("audit_unavailable", 503));
    let record = call.record();
    assert_eq!(record["decision"], "deny");
    let mut gone = worker.open("DELETE", "/run", &[], None);
    assert_eq!(gone.record()["decision"], "abandoned");
}

#[test]
fn the_sinks_standing_counts_as_the_policy_says() {
    for (tier, standing, code) in [
        ("deny", DOWN, "audit_unavailable"),
        ("deny", FULL, "audit_unavailable"),
        ("spool", DOWN, "ok"),
        ("spool", FULL, "audit_unavailable"),
        ("drop", DOWN, "ok"),
        ("drop", FULL, "ok"),
    ] {
        let mut worker = worker(json!({"on_unavailable": {"*": tier}}));
        worker.audit = standing;
        let call = worker.open("GET", "/run", &[], None);
        assert_eq!(call.code(), code, "{tier} {standing:?}");
    }
}

#[test]
fn nobody_is_asked_about_what_could_not_be_recorded() {
    let mut worker = worker(json!({}));
    worker.audit = DOWN;
    let call = worker.open("PUT", "/file", &[], None);
    assert_eq!(call.code(), "audit_unavailable");
}

#[test]
fn what_is_only_watched_is_not_held() {
    let audit = json!({"cluster": "audit", "url": "http://audit.test/v1/logs"});
    let mut worker = Worker::with(json!({"mode": "shadow", "audit": audit}));
    worker.audit = FULL;
    let (flow, call) = worker.start("DELETE", "/run", &[], true);
    assert_eq!((flow, call.exchange.waits_for_note()), (Flow::Continue, false));
}

#[test]
fn bodies_are_on_record_as_far_as_the_policy_says() {
    let body = r#"{"cmd":"mail bob@example.com"}"#;
    let run = |payload: Value| {
        let worker = worker(json!({"payload": payload}));
        let mut call = worker.open("POST", "/run", &[JSON], Some(body));
        assert!(call.exchange.reads_response(), "{payload}");
        let mut headers = Headers::default();
        headers.push(b":status", b"200");
        headers.push(b"content-type", b"text/plain");
        let _ = call.step(Input::ResponseHead { headers: &headers, end: false });
        for (piece, end) in [("to bob@ex", false), ("ample.com", true)] {
            let _ = call.step(Input::ResponseBody { piece: piece.as_bytes(), end });
            assert_eq!(call.effects, [], "it goes on as it is");
        }
        let record = call.record();
        [record["request"].clone(), record["response"].clone()]
    };
    let none = worker(json!({"payload": "none"}));
    let (flow, mut call) = none.start("POST", "/run", &[JSON], false);
    assert_eq!((flow, call.exchange.reads_response()), (Flow::Continue, false));
    let record = call.record();
    assert_eq!((record.get("request"), record.get("response")), (None, None));
    let [request, response] = run(json!({"execute": "digest", "*": "none"}));
    assert_eq!((&request["bytes"], &response["bytes"]), (&json!(body.len()), &json!(18)));
    assert_eq!((request.get("body"), response.get("body")), (None, None));
    let [request, response] = run(json!("redacted"));
    assert_eq!(request["body"], r#"{"cmd":"mail [masked:email]"}"#);
    assert_eq!(response["body"], "to [masked:email]");
    assert_eq!(response["content_type"], "text/plain");
}
