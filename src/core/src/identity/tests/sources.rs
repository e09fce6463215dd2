//! Callers that the proxy has proven.

use std::collections::BTreeMap;

use super::super::*;
use super::mint::{NOW, NOW_SECS, SKEW};
use crate::limits;
use crate::reason::Reason;

/// Properties by their path, joined with `|`.
#[derive(Default)]
struct Fake(BTreeMap<String, Vec<u8>>);

impl Properties for Fake {
    fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.0.get(&path.join("|")).cloned()
    }
}

impl Fake {
    fn set(&mut self, path: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.0.insert(path.to_owned(), value.as_ref().to_vec());
        self
    }

    fn claim(&mut self, path: &str, value: impl AsRef<[u8]>) -> &mut Self {
        let prefix = "metadata|filter_metadata|envoy.filters.http.jwt_authn|jwt_payload";
        self.set(&format!("{prefix}|{path}"), value)
    }
}

fn number(value: f64) -> [u8; 8] {
    value.to_le_bytes()
}

fn source() -> JwtAuthn {
    JwtAuthn {
        metadata_key: "jwt_payload".to_owned(),
        issuers: vec!["https://idp.example/".to_owned()],
        scope_claim: ClaimName::scope(),
        groups_claim: ClaimName::parse("realm.groups").ok(),
        claims: vec![ClaimName::parse("email").unwrap()],
    }
}

fn payload() -> Fake {
    let mut fake = Fake::default();
    fake.claim("iss", "https://idp.example/")
        .claim("sub", "alice")
        .claim("exp", number((NOW_SECS + 600) as f64))
        .claim("scope", "a b")
        .claim("email", "alice@example.com")
        .claim("realm|groups|0", "ml")
        .claim("realm|groups|1", "eng")
        .claim("act", "\0\0\0\0")
        .claim("act|sub", "planner");
    fake
}

fn read(fake: &Fake) -> Result<Option<Principal>, TokenError> {
    from_jwt_authn(&source(), fake, SKEW, NOW)
}

#[test]
fn a_payload_that_envoy_verified() {
    let caller = read(&payload()).unwrap().unwrap();
    assert_eq!(
        (caller.issuer.as_str(), caller.subject.as_str()),
        ("https://idp.example/", "alice")
    );
    assert!(caller.scopes.iter().eq(["a", "b"]));
    assert!(caller.groups.iter().eq(["eng", "ml"]));
    assert_eq!(caller.claims["email"], "alice@example.com");
    assert_eq!(caller.actors.len(), 1);
    assert_eq!(caller.actors[0].subject, "planner");
    assert_eq!(caller.proof, Proof::JwtAuthn);
    assert_eq!(caller.expires.map(|t| t.as_secs()), Some(NOW_SECS + 600));
    assert_eq!(read(&Fake::default()), Ok(None));
}

#[test]
fn a_payload_is_judged_like_a_token() {
    let refused = |change: &dyn Fn(&mut Fake)| {
        let mut fake = payload();
        change(&mut fake);
        read(&fake).unwrap_err().reason
    };
    let drop = |fake: &mut Fake, name: &str| fake.0.retain(|path, _| !path.ends_with(name));
    assert_eq!(refused(&|f| drop(f, "|iss")), Reason::TokenIssuer);
    assert_eq!(refused(&|f| drop(f, "payload|sub")), Reason::TokenClaims);
    assert_eq!(refused(&|f| drop(f, "|exp")), Reason::TokenClaims);
    assert_eq!(refused(&|f| drop(f, "act|sub")), Reason::TokenClaims);
    for (claim, value, reason) in [
        ("iss", &b"https://evil.example/"[..], Reason::TokenIssuer),
        ("iss", &number(7.0), Reason::TokenClaims),
        ("sub", b"", Reason::TokenClaims),
        ("sub", &number(7.0), Reason::TokenClaims),
        ("sub", b"\xff", Reason::TokenClaims),
        ("sub", b"a\nb", Reason::TokenClaims),
        ("exp", &number((NOW_SECS - 60) as f64), Reason::TokenExpired),
        ("exp", &number(f64::NAN), Reason::TokenClaims),
        ("exp", &number(f64::INFINITY), Reason::TokenClaims),
        ("exp", &number(-1.0), Reason::TokenClaims),
        ("exp", &number(1e300), Reason::TokenClaims),
        ("exp", &number(NOW_SECS as f64 + 600.5), Reason::TokenClaims),
        ("exp", b"1795507800", Reason::TokenClaims),
        ("exp", b"", Reason::TokenClaims),
        ("scp", b"c", Reason::TokenClaims),
        ("email", &number(1.0), Reason::TokenClaims),
    ] {
        let found = refused(&|f: &mut Fake| {
            f.claim(claim, value);
        });
        assert_eq!(found, reason, "{claim} {value:?}");
    }
}

