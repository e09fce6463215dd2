//! What the product's own scenarios leave on record, replayed.
#![expect(clippy::arithmetic_side_effects, reason = "counts of a few hundred cases")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use scopewarden_core::node::Node;
use scopewarden_core::policy::Policy;
use scopewarden_testkit::scenario::{self, native};
use serde_json::{Value, json};

use super::compare::{Candidate, Change, Outcome};
use super::recorded::Verdict;
use super::write;

/// A moment, in seconds since the Unix epoch.
const NOW: u64 = 1_795_500_000;

fn suites(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("policies") {
            suites(&path, found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.push(path);
        }
    }
}

/// A suite of scenarios: its policy as recording, that policy compiled, and each case's name and record.
type Recording = (Node, Arc<Policy>, Vec<(String, String)>);

/// What all scenarios leave on record.
pub(crate) fn recorded(payload: &str) -> Vec<Recording> {
    let mut paths = Vec::new();
    suites(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios"), &mut paths);
    assert!(paths.len() > 8);
    let of = |path: &PathBuf| {
        let suite = scenario::load(path).unwrap();
        let (node, policy) = recording(&suite.policy, payload);
        let policy = Arc::new(policy);
        let records = suite.cases.iter().map(|case| {
            let run = native::run(&policy, &suite, case, native::Chunking::Whole, NOW).unwrap();
            (format!("{}: {}", path.display(), case.name), run.record.to_string())
        });
        let records = records.collect();
        (node, policy, records)
    };
    paths.iter().map(of).collect()
}

/// With everything on record that a policy can ask for.
fn recording(policy: &Node, payload: &str) -> (Node, Policy) {
    let Node::Object(mut members) = policy.clone() else { panic!() };
    let text = |text: &str| Node::String(text.to_owned());
    members.push((
        "audit".to_owned(),
        Node::Object(vec![
            ("cluster".to_owned(), text("audit")),
            ("url".to_owned(), text("http://audit.internal/v1/logs")),
            ("payload".to_owned(), text(payload)),
            ("on_unavailable".to_owned(), text("spool")),
        ]),
    ));
    let node = Node::Object(members);
    let compiled = Policy::compile(&node).unwrap_or_else(|found| panic!("{found:?}")).0;
    (node, compiled)
}

/// Every scenario's record under its policy, replayed under the same policy.
fn replayed(payload: &str) -> Outcome {
    let mut all = Outcome::default();
    for (_, policy, records) in recorded(payload) {
        let candidate = Candidate { policy: &policy, then: Some(&policy), passed: false };
        for (name, record) in records {
            let mut one = Outcome::default();
            one.line(record.as_bytes(), &candidate);
            assert!(one.changes.is_empty(), "{name}: {:#}\n{record}", write::json(&one));
            all.requests += one.requests;
            all.same += one.same;
        }
    }
    all
}

#[test]
fn the_same_policy_decides_the_same() {
    for payload in ["none", "redacted"] {
        let all = replayed(payload);
        println!("{payload}: {} of {}", all.same, all.requests);
        assert!(all.requests > 200, "{}", all.requests);
        // Most scenarios are refused before a rule is asked.
        assert!(all.same > 50, "{} of {}", all.same, all.requests);
    }
}

const POLICY: &str = r#"{
    "policy": "p",
    "identity": {"issuers": [{"issuer": "https://idp", "audiences": ["a"], "groups_claim": "groups", "jwks": {"cluster": "c", "url": "https://idp/keys"}}]},
    "surfaces": [{"use": "openai", "mount": "/v1"}, {"use": "mcp", "mount": "/mcp"}]
}"#;

fn with(members: &Value) -> Policy {
    let mut policy: Value = serde_json::from_str(POLICY).unwrap();
    policy.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let node: Node = serde_json::from_value(policy).unwrap();
    Policy::compile(&node).unwrap_or_else(|found| panic!("{found:?}")).0
}

