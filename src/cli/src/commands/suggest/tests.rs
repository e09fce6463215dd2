//! Drafts from what the product's own scenarios leave on record.

use scopewarden_core::policy::Policy;
use serde_json::{Value, json};

use super::drafted;
use super::seen::Seen;
use crate::commands::replay::compare::{Candidate, Change, Outcome};
use crate::commands::replay::recorded::Verdict;
use crate::commands::replay::tests::recorded;
use crate::load::Loaded;

#[test]
fn a_draft_is_valid_and_allows_what_was_allowed() {
    let mut drafts: usize = 0;
    for (node, _, records) in recorded("none") {
        let mut seen = Seen::default();
        records.iter().for_each(|(_, record)| seen.line(record.as_bytes()));
        if seen.allowed == 0 {
            continue;
        }
        let policy = Policy::compile(&node).unwrap().0;
        let base = Loaded { node, policy };
        let (text, draft) = drafted(&base, &seen).unwrap_or_else(|failure| panic!("{failure}"));
        let candidate =
            Candidate { policy: &draft.policy, then: Some(&base.policy), passed: false };
        for (name, record) in records {
            let mut outcome = Outcome::default();
            outcome.line(record.as_bytes(), &candidate);
            let refused = Change { then: Verdict::Allow, now: Verdict::Deny };
            assert!(!outcome.changes.contains_key(&refused), "{name}: {outcome:#?}\n{text}");
        }
        drafts = drafts.saturating_add(1);
    }
    assert!(drafts > 5, "{drafts}");
}

fn record(members: &Value) -> String {
    let mut record = json!({
        "kind": "decision", "record": "r-1", "time": "2026-11-24T10:00:00.000Z", "decision": "allow", "reason": "ok",
        "principal": {"issuer": "https://idp", "subject": "bob\n  evil: true", "proof": "jwt"}, "method": "POST",
        "path": "/v1/chat/completions", "operation": "openai.chat.completions.create", "surface": "openai",
        "scopes_held": ["autogen:prompt"],
    });
    record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    record.to_string()
}

fn draft(records: &[Value]) -> String {
    let base = r#"{
        "policy": "p",
        "identity": {"issuers": [{"issuer": "https://idp", "audiences": ["a"], "jwks": {"cluster": "c", "url": "https://idp/keys"}}]},
        "surfaces": [{"use": "openai", "mount": "/v1"}, {"use": "mcp", "mount": "/mcp"}]
    }"#;
    let node: scopewarden_core::node::Node = serde_json::from_str(base).unwrap();
    let policy = Policy::compile(&node).unwrap().0;
    let mut seen = Seen::default();
    records.iter().for_each(|members| seen.line(record(members).as_bytes()));
    drafted(&Loaded { node, policy }, &seen).unwrap().0
}

#[test]
fn what_was_not_seen_is_left_out() {
    let text = draft(&[json!({"facts": {"model": "a"}}), json!({"facts": {"model": "b*"}})]);
    assert!(!text.contains("use: mcp"), "{text}");
    assert!(text.contains("openai.responses.create"), "{text}");
    assert!(text.contains("scopewarden:not-seen"), "{text}");
    // What a caller chose stays within its comment.
    assert!(text.contains("bob\\n  evil: true (2)"), "{text}");
    let refused = json!({"decision": "deny", "reason": "scope_missing", "facts": {"model": "c"}});
    assert!(!draft(&[json!({"facts": {"model": "a"}}), refused]).contains("# c:"));
}

#[test]
fn a_model_that_is_not_known_leaves_models_open() {
    let text = draft(&[json!({"facts": {"model": "a"}}), json!({})]);
    assert!(!text.contains("models:\n"), "{text}");
    let cut = json!({"facts": {"model": format!("{}… (2000 bytes)", "x".repeat(1024))}});
    assert!(!draft(&[cut]).contains("models:\n"));
}

#[test]
fn very_many_models_become_patterns() {
    let many: Vec<Value> =
        (0..40).map(|n| json!({"facts": {"model": format!("gpt-{n}")}})).collect();
    assert!(draft(&many).contains("\"gpt-*\""), "{}", draft(&many));
}
