//! Good tokens, one per kind of key, and the key set that proves them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use jwt_simple::prelude::*;
use scopewarden_core::time::UnixMillis;
use serde_json::{Value, json};

/// When all fuzzing happens: 2026-11-24T08:00:00Z.
pub const NOW: UnixMillis = UnixMillis(1_795_507_200_000);
/// The issuer of the good tokens.
pub const ISSUER: &str = "https://issuer.test/";
/// Their audience.
pub const AUDIENCE: &str = "scopewarden";
/// What they may do.
pub const SCOPES: &str = "autogen:prompt autogen:model:read";
/// The `kid` of the Ed25519 key.
pub const ED: &str = "ed";
const RSA: &str = include_str!("../../../src/core/tests-fixtures/rsa-2048.pem");

/// The good tokens, by algorithm: RS256, ES256, ES384, EdDSA.
pub static TOKENS: LazyLock<[String; 4]> = LazyLock::new(|| {
    let seconds = NOW.0 / 1000;
    let claims = || JWTClaims {
        issued_at: Some(Duration::from_secs(seconds - 60)),
        expires_at: Some(Duration::from_secs(seconds + 600)),
        invalid_before: None,
        issuer: Some(ISSUER.into()),
        subject: Some("alice".into()),
        audiences: Some(jwt_simple::claims::Audiences::AsString(AUDIENCE.into())),
        ..Claims::with_custom_claims(BTreeMap::from([("scope", SCOPES)]), Duration::from_secs(600))
    };
    [
        rsa().sign(claims()).unwrap(),
        p256().sign(claims()).unwrap(),
        p384().sign(claims()).unwrap(),
        Ed25519KeyPair::from_bytes(&ed()[..]).unwrap().with_key_id(ED).sign(claims()).unwrap(),
    ]
});

fn rsa() -> RS256KeyPair {
    RS256KeyPair::from_pem(RSA).unwrap().with_key_id("rsa")
}

fn p256() -> ES256KeyPair {
    ES256KeyPair::from_bytes(&[7; 32]).unwrap().with_key_id("p256")
}

fn p384() -> ES384KeyPair {
    ES384KeyPair::from_bytes(&[7; 48]).unwrap().with_key_id("p384")
}

fn ed() -> KeyPair {
    KeyPair::from_seed(Seed::new([7; 32]))
}

/// What the Ed25519 key signs for `message`, in Base64.
pub fn sign(message: &str) -> String {
    encode(ed().sk.sign(message, None))
}

/// Base64 as tokens have it.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a part of a token.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The public keys, as a document.
pub static JWKS: LazyLock<Value> = LazyLock::new(jwks);

fn jwks() -> Value {
    let rsa = rsa().public_key().to_components();
    let p256 = p256().public_key().public_key().to_bytes_uncompressed();
    let p384 = p384().public_key().public_key().to_bytes_uncompressed();
    let ec = |kid: &str, crv: &str, point: &[u8]| {
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({"kty": "EC", "kid": kid, "crv": crv, "x": encode(x), "y": encode(y)})
    };
    json!({"keys": [
        {"kty": "RSA", "kid": "rsa", "n": encode(rsa.n), "e": encode(rsa.e)},
        ec("p256", "P-256", &p256),
        ec("p384", "P-384", &p384),
        {"kty": "OKP", "kid": ED, "crv": "Ed25519", "x": encode(*ed().pk)},
    ]})
}
