//! K3-K5: what a key set may hold.

use serde_json::{Value, json};

use super::super::*;
use super::mint::*;
use crate::limits;

/// Why a key is dropped; empty when it is kept.
fn dropped(key: Value) -> String {
    let (set, dropped) = KeySet::parse(&jwks(&[key])).unwrap();
    assert_eq!(set.keys().len() + dropped.len(), 1);
    dropped.into_iter().map(|d| d.why).collect()
}

#[test]
fn k3_two_keys_with_one_kid_are_both_dropped() {
    let twin = with(jwk("ed"), json!({"kid": "p256"}));
    let (set, dropped) = KeySet::parse(&jwks(&[jwk("p256"), twin, jwk("p384")])).unwrap();
    assert_eq!(set.keys().iter().filter_map(PublicKey::kid).collect::<Vec<_>>(), ["p384"]);
    assert_eq!(dropped.len(), 2);
    assert!(dropped.iter().all(|d| d.key == "`p256`" && d.why.contains("same `kid`")));
    // A key that could not be used anyway makes the name ambiguous all the same.
    let oct = json!({"kty": "oct", "k": "AAAA", "kid": "p256"});
    let (set, dropped) = KeySet::parse(&jwks(&[jwk("p256"), oct])).unwrap();
    assert!(set.is_empty());
    assert_eq!(dropped.len(), 2);
}

#[test]
fn k3_a_token_without_kid_needs_exactly_one_key() {
    let nameless = |name: &str| without(jwk(name), "kid");
    let bare = without(header(Algorithm::EdDsa), "kid");
    let token = token(Algorithm::EdDsa, &bare, &payload());
    let accepts = |keys: &[Value]| {
        let (set, _) = KeySet::parse(&jwks(keys)).unwrap();
        verify_as(&token, &Issuer { keys: KeySource::Inline(set.into()), ..issuer() })
    };
    assert!(accepts(&[jwk("ed")]).is_ok());
    assert!(accepts(&[nameless("ed"), nameless("p256"), jwk("rsa")]).is_ok());
    let other = jwt_simple::prelude::Ed25519KeyPair::generate().public_key().to_bytes();
    let other = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(other)});
    for keys in [vec![], vec![jwk("p256")], vec![jwk("ed"), other.clone()]] {
        let error = accepts(&keys).unwrap_err();
        assert_eq!(error.reason, crate::reason::Reason::TokenKeyUnknown);
        assert_eq!(error.issuer, Some(0));
    }
    // A name is not matched by a key without one.
    let (set, _) = KeySet::parse(&jwks(&[nameless("ed")])).unwrap();
    assert_eq!(set.select(Some("ed"), Algorithm::EdDsa).unwrap_err(), NoKey::Unknown);
    assert_eq!(set.select(Some(""), Algorithm::EdDsa).unwrap_err(), NoKey::Unknown);
}

#[test]
fn k4_keys_that_are_not_for_verification() {
    for (key, why) in [
        (json!({"kty": "oct", "k": "AAAA", "kid": "x"}), "symmetric"),
        (json!({"kty": "oct"}), "symmetric"),
        (with(jwk("ed"), json!({"d": "AAAA"})), "private"),
        (with(jwk("rsa"), json!({"p": "AQ"})), "private"),
        (with(jwk("rsa"), json!({"k": "AQ"})), "private"),
        (with(jwk("ed"), json!({"use": "enc"})), "`use` is `enc`"),
        (with(jwk("ed"), json!({"use": "SIG"})), "`use` is `SIG`"),
        (with(jwk("ed"), json!({"use": 5})), "`use` is a number"),
        (with(jwk("ed"), json!({"key_ops": []})), "`key_ops`"),
        (with(jwk("ed"), json!({"key_ops": ["sign"]})), "`key_ops`"),
        (with(jwk("ed"), json!({"key_ops": "verify"})), "`key_ops`"),
        (with(jwk("ed"), json!({"alg": "RS256"})), "not for such a key"),
        (with(jwk("rsa"), json!({"alg": "ES256"})), "not for such a key"),
        (with(jwk("p256"), json!({"alg": "ES384"})), "not for such a key"),
        (with(jwk("rsa"), json!({"alg": "RSA-OAEP"})), "not accepted"),
        (with(jwk("rsa"), json!({"alg": "HS256"})), "not accepted"),
        (with(jwk("rsa"), json!({"alg": "none"})), "not accepted"),
        (with(jwk("ed"), json!({"kid": 5})), "`kid` is a number"),
        (with(jwk("ed"), json!({"kid": "k".repeat(300)})), "`kid` is longer"),
        (without(jwk("ed"), "kty"), "no `kty`"),
        (with(jwk("ed"), json!({"kty": "EC"})), "curve `Ed25519`"),
        (with(jwk("ed"), json!({"kty": "ed"})), "key type `ed`"),
        (json!("key"), "not an object"),
        (json!(null), "not an object"),
    ] {
        let found = dropped(key.clone());
        assert!(found.contains(why), "{key}: {found:?} instead of {why:?}");
    }
    for kept in [
        with(jwk("ed"), json!({"use": "sig", "key_ops": ["verify"], "alg": "EdDSA"})),
        with(jwk("ed"), json!({"alg": "Ed25519"})),
        with(jwk("rsa"), json!({"alg": "PS256", "x5c": ["MIIB"], "x5t": "a"})),
        with(jwk("p256"), json!({"key_ops": ["sign", "verify"]})),
    ] {
        assert_eq!(dropped(kept.clone()), "", "{kept}");
    }
}

