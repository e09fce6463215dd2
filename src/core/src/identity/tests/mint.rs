//! Makes tokens, good and bad.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ECDSAP384KeyPairLike as _,
    ECDSAP384PublicKeyLike as _, ES256KeyPair, ES384KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _,
    RS256KeyPair, RSAKeyPairLike as _,
};
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Signer;

use super::super::*;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// When the tests happen: 2026-11-24T08:00:00Z.
pub const NOW: UnixMillis = UnixMillis(1_795_507_200_000);
/// [`NOW`] in seconds.
pub const NOW_SECS: u64 = NOW.0 / 1000;
/// The skew that the tests grant, in milliseconds.
pub const SKEW: u64 = 30_000;
/// The issuer of every good token.
pub const ISSUER: &str = "https://idp.example/";
/// The private RSA key of the tests.
pub const RSA_PEM: &str = include_str!("../../../tests-fixtures/rsa-2048.pem");

pub struct Keys {
    pub rsa: RS256KeyPair,
    pub p256: ES256KeyPair,
    pub p384: ES384KeyPair,
    pub ed: Ed25519KeyPair,
}

pub static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    rsa: RS256KeyPair::from_pem(RSA_PEM).unwrap(),
    p256: ES256KeyPair::from_bytes(&[7; 32]).unwrap(),
    p384: ES384KeyPair::from_bytes(&[7; 48]).unwrap(),
    ed: Ed25519KeyPair::from_bytes(&*ed25519_compact::KeyPair::from_seed([7; 32].into())).unwrap(),
});

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `kid` of the key for an algorithm in [`jwks`].
pub fn kid(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => "rsa",
        Algorithm::Es256 => "p256",
        Algorithm::Es384 => "p384",
        Algorithm::EdDsa => "ed",
    }
}

/// One public key of [`KEYS`] as a JWK without `alg`.
pub fn jwk(name: &str) -> Value {
    match name {
        "rsa" => {
            let parts = KEYS.rsa.public_key().to_components();
            json!({"kty": "RSA", "kid": name, "n": b64(parts.n), "e": b64(parts.e)})
        }
        "p256" | "p384" => {
            let (crv, point) = match name {
                "p256" => ("P-256", KEYS.p256.public_key().public_key().to_bytes_uncompressed()),
                _ => ("P-384", KEYS.p384.public_key().public_key().to_bytes_uncompressed()),
            };
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({"kty": "EC", "kid": name, "crv": crv, "x": b64(x), "y": b64(y)})
        }
        _ => json!({
            "kty": "OKP", "kid": name, "crv": "Ed25519", "x": b64(KEYS.ed.public_key().to_bytes()),
        }),
    }
}

/// A key set of these keys.
pub fn jwks(keys: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({"keys": keys})).unwrap()
}

/// The public halves of all [`KEYS`].
pub fn key_set() -> KeySet {
    let keys: Vec<Value> = ["rsa", "p256", "p384", "ed"].map(jwk).to_vec();
    let (set, dropped) = KeySet::parse(&jwks(&keys)).unwrap();
    assert_eq!(dropped, []);
    set
}

/// The issuer of every good token, believed for `autogen`.
pub fn issuer() -> Issuer {
    let keys = KeySource::Inline(Arc::new(key_set()));
    Issuer::new(ISSUER, vec!["autogen".to_owned()], keys)
}

pub fn header(algorithm: Algorithm) -> Value {
    json!({"alg": algorithm.name(), "typ": "JWT", "kid": kid(algorithm)})
}

pub fn payload() -> Value {
    json!({
        "iss": ISSUER,
        "aud": "autogen",
        "sub": "alice",
        "iat": NOW_SECS - 60,
        "exp": NOW_SECS + 600,
        "scope": "autogen:prompt autogen:model:read",
    })
}

/// `base` with members replaced, added, or (`null` given as `Value::Null`) kept as null.
pub fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

