//! What `redact` compiles to. Findings are tested by the fixtures.

use serde_json::{Value, json};

use crate::node::Node;
use crate::policy::{OperationId, Policy};
use crate::redact::{Kind, Masker, Stop};

const KEY: &str = "q0pKqTrTJ0fxGqfXW2yWwVt0cBn9oUqLzq0YcGN3a4E=";
const TEXT: &str = r#"{"mail":"bob@example.com","card":"4111 1111 1111 1111","key":"ghp_16C7e42F292c6912E7710c838347Ae178B4a","id":"EMP-123456"}"#;

fn compile(redact: Value) -> Policy {
    let document = json!({
        "policy": "test",
        "identity": {"issuers": [{
            "issuer": "https://idp.example/",
            "audiences": ["agents"],
            "jwks": {"cluster": "idp", "url": "https://idp.example.com/keys"},
        }]},
        "surfaces": [{"use": "autogen-studio", "mount": "/api"}],
        "redact": redact,
    });
    match Policy::compile(&Node::from_json(document.to_string().as_bytes()).unwrap()) {
        Ok((policy, _)) => policy,
        Err(findings) => panic!("{findings:#?}"),
    }
}

fn operation(policy: &Policy, id: &str) -> OperationId {
    policy.operations.iter().position(|o| o.id == id).unwrap_or_else(|| panic!("{id}"))
}

/// The mail, the card, the key and the id that the holder of `scopes` gets of a team.
fn seen(policy: &Policy, scopes: &[&str]) -> Result<[String; 4], Stop> {
    let redact = policy.redact.as_ref().unwrap();
    let id = operation(policy, "autogen-studio.teams.create");
    let Some(rules) = redact.rules_for(id, &|scope| scopes.contains(&scope)) else {
        panic!("nothing is masked")
    };
    let mut masker = Masker::new(rules, Kind::Json);
    let mut out = Vec::new();
    masker.feed(TEXT.as_bytes(), &mut out)?;
    masker.finish(&mut out)?;
    let out: Value = serde_json::from_slice(&out).unwrap();
    Ok(["mail", "card", "key", "id"].map(|name| out[name].as_str().unwrap().to_owned()))
}

#[test]
fn secrets_are_the_default() {
    let policy = compile(json!({}));
    assert_eq!(
        seen(&policy, &[]).unwrap(),
        ["bob@example.com", "4111 1111 1111 1111", "ghp_[masked:github]", "EMP-123456"]
    );
    assert_eq!(policy.redact.unwrap().operations().count(), policy.operations.len());
    let without = compile(json!({"detectors": [], "fields": ["mail"]}));
    let [mail, _, key, _] = seen(&without, &[]).unwrap();
    assert_eq!(mail, "[masked]");
    assert!(!key.contains("masked"));
}

#[test]
fn what_is_said_of_one_counts_more_than_what_is_said_of_its_group() {
    let policy = compile(json!({
        "detectors": ["email", {"use": ["pii", "secrets"], "visible_to": "s:all"}, {"use": "github", "visible_to": "s:git"}],
        "patterns": [{"name": "employee_id", "pattern": "EMP-[0-9]{6}", "visible_to": "s:git"}],
        "actions": {"email": "hash", "personal": {"partial": 3}},
        "hash_key": KEY,
    }));
    // printf %s bob@example.com | openssl dgst -sha256 -mac HMAC -macopt hexkey:$(echo "$KEY" | base64 -d | xxd -p -c 99)
    let hashed = "[email:019937bc219206c2]";
    assert_eq!(
        seen(&policy, &[]).unwrap(),
        [hashed, "[masked:card:111]", "ghp_[masked:github]", "[masked:employee_id]"]
    );
    assert_eq!(
        seen(&policy, &["s:all"]).unwrap(),
        [hashed, "4111 1111 1111 1111", "ghp_[masked:github]", "[masked:employee_id]"]
    );
    let [_, card, key, id] = seen(&policy, &["s:git"]).unwrap();
    assert_eq!((card.as_str(), key.len(), id.as_str()), ("[masked:card:111]", 40, "EMP-123456"));
}

#[test]
fn an_action_may_end_the_response() {
    let policy = compile(json!({"detectors": ["card"], "actions": {"card": "block"}}));
    assert!(matches!(seen(&policy, &[]), Err(Stop::Blocked(_))));
}

#[test]
fn variants_are_masked_as_their_operation() {
    let policy = compile(json!({"on": "autogen-studio.teams.create"}));
    let redact = policy.redact.as_ref().unwrap();
    for (id, masked) in [
        ("autogen-studio.teams.create", true),
        ("autogen-studio.teams.overwrite", true),
        ("autogen-studio.teams.list", false),
    ] {
        let rules = redact.rules_for(operation(&policy, id), &|_| false);
        assert_eq!(rules.is_some(), masked, "{id}");
    }
}

#[test]
fn the_hash_takes_it_in_and_nothing_shows_the_key() {
    let hashed = |key: &str| {
        compile(json!({"detectors": ["email"], "actions": {"email": "hash"}, "hash_key": key}))
    };
    let (one, other) = (hashed(KEY), hashed(&KEY.replace('q', "r")));
    assert_ne!(one.hash, other.hash);
    assert_ne!(seen(&one, &[]).unwrap(), seen(&other, &[]).unwrap());
    let rules = one.redact.as_ref().unwrap().rules(&|_| false);
    let shown = format!("{one:?} {rules:?}");
    // The key as text, and its first bytes as numbers.
    assert!(!shown.contains("q0pKqT") && !shown.contains("171, 74, 74, 169"), "{shown}");
}

#[test]
fn both_alphabets_of_base64_are_one_key() {
    let of = |key: &str| {
        let policy =
            compile(json!({"detectors": ["email"], "actions": {"email": "hash"}, "hash_key": key}));
        seen(&policy, &[]).unwrap()
    };
    let bytes = "-_".repeat(20) + "abcd";
    assert_eq!(of(&bytes), of(&(bytes.replace('-', "+").replace('_', "/"))));
    assert_eq!(of(KEY), of(KEY.trim_end_matches('=')));
}