fn record(members: &Value) -> Vec<u8> {
    let mut record = json!({
        "kind": "decision", "record": "r-1", "time": "2026-11-24T10:00:00.000Z", "decision": "allow", "reason": "ok",
        "principal": {"issuer": "https://idp", "subject": "bob", "proof": "jwt"}, "method": "POST",
        "path": "/v1/chat/completions", "authority": "a", "operation": "openai.chat.completions.create",
        "scopes_held": ["autogen:prompt"], "facts": {"model": "gpt-4o"},
    });
    record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    record.to_string().into_bytes()
}

fn ask(policy: &Policy, then: Option<&Policy>, members: &Value) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.line(&record(members), &Candidate { policy, then, passed: false });
    assert_eq!(outcome.requests, 1);
    outcome
}

#[track_caller]
fn assert_change(outcome: &Outcome, then: Verdict, now: Verdict, reason: &str) {
    let of = outcome.changes.get(&Change { then, now }).unwrap_or_else(|| panic!("{outcome:?}"));
    assert_eq!(of.first_key_value().unwrap().0.reason_now, reason);
}

#[track_caller]
fn assert_unknown(outcome: &Outcome, missing: &str) {
    let found: Vec<_> = outcome.unknown.keys().flatten().collect();
    assert_eq!(found, [missing], "{outcome:?}");
}

#[test]
fn what_is_not_on_record_is_not_guessed() {
    let operation = "openai.chat.completions.create";
    for (rule, missing) in [
        (json!({"headers": {"x-tenant": ["a"]}}), "the header `x-tenant`"),
        (json!({"query": {"v": ["1"]}}), "the query parameter `v`"),
        (json!({"body": {"/temperature": [1]}}), "the body's `/temperature`"),
    ] {
        let mut rule = rule;
        rule["operation"] = json!(operation);
        let policy = with(&json!({"rules": [rule]}));
        assert_unknown(&ask(&policy, None, &json!({})), missing);
        // Whoever lacks the scope is refused whatever the rest is.
        let refused = ask(&policy, None, &json!({"scopes_held": []}));
        assert_change(&refused, Verdict::Allow, Verdict::Deny, "scope_missing");
        // In shadow mode a rule refuses nothing.
        rule["mode"] = json!("shadow");
        assert_eq!(ask(&with(&json!({"rules": [rule]})), None, &json!({})).same, 1);
    }
    let policy = with(&json!({}));
    for (members, missing) in [
        (json!({"scopes_held": null}), "the caller's scopes"),
        (json!({"principal": null, "decision": "deny", "reason": "scope_missing"}), "the caller"),
        (json!({"path": "/v1/chat/[masked:email]"}), "the whole path"),
        (
            json!({"decision": "deny", "reason": "token_expired"}),
            "the request and the token as they were (refused: token_expired)",
        ),
        (
            json!({"method": "POST", "path": "/mcp", "operation": null, "facts": {}}),
            "the body's `method`",
        ),
    ] {
        assert_unknown(&ask(&policy, None, &members), missing);
    }
}

