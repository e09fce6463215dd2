//! K1, K2, K5: keys over time.

use serde_json::Value;

use super::super::*;
use super::mint::*;
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixMillis;

const REFRESH: u64 = 5 * 60 * 1000;

fn remote() -> Issuer {
    let keys = KeySource::Remote(RemoteKeys {
        cluster: "idp".to_owned(),
        authority: "idp.example".to_owned(),
        path: "/jwks".to_owned(),
        scheme: "https".to_owned(),
        refresh_ms: REFRESH,
        timeout_ms: 5000,
    });
    Issuer { keys, ..issuer() }
}

fn ok(ring: &mut KeyRing, now: UnixMillis, keys: &[Value]) -> Result<Fetched, String> {
    ring.fetched(0, now, FetchOutcome::Response { status: 200, body: &jwks(keys) })
}

/// A ring that fetched these keys at [`NOW`].
fn ring_with(keys: &[Value]) -> KeyRing {
    let mut ring = KeyRing::new(&[remote()]);
    assert_eq!(ring.due(NOW).len(), 1);
    ok(&mut ring, NOW, keys).unwrap();
    ring
}

fn run(ring: &KeyRing, token: &str, now: UnixMillis) -> Result<Verified, TokenError> {
    verify(token.as_bytes(), &[remote()], ring, SKEW, now, &NoHost)
}

#[test]
fn keys_are_due_at_once_and_then_on_the_timer() {
    let mut ring = KeyRing::new(&[remote(), issuer()]);
    assert_eq!(ring.status(0, NOW), KeyStatus::NeverFetched);
    assert_eq!(ring.status(1, NOW), KeyStatus::Inline);
    let error = run(&ring, &good(), NOW).unwrap_err();
    assert_eq!((error.reason, error.issuer), (Reason::KeysUnavailable, Some(0)));
    assert!(error.detail.contains("still being fetched"));
    let due = ring.due(NOW);
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].issuer, due[0].source.path.as_str()), (0, "/jwks"));
    assert_eq!(ring.due(NOW), [], "one fetch is under way");
    let fetched = ok(&mut ring, NOW, &[jwk("ed")]).unwrap();
    assert_eq!((fetched.changed, fetched.usable), (true, 1));
    assert_eq!(ring.status(0, NOW), KeyStatus::Fresh);
    assert!(run(&ring, &good(), NOW).is_ok());
    assert_eq!(ring.due(NOW.plus(REFRESH - 1)), []);
    assert_eq!(ring.due(NOW.plus(REFRESH)).len(), 1);
    assert!(!ok(&mut ring, NOW.plus(REFRESH), &[jwk("ed")]).unwrap().changed);
}

#[test]
fn a_key_is_another_when_its_name_its_use_or_itself_is() {
    let other = ed25519_compact::KeyPair::from_seed([8; 32].into());
    let mut same_name = jwk("ed");
    same_name["x"] = b64(*other.pk).into();
    let mut same_key = jwk("ed");
    same_key["kid"] = "ed-2".into();
    let mut same_name_other_kind = jwk("p256");
    same_name_other_kind["kid"] = "ed".into();
    for next in [same_name, same_key, same_name_other_kind] {
        let mut ring = ring_with(&[jwk("ed")]);
        let before = ring.version(0, NOW);
        assert!(
            ok(&mut ring, NOW.plus(REFRESH), std::slice::from_ref(&next)).unwrap().changed,
            "{next}"
        );
        assert_ne!(ring.version(0, NOW.plus(REFRESH)), before);
    }
    let mut named = jwk("rsa");
    named["alg"] = "RS256".into();
    let mut ring = ring_with(&[jwk("rsa")]);
    assert!(ok(&mut ring, NOW.plus(REFRESH), &[named]).unwrap().changed, "fewer algorithms");
}

#[test]
fn k1_a_flood_of_unknown_kids_causes_one_fetch() {
    let mut ring = ring_with(&[jwk("p256")]);
    let step = 10;
    let mut fetches = 0;
    let flood = 10 * limits::UNKNOWN_KID_INTERVAL_MS;
    for ms in (0..flood).step_by(step) {
        let now = NOW.plus(ms);
        ring.request_refetch(0, now);
        for fetch in ring.due(now) {
            fetches += 1;
            let body = jwks(&[jwk("p256")]);
            let outcome = FetchOutcome::Response { status: 200, body: &body };
            ring.fetched(fetch.issuer, now, outcome).unwrap();
        }
    }
    assert!(fetches <= flood / limits::UNKNOWN_KID_INTERVAL_MS, "{fetches}");
    assert!(fetches >= flood / limits::UNKNOWN_KID_INTERVAL_MS - 1, "{fetches}");
}

#[test]
fn k1_single_flight() {
    let mut ring = ring_with(&[jwk("p256")]);
    let later = NOW.plus(limits::UNKNOWN_KID_INTERVAL_MS);
    assert_eq!(ring.request_refetch(0, NOW.plus(1)), Refetch::TooSoon);
    assert_eq!(ring.request_refetch(0, later), Refetch::Started);
    assert_eq!(ring.request_refetch(0, later), Refetch::InFlight);
    assert_eq!(ring.due(later).len(), 1);
    assert_eq!(ring.request_refetch(0, later), Refetch::InFlight);
    assert_eq!(ring.due(later), []);
    ok(&mut ring, later, &[jwk("ed")]).unwrap();
    assert!(run(&ring, &good(), later).is_ok());
    let inline = &mut KeyRing::new(&[issuer()]);
    assert_eq!(inline.request_refetch(0, NOW), Refetch::TooSoon);
    assert_eq!(inline.request_refetch(7, NOW), Refetch::TooSoon);
}