#[test]
fn lists_and_empty_lists() {
    let mut fake = payload();
    fake.0.retain(|path, _| !path.contains("groups"));
    fake.claim("realm|groups", [0; 4]);
    assert!(read(&fake).unwrap().unwrap().groups.is_empty());
    for n in 0..=limits::MAX_GROUPS {
        fake.claim(&format!("realm|groups|{n}"), n.to_string());
    }
    assert_eq!(read(&fake).unwrap_err().reason, Reason::TokenClaims);
    let mut long = payload();
    let mut path = "act".to_owned();
    for _ in 0..=limits::MAX_ACTORS {
        long.claim(&path, "\0\0\0\0").claim(&format!("{path}|sub"), "a");
        path.push_str("|act");
    }
    assert_eq!(read(&long).unwrap_err().reason, Reason::TokenClaims);
}

fn peer(uri: &str) -> Fake {
    let mut fake = Fake::default();
    fake.set("connection|mtls", [1]).set("connection|uri_san_peer_certificate", uri);
    fake
}

fn mtls(fake: &Fake) -> Result<Option<Principal>, TokenError> {
    from_mtls(&Mtls { trust_domains: vec!["cluster.local".to_owned()] }, fake)
}

#[test]
fn a_spiffe_peer_is_its_own_group() {
    let id = "spiffe://cluster.local/ns/agents/sa/planner";
    let caller = mtls(&peer(id)).unwrap().unwrap();
    assert_eq!((caller.issuer.as_str(), caller.subject.as_str()), ("cluster.local", id));
    assert!(caller.groups.iter().eq([id]));
    assert!(caller.scopes.is_empty());
    assert_eq!((caller.proof.name(), caller.expires), ("mtls", None));
}

#[test]
fn a_certificate_that_was_not_validated_is_none() {
    let mut fake = peer("spiffe://cluster.local/ns/a");
    for value in [&[0][..], &[], &[1, 1], b"true"] {
        fake.set("connection|mtls", value);
        assert_eq!(mtls(&fake), Ok(None), "{value:?}");
    }
    fake.0.remove("connection|mtls");
    assert_eq!(mtls(&fake), Ok(None));
}

#[test]
fn other_names_are_no_spiffe_ids() {
    let long = format!("spiffe://cluster.local/{}", "a".repeat(2048));
    for uri in [
        "",
        "spiffe://",
        "spiffe://cluster.local",
        "spiffe://cluster.local/",
        "spiffe://cluster.local/a/",
        "spiffe://cluster.local//a",
        "spiffe://cluster.local/../a",
        "spiffe://cluster.local/./a",
        "spiffe://cluster.local/a%2fb",
        "spiffe://cluster.local/a?x",
        "spiffe://cluster.local/a#x",
        "spiffe://cluster.local:443/a",
        "spiffe://user@cluster.local/a",
        "spiffe://CLUSTER.local/a",
        "SPIFFE://cluster.local/a",
        "https://cluster.local/a",
        "spiffe://evil.local/a",
        "spiffe://cluster.local.evil/a",
        " spiffe://cluster.local/a",
        long.as_str(),
    ] {
        let error = mtls(&peer(uri)).unwrap_err();
        assert_eq!(error.reason, Reason::IdentityMissing, "{uri}");
    }
    let mut bytes = peer("");
    bytes.set("connection|uri_san_peer_certificate", b"spiffe://cluster.local/\xff");
    assert!(mtls(&bytes).is_err());
}
