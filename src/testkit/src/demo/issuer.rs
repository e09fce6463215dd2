//! An identity provider: keys made at start, a JWKS document, tokens for the demonstration's people.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jwt_simple::prelude::{
    Claims, Duration, Ed25519KeyPair, EdDSAKeyPairLike, RS256KeyPair, RSAKeyPairLike,
};
use serde_json::{Value, json};

use super::people::{self, Algorithm, PEOPLE, Person};

/// Where the key set is.
pub const JWKS_PATH: &str = "/.well-known/jwks.json";

/// Smallest RSA modulus that verifiers accept, in bits.
const RSA_BITS: usize = 2048;

/// An issuer with one key per [`Algorithm`]. Holds private keys, so it has no `Debug`.
pub struct Issuer {
    /// `iss`: the base URL of this issuer's documents.
    url: String,
    /// `aud` of its tokens.
    audience: String,
    ed25519: Ed25519KeyPair,
    rsa: RS256KeyPair,
}

impl Issuer {
    /// Makes fresh keys.
    ///
    /// # Errors
    /// When the RSA key could not be made.
    pub fn generate(url: &str, audience: &str) -> Result<Self, String> {
        let rsa = RS256KeyPair::generate(RSA_BITS)
            .map_err(|e| format!("cannot make an RSA key: {e}"))?
            .with_key_id("demo-rsa");
        Ok(Self {
            url: url.to_owned(),
            audience: audience.to_owned(),
            ed25519: Ed25519KeyPair::generate().with_key_id("demo-ed25519"),
            rsa,
        })
    }

    /// The public keys, as a JWKS document (RFC 7517).
    pub fn jwks(&self) -> Value {
        let keys = [self.ed25519.public_key().to_jwk(), self.rsa.public_key().to_jwk()];
        let keys: Vec<Value> =
            keys.iter().filter_map(|jwk| serde_json::from_str(jwk).ok()).collect();
        json!({ "keys": keys })
    }

    /// An access token for `person`, from now on for `minutes`.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(&self, person: Person, minutes: u64) -> Result<String, String> {
        let own: BTreeMap<&str, Value> =
            BTreeMap::from([("email", json!(person.email)), ("groups", json!([person.group]))]);
        let claims = Claims::with_custom_claims(own, Duration::from_mins(minutes))
            .with_issuer(&self.url)
            .with_audience(&self.audience)
            .with_subject(person.name);
        let signed = match person.algorithm {
            Algorithm::EdDsa => self.ed25519.sign(claims),
            Algorithm::Rs256 => self.rsa.sign(claims),
        };
        signed.map_err(|e| format!("cannot sign a token: {e}"))
    }

    /// The issuer's documents, and `/token/{name}` for a fresh token of one of the people.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route(JWKS_PATH, get(jwks))
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/token/{name}", get(token))
            .with_state(self)
    }
}

async fn jwks(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(issuer.jwks())
}

async fn configuration(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let url = &issuer.url;
    Json(json!({
        "issuer": url,
        "jwks_uri": format!("{url}{JWKS_PATH}"),
        "id_token_signing_alg_values_supported": ["EdDSA", "RS256"],
    }))
}

async fn token(State(issuer): State<Arc<Issuer>>, Path(name): Path<String>) -> Response {
    let Some(person) = people::find(&name) else {
        let names: Vec<_> = PEOPLE.iter().map(|p| p.name).collect();
        let text = format!("nobody here is called `{name}`; there are {}\n", names.join(", "));
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    match issuer.token(person, 60) {
        Ok(token) => ([(header::CACHE_CONTROL, "no-store")], token).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use jwt_simple::prelude::{
        Ed25519PublicKey, EdDSAPublicKeyLike, RS256PublicKey, RSAPublicKeyLike,
    };
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn tokens_verify_with_the_published_keys() {
        let issuer = Arc::new(Issuer::generate("http://127.0.0.1:1", "agents").unwrap());
        let api = Arc::clone(&issuer).router();
        let get = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = api.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };

        let (_, jwks) = get("/.well-known/jwks.json").await;
        assert!(!jwks.contains("\"d\""), "a private key was published");
        let jwks: Value = serde_json::from_str(&jwks).unwrap();
        let ed25519 = Ed25519PublicKey::from_jwk(&jwks["keys"][0].to_string()).unwrap();
        let rsa = RS256PublicKey::from_jwk(&jwks["keys"][1].to_string()).unwrap();

        type Own = BTreeMap<String, Value>;
        let (_, token) = get("/token/alice").await;
        let alice = ed25519.verify_token::<Own>(&token, None).unwrap();
        assert_eq!(alice.subject.as_deref(), Some("alice"));
        assert_eq!(alice.custom["groups"], json!(["readers"]));
        let (_, token) = get("/token/carol").await;
        assert_eq!(
            rsa.verify_token::<Own>(&token, None).unwrap().subject.as_deref(),
            Some("carol")
        );

        let (status, text) = get("/token/mallory").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(text.contains("alice, bob, carol"));
    }
}