#[test]
fn k2_rotation() {
    let es256 = token(Algorithm::Es256, &header(Algorithm::Es256), &payload());
    let mut ring = ring_with(&[jwk("p256")]);
    assert!(run(&ring, &es256, NOW).is_ok());
    // The new key is unknown, is asked for, and serves beside the old one.
    let error = run(&ring, &good(), NOW).unwrap_err();
    assert_eq!((error.reason, error.issuer), (Reason::TokenKeyUnknown, Some(0)));
    let soon = NOW.plus(limits::UNKNOWN_KID_INTERVAL_MS);
    assert_eq!(ring.request_refetch(0, soon), Refetch::Started);
    ring.due(soon);
    ok(&mut ring, soon, &[jwk("p256"), jwk("ed")]).unwrap();
    assert!(run(&ring, &es256, soon).is_ok() && run(&ring, &good(), soon).is_ok());
    // The old key is withdrawn: replaced, not merged.
    let next = soon.plus(REFRESH);
    ring.due(next);
    ok(&mut ring, next, &[jwk("ed")]).unwrap();
    assert_eq!(run(&ring, &es256, next).unwrap_err().reason, Reason::TokenKeyUnknown);
    assert!(run(&ring, &good(), next).is_ok());
}

#[test]
fn k5_bad_answers_keep_the_last_good_set() {
    let good_set = jwks(&[jwk("ed")]);
    let truncated = &good_set[..good_set.len() - 9];
    let many = jwks(&vec![jwk("ed"); 10_000]);
    let huge = vec![b' '; 5 * 1024 * 1024];
    let oct = jwks(&[serde_json::json!({"kty": "oct", "k": "AAAA"})]);
    let answer = |status, body| FetchOutcome::Response { status, body };
    for (outcome, why) in [
        (answer(200, &b"<html>"[..]), "not JSON"),
        (answer(302, b""), "status 302"),
        (answer(204, b""), "status 204"),
        (answer(206, &good_set), "status 206"),
        (answer(503, b"upstream connect error"), "status 503"),
        (answer(200, truncated), "not JSON"),
        (answer(200, &huge), "larger than"),
        (answer(200, &many), "larger than"),
        (answer(200, &oct), "no usable key: key #0: a symmetric key"),
        (answer(200, br#"{"keys":[]}"#), "no usable key"),
        (FetchOutcome::Failed("timeout"), "timeout"),
    ] {
        let mut ring = ring_with(&[jwk("ed")]);
        let later = NOW.plus(REFRESH);
        ring.due(later);
        let error = ring.fetched(0, later, outcome).unwrap_err();
        assert!(error.contains(why), "{error} instead of {why}");
        assert_eq!(ring.status(0, later), KeyStatus::Stale);
        assert!(ring.keys(0, later).is_ok());
        assert_eq!(ring.version(0, later), Some(1));
    }
}

#[test]
fn k5_the_last_good_set_ages_out_and_comes_back() {
    let mut ring = ring_with(&[jwk("ed")]);
    let last = NOW.plus(limits::MAX_KEYS_AGE_MS);
    let after = last.plus(1);
    assert!(ring.keys(0, last).is_ok());
    assert_eq!(ring.version(0, after), None);
    assert_eq!(ring.status(0, after), KeyStatus::Failing);
    let error = ring.keys(0, after).unwrap_err();
    assert_eq!((error.reason, error.reason.status()), (Reason::KeysUnavailable, 503));
    assert!(error.detail.contains("for too long"));
    assert_eq!(ring.due(after).len(), 1);
    ok(&mut ring, after, &[jwk("ed")]).unwrap();
    assert!(ring.keys(0, after).is_ok());
    // Keys in the policy have no age.
    let inline = KeyRing::new(&[issuer()]);
    assert!(inline.keys(0, UnixMillis(u64::MAX)).is_ok());
}

#[test]
fn failures_back_off_and_lost_calls_are_given_up() {
    let mut ring = KeyRing::new(&[remote()]);
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..10 {
        assert_eq!(ring.due(now).len(), 1);
        ring.fetched(0, now, FetchOutcome::Failed("reset")).unwrap_err();
        let wait = (0..).find(|s| !ring.clone().due(now.plus(s * 1000)).is_empty()).unwrap();
        waits.push(wait);
        now = now.plus(wait * 1000);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
    assert_eq!(ring.status(0, now), KeyStatus::Failing);
    // No answer at all: due again after the timeout, some grace and the back-off.
    assert_eq!(ring.due(now).len(), 1);
    assert_eq!(ring.due(now.plus(10_000)), []);
    assert_eq!(ring.due(now.plus(10_001)), []);
    assert_eq!(ring.due(now.plus(10_001 + 60_000)).len(), 1);
    // The late answer is still good.
    ok(&mut ring, now.plus(80_000), &[jwk("ed")]).unwrap();
    assert_eq!(ring.status(0, now.plus(80_000)), KeyStatus::Fresh);
}

#[test]
fn issuers_fail_apart() {
    let mut ring = KeyRing::new(&[remote(), remote()]);
    assert_eq!(ring.due(NOW).len(), 2);
    ok(&mut ring, NOW, &[jwk("ed")]).unwrap();
    ring.fetched(1, NOW, FetchOutcome::Failed("reset")).unwrap_err();
    assert!(ring.keys(0, NOW).is_ok());
    assert_eq!(ring.keys(1, NOW).unwrap_err().issuer, Some(1));
    assert!(ring.fetched(9, NOW, FetchOutcome::Failed("x")).is_err());
    assert!(ring.keys(9, NOW).is_err());
}
