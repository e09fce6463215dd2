//! S1-S3: scopes as tokens carry them.

use serde_json::{Value, json};

use super::super::*;
use super::mint::*;
use crate::limits;
use crate::reason::Reason;

/// The scopes of a token with these claims and no others about scopes, read from `source`.
fn scopes(source: &str, claims: Value) -> Result<Vec<String>, Reason> {
    let issuer = Issuer { scope_claim: ClaimName::parse(source).unwrap(), ..issuer() };
    let token = with_payload(&with(without(payload(), "scope"), claims));
    match verify_as(&token, &issuer) {
        Ok(caller) => Ok(caller.scopes.into_iter().collect()),
        Err(error) => Err(error.reason),
    }
}

fn none() -> Result<Vec<String>, Reason> {
    Ok(Vec::new())
}

#[test]
fn s1_one_source() {
    let both = || Ok(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(scopes("scope", json!({"scope": "a b"})), both());
    assert_eq!(scopes("scope", json!({"scope": ["b", "a"]})), both());
    assert_eq!(scopes("scp", json!({"scp": "a b"})), both());
    assert_eq!(scopes("scp", json!({"scp": ["a", "b"]})), both());
    assert_eq!(scopes("auth.roles", json!({"auth": {"roles": ["a", "b"]}})), both());
    assert_eq!(scopes("https://x.example/p", json!({"https://x.example/p": ["a", "b"]})), both());
    // The other spelling is not a source, and absent is no scope.
    assert_eq!(scopes("scope", json!({})), none());
    assert_eq!(scopes("permissions", json!({"scope": "a"})), none());
    // Both, and the same: one reading. Both, and different: two.
    assert_eq!(scopes("scope", json!({"scope": "a b", "scp": ["b", "a"]})), both());
    for (scope, scp) in [
        (json!("a"), json!("a b")),
        (json!("a"), json!(["b"])),
        (json!("a"), json!("")),
        (json!("a"), json!([])),
    ] {
        for source in ["scope", "scp"] {
            let claims = json!({"scope": scope, "scp": scp});
            assert_eq!(scopes(source, claims), Err(Reason::TokenClaims), "{scope} {scp}");
        }
    }
    assert_eq!(scopes("scope", json!({"scp": "a"})), Err(Reason::TokenClaims));
    for wrong in [json!(5), json!(null), json!(true), json!({"a": 1}), json!(["a", 5])] {
        let refused = scopes("scope", json!({"scope": wrong}));
        assert_eq!(refused, Err(Reason::TokenClaims), "{wrong}");
    }
}

#[test]
fn s2_whole_tokens() {
    let held = scopes("scope", json!({"scope": "read:all administrator * read:*"})).unwrap();
    // A star in a token is a character like any other; it is compared, never matched.
    assert_eq!(held, ["*", "administrator", "read:*", "read:all"]);
    for wanted in ["read", "admin", "read:x"] {
        assert!(!held.iter().any(|s| s == wanted));
    }
}

#[test]
fn s3_single_spaces_or_nothing() {
    for text in ["a\tb", "a\u{a0}b", "a  b", " a", "a ", "", " ", "a\nb", "a\"b", "a\\b", "é"] {
        assert_eq!(scopes("scope", json!({"scope": text})), none(), "{text:?}");
    }
    for list in [json!(["a b"]), json!([""]), json!(["a", "b\t"]), json!([])] {
        assert_eq!(scopes("scope", json!({"scope": list})), none(), "{list}");
    }
    // A comma separates nothing, and case is kept.
    assert_eq!(scopes("scope", json!({"scope": "a,b A"})).unwrap(), ["A", "a,b"]);
    assert_eq!(scopes("scope", json!({"scope": "a a a"})).unwrap(), ["a"]);
}

#[test]
fn s3_too_many() {
    let many = |n: usize| (0..n).map(|i| format!("s{i}")).collect::<Vec<_>>();
    let most = scopes("scope", json!({"scope": many(limits::MAX_SCOPES)})).unwrap();
    assert_eq!(most.len(), limits::MAX_SCOPES);
    let over = scopes("scope", json!({"scope": many(limits::MAX_SCOPES + 1).join(" ")}));
    assert_eq!(over, Err(Reason::TokenClaims));
}

#[test]
fn groups_are_names_not_lists_in_a_string() {
    let groups = |value: Value| {
        let issuer = Issuer { groups_claim: ClaimName::parse("g").ok(), ..issuer() };
        let caller = verify_as(&with_claims(json!({"g": value})), &issuer);
        caller.map(|c| c.groups.into_iter().collect::<Vec<_>>()).map_err(|e| e.reason)
    };
    assert_eq!(groups(json!("ml eng")), Ok(vec!["ml eng".to_owned()]));
    assert_eq!(groups(json!(["b", "a"])), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(groups(json!([])), Ok(Vec::new()));
    let many: Vec<String> = (0..=limits::MAX_GROUPS).map(|i| i.to_string()).collect();
    assert_eq!(groups(json!(many)), Err(Reason::TokenClaims));
    assert_eq!(groups(json!(many[1..])).map(|g| g.len()), Ok(limits::MAX_GROUPS));
    assert_eq!(groups(json!(null)), Err(Reason::TokenClaims));
}