#[test]
fn a_body_on_record_is_read() {
    let rule = json!({"operation": "openai.chat.completions.create", "body": {"/user": ["bob@example.com"]}});
    let policy = with(&json!({"rules": [rule]}));
    let request = |body: &str| json!({"request": {"bytes": 1, "content_type": "application/json", "body": body}});
    let body = r#"{"model":"gpt-4o","user":"bob@example.com"}"#;
    assert_eq!(ask(&policy, None, &request(body)).same, 1);
    let body = r#"{"model":"gpt-4o","user":"eve@example.com"}"#;
    let refused = ask(&policy, None, &request(body));
    assert_change(&refused, Verdict::Allow, Verdict::Deny, "condition_failed");
    let body = r#"{"model":"gpt-4o","user":"[masked:email]"}"#;
    assert_unknown(&ask(&policy, None, &request(body)), "the body's `/user`");
    let mut cut = request(r#"{"model":"gpt-4o","us"#);
    cut["request"]["cut"] = json!(true);
    assert_unknown(&ask(&policy, None, &cut), "the body's `/user`");
}

#[test]
fn groups_are_not_on_record() {
    let roles = json!({"roles": {"r": {"groups": ["g"], "scopes": ["autogen:prompt"]}}});
    let (with_roles, without) = (with(&roles), with(&json!({})));
    let refused = json!({"decision": "deny", "reason": "scope_missing", "scopes_held": []});
    assert_unknown(&ask(&with_roles, None, &refused), "the caller's groups");
    assert_eq!(ask(&without, None, &refused).same, 1);
    // The policy that decided then had the same roles: they did not help.
    let mut same = refused.clone();
    same["policy_hash"] = json!(with_roles.hash);
    assert_eq!(ask(&with_roles, Some(&with_roles), &same).same, 1);
    same["policy_hash"] = json!(without.hash);
    assert_unknown(&ask(&with_roles, Some(&without), &same), "the caller's groups");
}

#[test]
fn approvals_and_shadow_have_verdicts_of_their_own() {
    let approvals = json!({"approvals": {
        "cluster": "approvals",
        "url": "http://approvals.internal/v1/approvals",
        "verdict_keys": {"inline": {"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "kgsO4bIG_duQhzBr8d2-3HU3_S-DANze4MIlW-sw7m8"},
        ]}},
        "require": [{"operation": "openai.chat.completions.create", "tier": ["infer"], "scope": "acme:approve"}],
    }});
    let policy = with(&approvals);
    let held = ask(&policy, None, &json!({}));
    assert_change(&held, Verdict::Allow, Verdict::Hold, "approval_required");
    let approved = json!({"approval": {"id": "a", "status": "approved"}});
    assert_eq!(ask(&policy, None, &approved).same, 1);
    let policy = with(&json!({}));
    let approved = json!({"approval": {"id": "a", "status": "approved"}});
    assert_change(&ask(&policy, None, &approved), Verdict::Hold, Verdict::Allow, "ok");
    let shadow = record(&json!({"decision": "shadow_deny", "reason": "scope_missing"}));
    for (passed, then) in [(false, Verdict::Deny), (true, Verdict::Allow)] {
        let mut outcome = Outcome::default();
        outcome.line(&shadow, &Candidate { policy: &policy, then: None, passed });
        assert_eq!(outcome.changes.is_empty(), then == Verdict::Allow);
    }
}

#[test]
fn only_decisions_are_replayed() {
    let policy = with(&json!({}));
    let candidate = Candidate { policy: &policy, then: None, passed: false };
    let mut outcome = Outcome::default();
    for line in [
        r#"{"kind":"intent"}"#,
        r#"{"kind":"end"}"#,
        r#"{"kind":"decision","decision":"abandoned"}"#,
    ] {
        outcome.line(line.as_bytes(), &candidate);
    }
    outcome.line(b"[2026-11-24 10:00:00] not JSON", &candidate);
    assert_eq!((outcome.requests, outcome.not_records), (0, 1));
}

#[test]
fn counts_tell_when() {
    let policy = with(&json!({}));
    let candidate = Candidate { policy: &policy, then: None, passed: false };
    let mut outcome = Outcome::default();
    for (time, id) in [("2026-11-24T10:00:05.000Z", "r-5"), ("2026-11-24T10:00:01.000Z", "r-1")] {
        let members = json!({"scopes_held": [], "time": time, "record": id});
        outcome.line(&record(&members), &candidate);
    }
    let of = outcome.changes.first_key_value().unwrap().1;
    let count = of.first_key_value().unwrap().1;
    assert_eq!((count.count, &*count.example), (2, "r-5"));
    assert_eq!(
        (&*count.first, &*count.last),
        ("2026-11-24T10:00:01.000Z", "2026-11-24T10:00:05.000Z")
    );
}