/// `base` without a member.
pub fn without(mut base: Value, name: &str) -> Value {
    base.as_object_mut().unwrap().remove(name).unwrap();
    base
}

/// What `algorithm`'s key signs for `message`.
pub fn sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let rsa = |digest, padding| {
        let key = PKey::from_rsa(KEYS.rsa.key_pair().as_ref().clone()).unwrap();
        let mut signer = Signer::new(digest, &key).unwrap();
        signer.set_rsa_padding(padding).unwrap();
        signer.update(message).unwrap();
        signer.sign_to_vec().unwrap()
    };
    match algorithm {
        Algorithm::Rs256 => rsa(MessageDigest::sha256(), Padding::PKCS1),
        Algorithm::Rs384 => rsa(MessageDigest::sha384(), Padding::PKCS1),
        Algorithm::Rs512 => rsa(MessageDigest::sha512(), Padding::PKCS1),
        Algorithm::Ps256 => rsa(MessageDigest::sha256(), Padding::PKCS1_PSS),
        Algorithm::Es256 => {
            let signature: p256::ecdsa::Signature = KEYS.p256.key_pair().as_ref().sign(message);
            signature.to_bytes().to_vec()
        }
        Algorithm::Es384 => {
            let signature: p384::ecdsa::Signature = KEYS.p384.key_pair().as_ref().sign(message);
            signature.to_bytes().to_vec()
        }
        Algorithm::EdDsa => KEYS.ed.key_pair().as_ref().sk.sign(message, None).to_vec(),
    }
}

/// A compact JWS over these very bytes.
pub fn raw(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", b64(header), b64(payload));
    let signature = b64(sign(algorithm, message.as_bytes()));
    format!("{message}.{signature}")
}

/// A token with this header and payload, signed by `algorithm`'s key.
pub fn token(algorithm: Algorithm, header: &Value, payload: &Value) -> String {
    raw(algorithm, &header.to_string(), &payload.to_string())
}

/// A good token with an EdDSA signature and this payload.
pub fn with_payload(payload: &Value) -> String {
    token(Algorithm::EdDsa, &header(Algorithm::EdDsa), payload)
}

/// A good payload with changes.
pub fn with_claims(changes: Value) -> String {
    with_payload(&with(payload(), changes))
}

/// A good token with changes of its header.
pub fn with_header(changes: Value) -> String {
    token(Algorithm::EdDsa, &with(header(Algorithm::EdDsa), changes), &payload())
}

/// A good token.
pub fn good() -> String {
    with_payload(&payload())
}

pub fn verify_as(token: &str, issuer: &Issuer) -> Result<Principal, TokenError> {
    let issuers = std::slice::from_ref(issuer);
    let ring = KeyRing::new(issuers);
    let verified = verify(token.as_bytes(), issuers, &ring, SKEW, NOW, &NoHost);
    let findings = diagnose(token.as_bytes(), issuers, &ring, SKEW, NOW);
    assert_eq!(
        findings.iter().all(|f| f.ok),
        verified.is_ok(),
        "diagnose and verify disagree: {verified:?} {findings:?}"
    );
    verified.map(|v| v.principal)
}

pub fn check(token: &str) -> Result<Principal, TokenError> {
    verify_as(token, &issuer())
}

/// Why a token is refused.
pub fn refusal(token: &str) -> Reason {
    check(token).expect_err("the token is accepted").reason
}

/// Whether jwt-simple itself, as it comes but for a fixed clock, takes an EdDSA token.
pub fn jwt_simple_takes(token: &str) -> bool {
    use jwt_simple::prelude::{
        Duration, EdDSAPublicKeyLike as _, NoCustomClaims, VerificationOptions,
    };
    let options = VerificationOptions {
        artificial_time: Some(Duration::from_secs(NOW_SECS)),
        ..Default::default()
    };
    KEYS.ed.public_key().verify_token::<NoCustomClaims>(token, Some(options)).is_ok()
}
