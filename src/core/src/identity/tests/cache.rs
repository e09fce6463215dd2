//! Verified tokens are remembered as long as what verified them holds.

use std::sync::Arc;

use serde_json::json;

use super::super::*;
use super::mint::*;
use crate::limits;
use crate::time::UnixMillis;

fn remote() -> (Issuer, KeyRing) {
    let source = RemoteKeys {
        cluster: "idp".to_owned(),
        authority: "idp.example".to_owned(),
        path: "/jwks".to_owned(),
        scheme: "https".to_owned(),
        refresh_ms: 60_000,
        timeout_ms: 5000,
    };
    let issuer = Issuer { keys: KeySource::Remote(source), ..issuer() };
    let mut ring = KeyRing::new(std::slice::from_ref(&issuer));
    fetch(&mut ring, NOW, &["ed", "p256"]);
    (issuer, ring)
}

fn fetch(ring: &mut KeyRing, now: UnixMillis, names: &[&str]) {
    let keys: Vec<_> = names.iter().map(|n| jwk(n)).collect();
    let outcome = FetchOutcome::Response { status: 200, body: &jwks(&keys) };
    ring.fetched(0, now, outcome).unwrap();
}

fn verified(token: &str, issuer: &Issuer, ring: &KeyRing) -> Verified {
    verify(token.as_bytes(), std::slice::from_ref(issuer), ring, SKEW, NOW, &NoHost).unwrap()
}

#[test]
fn a_hit_shares_the_caller() {
    let (issuer, ring) = remote();
    let token = good();
    let mut cache = TokenCache::default();
    assert!(cache.is_empty());
    assert!(cache.get(token.as_bytes(), &ring, NOW).is_none());
    let caller = cache.insert(token.as_bytes(), verified(&token, &issuer, &ring), NOW);
    let hit = cache.get(token.as_bytes(), &ring, NOW).unwrap();
    assert!(Arc::ptr_eq(&caller, &hit));
    assert_eq!(cache.len(), 1);
    // Any other bytes are another token.
    let mut other = token.into_bytes();
    *other.last_mut().unwrap() ^= 1;
    assert!(cache.get(&other, &ring, NOW).is_none());
}

#[test]
fn entries_end_with_exp_without_skew() {
    let (issuer, mut ring) = remote();
    let token = good();
    let mut cache = TokenCache::default();
    cache.insert(token.as_bytes(), verified(&token, &issuer, &ring), NOW);
    let exp = UnixMillis::from_secs(NOW_SECS + 600);
    assert!(cache.get(token.as_bytes(), &ring, UnixMillis(exp.0 - 1)).is_some());
    assert!(cache.get(token.as_bytes(), &ring, exp).is_none());
    assert_eq!(cache.len(), 0, "an entry that ended is gone");
    // A token within its skew is verified every time.
    fetch(&mut ring, NOW, &["ed"]);
    let late = with_claims(json!({"exp": NOW_SECS - 5}));
    cache.insert(late.as_bytes(), verified(&late, &issuer, &ring), NOW);
    assert_eq!(cache.len(), 0);
}

#[test]
fn k2_a_withdrawn_key_ends_its_entries() {
    let (issuer, mut ring) = remote();
    let token = good();
    let mut cache = TokenCache::default();
    cache.insert(token.as_bytes(), verified(&token, &issuer, &ring), NOW);
    fetch(&mut ring, NOW.plus(1), &["ed", "p256"]);
    assert!(cache.get(token.as_bytes(), &ring, NOW.plus(1)).is_some(), "the same keys");
    fetch(&mut ring, NOW.plus(2), &["p256"]);
    assert!(cache.get(token.as_bytes(), &ring, NOW.plus(2)).is_none());
    // Keys too old to be believed end them too.
    let (issuer, ring) = remote();
    cache.insert(token.as_bytes(), verified(&token, &issuer, &ring), NOW);
    let old = NOW.plus(limits::MAX_KEYS_AGE_MS + 1);
    assert!(cache.get(token.as_bytes(), &ring, old).is_none());
}

#[test]
fn k2_keys_that_change_during_verification() {
    let (issuer, mut ring) = remote();
    let token = good();
    let verified = verified(&token, &issuer, &ring);
    fetch(&mut ring, NOW, &["p256"]);
    let mut cache = TokenCache::default();
    cache.insert(token.as_bytes(), verified, NOW);
    assert!(cache.get(token.as_bytes(), &ring, NOW).is_none());
}

#[test]
fn it_is_bounded_and_keeps_what_is_used() {
    let (issuer, ring) = remote();
    let proven = verified(&good(), &issuer, &ring);
    let name = |n: u32| format!("token-{n}");
    let mut cache = TokenCache::with_capacity(10);
    for n in 0..1000 {
        cache.insert(name(n).as_bytes(), proven.clone(), NOW);
        // One caller comes back all the time.
        assert!(cache.get(b"token-0", &ring, NOW).is_some(), "after {n}");
        assert!(cache.len() <= 10);
    }
    assert_eq!(cache.len(), 10);
    assert!(cache.get(b"token-998", &ring, NOW).is_some());
    assert!(cache.get(b"token-1", &ring, NOW).is_none());
    // Everything used: it still makes room.
    for n in 0..1000 {
        cache.get(name(n).as_bytes(), &ring, NOW);
    }
    cache.insert(b"new", proven.clone(), NOW);
    cache.insert(b"new", proven.clone(), NOW);
    assert!(cache.get(b"new", &ring, NOW).is_some());
    assert_eq!(cache.len(), 10);
    let mut none = TokenCache::with_capacity(0);
    none.insert(b"x", proven, NOW);
    assert!(none.is_empty());
}

#[test]
fn a_token_that_comes_back_starts_anew() {
    let (issuer, mut ring) = remote();
    let proven = |ring: &KeyRing| verified(&good(), &issuer, ring);
    let mut cache = TokenCache::with_capacity(2);
    for token in [b"x", b"y", b"x", b"z"] {
        cache.insert(token, proven(&ring), NOW);
    }
    assert!(cache.get(b"y", &ring, NOW).is_none(), "the oldest since x came again");
    assert!(cache.get(b"x", &ring, NOW).is_some());
    // Forgotten because the keys changed, then verified again.
    let mut cache = TokenCache::with_capacity(2);
    cache.insert(b"x", proven(&ring), NOW);
    fetch(&mut ring, NOW, &["ed"]);
    assert!(cache.get(b"x", &ring, NOW).is_none());
    for token in [b"y", b"x", b"z"] {
        cache.insert(token, proven(&ring), NOW);
    }
    assert!(cache.get(b"y", &ring, NOW).is_none());
    assert!(cache.get(b"x", &ring, NOW).is_some());
}

#[test]
fn nothing_of_a_token_is_printed() {
    let (issuer, ring) = remote();
    let token = good();
    let mut cache = TokenCache::default();
    cache.insert(token.as_bytes(), verified(&token, &issuer, &ring), NOW);
    assert_eq!(format!("{cache:?}"), "TokenCache(1 of 2048)");
}
