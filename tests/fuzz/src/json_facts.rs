//! What is read from a body is what a tree of the same document says.

use std::sync::LazyLock;

use scopewarden_core::body::{self, Envelope, Fact, Facts, RpcId};
use scopewarden_core::limits;
use scopewarden_core::node::Node;
use scopewarden_core::operation::Pointer;
use scopewarden_core::policy::Plan;
use scopewarden_core::reason::Reason;
use serde_json::Value;

/// What the fuzzed bodies are read for: members, elements, elements of elements, and a value above another.
const POINTERS: [&str; 8] = [
    "/model",
    "/stream",
    "/user_id",
    "/input",
    "/input/*/type",
    "/tools/*/names/*",
    "/params/name",
    "/params/arguments/repo",
];

static PLAN: LazyLock<(Vec<Pointer>, Plan)> = LazyLock::new(|| {
    let mut plan = Plan::default();
    let pointers: Vec<Pointer> = POINTERS.iter().map(|p| Pointer::parse(p).unwrap()).collect();
    for (id, pointer) in pointers.iter().enumerate() {
        plan.add(id, pointer);
    }
    (pointers, plan)
});

/// One body, read as plain JSON and as JSON-RPC.
pub fn check(body: &[u8]) {
    let (pointers, plan) = &*PLAN;
    let read = body::read(body, plan);
    match &read {
        Ok(facts) => same_as_tree(body, pointers, facts),
        Err(error) => is_true(body, error.reason),
    }
    if let Ok((facts, envelope)) = body::read_rpc(body, plan) {
        assert_eq!(read, Ok(facts), "JSON-RPC is read like any other body");
        envelope_agrees(&tree(body), &envelope);
    }
}

fn tree(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("an accepted body is JSON")
}

fn same_as_tree(body: &[u8], pointers: &[Pointer], facts: &Facts) {
    let tree = tree(body);
    assert!(tree.is_object(), "an accepted body is an object");
    assert!(!body.contains(&0));
    Node::from_json(body).expect("an accepted body has no member twice");
    for (id, pointer) in pointers.iter().enumerate() {
        let mut expected = Vec::new();
        collect(&tree, pointer.steps(), &mut expected);
        let found: Vec<&Fact> = facts.all(id).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{}", POINTERS[id]);
    }
}

/// The values that the steps lead to, and a check that no member beside them is one of them in other letters.
fn collect(value: &Value, steps: &[String], into: &mut Vec<Fact>) {
    match (steps, value) {
        ([], value) => into.push(fact(value)),
        ([step, below @ ..], Value::Array(items)) if step == "*" => {
            items.iter().for_each(|item| collect(item, below, into));
        }
        ([step, below @ ..], Value::Object(members)) if step != "*" => {
            for (name, value) in members {
                if name == step {
                    collect(value, below, into);
                } else {
                    assert!(!name.eq_ignore_ascii_case(step), "`{name}` could be `{step}`");
                }
            }
        }
        _ => {}
    }
}

fn fact(value: &Value) -> Fact {
    match value {
        Value::Null => Fact::Null,
        Value::Bool(flag) => Fact::Bool(*flag),
        Value::Number(number) => number.as_i64().map_or(Fact::Other, Fact::Integer),
        Value::String(text) if text.len() <= limits::MAX_FACT_BYTES => Fact::Text(text.clone()),
        Value::String(_) | Value::Array(_) | Value::Object(_) => Fact::Other,
    }
}

/// A refusal says what is the case: a client is told to mend that.
fn is_true(body: &[u8], reason: Reason) {
    let parsed = serde_json::from_slice::<Value>(body);
    match reason {
        Reason::JsonMalformed => assert!(parsed.is_err(), "malformed, and yet JSON"),
        Reason::JsonDuplicateKey => assert!(Node::from_json(body).is_err(), "no member is twice"),
        Reason::JsonNotUtf8 => {
            let marked = body.starts_with(b"\xef\xbb\xbf") || body.contains(&0);
            assert!(marked || std::str::from_utf8(body).is_err(), "it is UTF-8");
        }
        Reason::FieldInvalid => assert!(!parsed.is_ok_and(|v| v.is_object()), "it is an object"),
        Reason::JsonAmbiguousKey | Reason::JsonTooComplex => {}
        other => panic!("a body is refused as {}", other.code()),
    }
}

fn envelope_agrees(tree: &Value, envelope: &Envelope) {
    assert_eq!(tree["jsonrpc"], "2.0");
    let answer = tree.get("result").is_some() || tree.get("error").is_some();
    match envelope {
        Envelope::Request { method, id } => {
            let same = match id {
                RpcId::Text(text) => tree["id"] == text.as_str(),
                RpcId::Integer(number) => tree["id"] == *number,
            };
            assert!(same && tree["method"] == method.as_str() && !answer);
        }
        Envelope::Notification { method } => {
            assert!(tree.get("id").is_none() && tree["method"] == method.as_str() && !answer);
        }
        Envelope::Response => {
            assert!(answer && tree.get("method").is_none() && tree.get("id").is_some());
        }
    }
}