#[test]
fn k4_weak_rsa_keys() {
    let n = |bytes: Vec<u8>| with(jwk("rsa"), json!({"n": b64(bytes)}));
    let e = |bytes: &[u8]| with(jwk("rsa"), json!({"e": b64(bytes)}));
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    for key in [
        n(vec![0xff; 128]),
        n(vec![0xff; 255]),
        n(vec![0xff; 513]),
        n([vec![0; 200], vec![0xff; 128]].concat()),
        n(even),
        n(vec![]),
        n(vec![0; 256]),
        e(&[1]),
        e(&[2]),
        e(&[3]),
        e(&[1, 0, 0]),
        e(&[0xff; 32]),
        e(&[]),
        with(jwk("rsa"), json!({"n": 5})),
        with(jwk("rsa"), json!({"n": "AQAB="})),
        with(jwk("rsa"), json!({"e": "AQ+B"})),
        without(jwk("rsa"), "n"),
        without(jwk("rsa"), "e"),
    ] {
        assert_ne!(dropped(key.clone()), "", "{key}");
    }
}

#[test]
fn k4_factorable_rsa_keys() {
    let key = with(jwk("rsa"), json!({"n": b64(super::super::roca::tests::fingerprinted())}));
    assert!(dropped(key).contains("ROCA"));
}

#[test]
fn k4_points_off_the_curve() {
    let x = jwk("p256")["x"].clone();
    for key in [
        with(jwk("p256"), json!({"y": x})),
        with(jwk("p256"), json!({"x": b64([0; 32]), "y": b64([0; 32])})),
        with(jwk("p256"), json!({"x": b64([0xff; 32])})),
        with(jwk("p256"), json!({"x": b64([1; 31])})),
        with(jwk("p256"), json!({"x": b64([1; 33])})),
        with(jwk("p256"), json!({"crv": "P-384"})),
        with(jwk("p256"), json!({"crv": "P-521"})),
        with(jwk("p256"), json!({"crv": "secp256k1"})),
        without(jwk("p256"), "y"),
        without(jwk("p256"), "crv"),
        with(jwk("ed"), json!({"x": b64([0; 32])})),
        with(jwk("ed"), json!({"x": b64([0xff; 32])})),
        with(jwk("ed"), json!({"x": b64([1; 31])})),
        with(jwk("ed"), json!({"crv": "X25519"})),
    ] {
        assert_ne!(dropped(key.clone()), "", "{key}");
    }
    // The right number of bytes in all is not enough.
    let uneven = with(jwk("p256"), json!({"x": b64([1; 31]), "y": b64([1; 33])}));
    assert_eq!(dropped(uneven), "its `x` is not 32 bytes long");
}

#[test]
fn k5_documents_that_are_no_key_set() {
    let many = vec![jwk("ed"); limits::MAX_JWKS_KEYS + 1];
    let big = json!({"keys": [jwk("ed")], "x": "a".repeat(limits::MAX_JWKS_BYTES)});
    for (document, why) in [
        (&b""[..], "not JSON"),
        (b"<!doctype html><title>Sign in</title>", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "no `keys` list"),
        (br#"{"keys":{}}"#, "no `keys` list"),
        (br#"{"keys":null}"#, "no `keys` list"),
        (br#"{"keys":[],"keys":[]}"#, "appears twice"),
        (br#"{"keys":[{"kty":"oct","kty":"RSA"}]}"#, "appears twice"),
        (&jwks(&[jwk("ed")])[..40], "not JSON"),
        (&jwks(&many), "more than 100 keys"),
        (big.to_string().as_bytes(), "larger than 262144 bytes"),
    ] {
        let error = KeySet::parse(document).unwrap_err();
        assert!(error.contains(why), "{error} instead of {why}");
    }
    let (set, dropped) = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    assert!(set.is_empty() && dropped.is_empty());
    let (set, _) = KeySet::parse(&jwks(&many[..2])).unwrap();
    assert!(set.is_empty(), "both have one kid");
}
