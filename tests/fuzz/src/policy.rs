//! A policy that compiles is whole, and means the same however it was written.

use scopewarden_core::node::Node;
use scopewarden_core::policy::{Endpoint, Operation, Policy};
use serde_json::Value;

/// One policy document: JSON, or a `google.protobuf.Struct`.
pub fn check(bytes: &[u8]) {
    let Ok(document) = Node::from_config(bytes) else { return };
    let outcome = Policy::compile(&document);
    let again = Node::from_json(Value::from(&document).to_string().as_bytes());
    match outcome {
        Ok((policy, findings)) => {
            is_whole(&policy);
            findings.iter().for_each(|finding| assert!(!finding.to_string().is_empty()));
            let again = again.expect("a compiled policy can be written as JSON");
            let (again, _) = Policy::compile(&again).expect("and compiles again");
            assert_eq!(again.hash, policy.hash, "two spellings of one policy share a hash");
        }
        Err(findings) => {
            let key = document.get("redact").and_then(|redact| redact.get("hash_key"));
            let key = match key {
                Some(Node::String(key)) if key.len() >= 16 => Some(key.as_str()),
                _ => None,
            };
            assert!(!findings.is_empty(), "refused without a word");
            for finding in findings {
                let text = finding.to_string();
                let about_key = finding.path.to_string() == "redact.hash_key";
                let shown = about_key && key.is_some_and(|key| text.contains(key));
                assert!(!shown, "the hash key is shown: {text}");
                assert!(!text.contains('\u{1b}'), "a policy drives the terminal: {text:?}");
            }
        }
    }
}

/// Every index leads somewhere, and every operation needs a scope unless the policy says that it is public.
fn is_whole(policy: &Policy) {
    let operation = |id: usize| policy.operations.get(id).expect("an operation is missing");
    for route in policy.matcher.routes() {
        match policy.endpoints.get(route.value).expect("an endpoint is missing") {
            Endpoint::Plain { base, variants, .. } => {
                is_judged(operation(*base));
                for variant in variants {
                    is_judged(operation(variant.operation));
                    assert!(variant.pointer < policy.pointers.len());
                }
            }
            Endpoint::JsonRpc { surface, methods, response, .. } => {
                assert!(*surface < policy.surfaces.len());
                response.map(operation).into_iter().for_each(is_judged);
                for method in methods.values() {
                    is_judged(operation(method.base));
                    method.variants.iter().for_each(|v| is_judged(operation(v.operation)));
                }
            }
        }
    }
    if let Some(redact) = &policy.redact {
        assert!(redact.operations().all(|id| id < policy.operations.len()));
        // Who holds more sees no less: what is masked for them is masked for all.
        assert!(redact.rules(&|_| true).is_none() || redact.rules(&|_| false).is_some());
    }
    for operation in &policy.operations {
        assert!(operation.surface < policy.surfaces.len());
        assert!(operation.rules.iter().all(|id| *id < policy.rules.len()));
    }
}

fn is_judged(operation: &Operation) {
    if let Some(scopes) = &operation.scopes {
        assert!(!scopes.is_empty(), "`{}` is open to every caller", operation.id);
        assert!(scopes.iter().all(|scope| !scope.is_empty()));
    }
}
