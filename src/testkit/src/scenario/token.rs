//! Tokens of scenarios, signed with one fixed key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The issuer of every scenario token, unless its claims say otherwise.
pub const ISSUER: &str = "https://issuer.test/";

/// The seed of the key that signs scenario tokens. It signs nothing else anywhere.
const SEED: [u8; 32] = *b"scopewarden scenario signing key";

/// The seed of a key that no scenario policy trusts.
const STRANGER: [u8; 32] = *b"a key that nobody should trust!!";

/// A token, as a suite describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// Claims over the defaults (`iss`, `aud`, `sub`, `iat`, `exp`); `null` removes one, `now-60` and `now+3600` are times.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// Header members over the defaults (`alg`, `typ`, `kid`); `null` removes one.
    #[serde(default)]
    pub header: Map<String, Value>,
    /// Signed by a key that nobody trusts.
    #[serde(default)]
    pub forged: bool,
}

/// The JWKS that holds the public half of the signing key, under the kid `scenario`.
pub fn jwks() -> Value {
    let public = URL_SAFE_NO_PAD.encode(key_pair(SEED).pk.as_ref());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "scenario", "x": public}]})
}

/// Signs the token at `now`, in seconds since the Unix epoch.
pub fn mint(spec: &TokenSpec, now: i64) -> String {
    let claims = json!({
        "iss": ISSUER, "aud": "scopewarden", "sub": "alice", "iat": now, "exp": now.saturating_add(3600),
    });
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "scenario"});
    let part = |defaults: Value, over: &Map<String, Value>| {
        URL_SAFE_NO_PAD.encode(merge(defaults, over, now).to_string())
    };
    let signed = format!("{}.{}", part(header, &spec.header), part(claims, &spec.claims));
    let seed = if spec.forged { STRANGER } else { SEED };
    let signature = key_pair(seed).sk.sign(&signed, None);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn key_pair(seed: [u8; 32]) -> KeyPair {
    KeyPair::from_seed(Seed::new(seed))
}

fn merge(defaults: Value, over: &Map<String, Value>, now: i64) -> Value {
    let Value::Object(mut merged) = defaults else { return defaults };
    for (name, value) in over {
        match value {
            Value::Null => merged.remove(name),
            Value::String(text) => {
                merged.insert(name.clone(), time(text, now).unwrap_or_else(|| value.clone()))
            }
            _ => merged.insert(name.clone(), value.clone()),
        };
    }
    Value::Object(merged)
}

/// `now`, `now-60`, `now+3600`.
fn time(text: &str, now: i64) -> Option<Value> {
    let offset = text.strip_prefix("now")?;
    let offset: i64 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
    Some(Value::from(now.saturating_add(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_merged_and_times_resolved() {
        let over = json!({"sub": null, "exp": "now-60", "scope": "now what"});
        let Value::Object(over) = over else { panic!() };
        let merged = merge(json!({"sub": "alice", "exp": 1}), &over, 1000);
        assert_eq!(merged, json!({"exp": 940, "scope": "now what"}));
    }

    #[test]
    fn a_forged_token_differs_in_its_signature_only() {
        let good = mint(&TokenSpec::default(), 1000);
        let forged = mint(&TokenSpec { forged: true, ..TokenSpec::default() }, 1000);
        let (head, _) = good.rsplit_once('.').unwrap();
        assert!(forged.starts_with(head) && forged != good);
    }
}
