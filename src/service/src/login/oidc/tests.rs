//! A provider that says what a test wants, and everything that it, or somebody in between, could do wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::prelude::{
    Claims, Duration as Lifetime, Ed25519KeyPair, EdDSAKeyPairLike, HS256Key, MACLike,
};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::settings::Settings;

const CLIENT: &str = "inbox";
const SECRET: &str = "a secret of the tests";
const PUBLIC: &str = "https://approvals.example";

/// What the provider answers, and what it was asked.
#[derive(Default)]
struct Script {
    /// The status and the document of the token endpoint.
    token: Option<(u16, Value)>,
    asked: Vec<(HashMap<String, String>, Option<String>)>,
    keys: Vec<Value>,
}

struct Fake {
    issuer: String,
    key: Ed25519KeyPair,
    script: Arc<Mutex<Script>>,
    provider: Provider,
}

fn public(key: &Ed25519KeyPair, kid: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key.public_key().to_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x})
}

async fn token(
    State(script): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mut script = script.lock().unwrap();
    let client = headers.get("authorization").map(|v| v.to_str().unwrap().to_owned());
    script.asked.push((form, client));
    let (status, document) = script.token.clone().unwrap();
    (StatusCode::from_u16(status).unwrap(), Json(document)).into_response()
}

impl Fake {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = Ed25519KeyPair::generate().with_key_id("now");
        let script = Arc::new(Mutex::new(Script::default()));
        script.lock().unwrap().keys.push(public(&key, "now"));
        let published = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
        });
        let keys = async |State(script): State<Arc<Mutex<Script>>>| {
            Json(json!({"keys": script.lock().unwrap().keys}))
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(published.clone())))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&script));
        tokio::spawn(axum::serve(listener, router).into_future());

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        let settings = Settings {
            public_url: Some(PUBLIC.into()),
            login: Some(settings::Oidc {
                issuer: issuer.clone(),
                client_id: CLIENT.into(),
                client_secret_file: Some(file),
                scopes: vec!["profile".into()],
                scope_claim: "may.approve".into(),
            }),
            ..Settings::default()
        };
        let site = Site::new(&settings).unwrap();
        let provider =
            Provider::new(settings.login.as_ref().unwrap(), &site, reqwest::Client::new()).unwrap();
        Self { issuer, key, script, provider }
    }

    /// What an ID token of this login says.
    fn claims(&self, begun: &Begun) -> Value {
        json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "erin", "name": "Erin",
            "nonce": parameter(begun, "nonce"), "may": {"approve": ["acme:approve", "x"]},
        })
    }

    /// The token endpoint gives this ID token.
    fn gives(&self, id_token: &str) {
        let document = json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token});
        self.script.lock().unwrap().token = Some((200, document));
    }

    async fn finish(
        &self,
        begun: &Begun,
        claims: Value,
    ) -> Result<(Approver, String), CallbackError> {
        self.gives(&signed(&self.key, claims));
        self.provider.finish(&returned(begun), Some(begun.attempt.expose())).await
    }
}

fn signed(key: &Ed25519KeyPair, claims: Value) -> String {
    key.sign(Claims::with_custom_claims(claims, Lifetime::from_mins(5))).unwrap()
}

fn parameter(begun: &Begun, name: &str) -> String {
    let url = Url::parse(&begun.url).unwrap();
    let values: Vec<_> = url.query_pairs().filter(|(n, _)| n == name).collect();
    assert_eq!(values.len(), 1, "{name} in {url}");
    values[0].1.clone().into_owned()
}

fn returned(begun: &Begun) -> Returned {
    let state = Some(parameter(begun, "state"));
    Returned { code: Some("the-code".into()), state, ..Returned::default() }
}

#[tokio::test]
async fn who_comes_back_is_who_the_provider_says() {
    let fake = Fake::start().await;
    let begun = fake.provider.begin("/approvals/apr_1").await.unwrap();
    assert!(begun.url.starts_with(&format!("{}/authorize?", fake.issuer)), "{}", begun.url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", "https://approvals.example/login/callback"),
        ("scope", "openid profile"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&begun, name), value);
    }
    assert!(!begun.url.contains(begun.attempt.expose()), "the attempt stays in the browser");
    let (approver, to) = fake.finish(&begun, fake.claims(&begun)).await.unwrap();
    assert_eq!(to, "/approvals/apr_1");
    assert_eq!((&*approver.person.issuer, &*approver.person.subject), (&*fake.issuer, "erin"));
    assert_eq!(approver.name.as_deref(), Some("Erin"));
    assert!(approver.scopes.iter().eq(["acme:approve", "x"]));
    assert_eq!(approver.machine, None);

    let script = fake.script.lock().unwrap();
    let [(form, client)] = &*script.asked else { panic!("asked once") };
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "the-code");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    assert_eq!(challenge, parameter(&begun, "code_challenge"), "PKCE");
    let basic = format!("{CLIENT}:{}", SECRET.replace(' ', "+"));
    assert_eq!(client.as_deref(), Some(&*format!("Basic {}", STANDARD.encode(basic))));
}

#[tokio::test]
async fn each_login_has_a_state_a_nonce_and_a_verifier_of_its_own() {
    let fake = Fake::start().await;
    let one = fake.provider.begin("/").await.unwrap();
    let two = fake.provider.begin("/").await.unwrap();
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(parameter(&one, name), parameter(&two, name), "{name}");
    }
}

#[tokio::test]
async fn nobody_finishes_what_another_browser_has_begun() {
    let fake = Fake::start().await;
    let begun = fake.provider.begin("/history").await.unwrap();
    let other = fake.provider.begin("/history").await.unwrap();
    fake.gives(&signed(&fake.key, fake.claims(&begun)));
    let right = returned(&begun);
    let state = |state: &str| Returned { state: Some(state.into()), ..right.clone() };
    let sent = right.state.clone().unwrap();
    let own = begun.attempt.expose();
    for (what, returned, attempt) in [
        ("no cookie", right.clone(), None),
        ("garbage in the cookie", right.clone(), Some("sws_x")),
        ("another login's cookie", right.clone(), Some(other.attempt.expose())),
        ("no state", Returned { state: None, ..right.clone() }, Some(own)),
        ("an empty state", state(""), Some(own)),
        ("another login's state", state(&parameter(&other, "state")), Some(own)),
        ("another way back", state(&sent.replace("/history", "/approvals/apr_1")), Some(own)),
        ("a way back too long", state(&format!("{sent}x")), Some(own)),
        ("no code", Returned { code: None, ..right.clone() }, Some(own)),
        (
            "an error of another login",
            Returned { error: Some("access_denied".into()), ..returned(&other) },
            Some(own),
        ),
    ] {
        let refused = fake.provider.finish(&returned, attempt).await.unwrap_err();
        assert!(matches!(refused, CallbackError::Attempt), "{what}: {refused:?}");
    }
    assert!(fake.script.lock().unwrap().asked.is_empty(), "no code was spent on it");
}

#[tokio::test]
async fn the_provider_may_refuse_and_another_may_not_answer_for_it() {
    let fake = Fake::start().await;
    let begun = fake.provider.begin("/").await.unwrap();
    let own = Some(begun.attempt.expose());
    let denied = Returned {
        error: Some("access_denied".into()),
        error_description: Some("x".repeat(1000)),
        ..returned(&begun)
    };
    let refused = fake.provider.finish(&denied, own).await.unwrap_err();
    assert!(matches!(&refused, CallbackError::Refused(why) if why.len() == 200), "{refused:?}");
    // RFC 9207: a mix-up.
    let mixed = Returned { iss: Some("https://evil.example".into()), ..returned(&begun) };
    let refused = fake.provider.finish(&mixed, own).await.unwrap_err();
    assert!(matches!(refused, CallbackError::Provider(..)), "{refused:?}");
    let named = Returned { iss: Some(fake.issuer.clone()), ..returned(&begun) };
    fake.gives(&signed(&fake.key, fake.claims(&begun)));
    assert!(fake.provider.finish(&named, own).await.is_ok());
}

#[tokio::test]
async fn an_id_token_that_does_not_verify_logs_nobody_in() {
    let fake = Fake::start().await;
    let begun = fake.provider.begin("/").await.unwrap();
    let other = fake.provider.begin("/").await.unwrap();
    let with = |name: &str, value: Value| {
        let mut claims = fake.claims(&begun);
        claims[name] = value;
        claims
    };
    let own = Some(begun.attempt.expose());
    let finish = async |id_token: String| {
        fake.gives(&id_token);
        fake.provider.finish(&returned(&begun), own).await
    };
    let stranger = Ed25519KeyPair::generate().with_key_id("now");
    let nobody = Ed25519KeyPair::generate().with_key_id("never");
    let right = signed(&fake.key, fake.claims(&begun));
    let unsigned = {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        format!("{header}.{}.", right.split('.').nth(1).unwrap())
    };
    let shared = HS256Key::from_bytes(SECRET.as_bytes());
    let by_secret = Claims::with_custom_claims(fake.claims(&begun), Lifetime::from_mins(5));
    let late = {
        let mut claims = Claims::with_custom_claims(fake.claims(&begun), Lifetime::from_mins(5));
        claims.expires_at = claims.issued_at;
        claims.issued_at = claims.issued_at.map(|at| at - Lifetime::from_hours(2));
        claims.expires_at = claims.expires_at.map(|at| at - Lifetime::from_hours(1));
        fake.key.sign(claims).unwrap()
    };
    for (what, id_token) in [
        ("another nonce", signed(&fake.key, with("nonce", json!(parameter(&other, "nonce"))))),
        ("no nonce", signed(&fake.key, with("nonce", Value::Null))),
        ("another audience", signed(&fake.key, with("aud", json!("somebody")))),
        ("one audience more", signed(&fake.key, with("aud", json!([CLIENT, "somebody"])))),
        ("another issuer", signed(&fake.key, with("iss", json!("https://evil.example")))),
        ("another key of that name", signed(&stranger, fake.claims(&begun))),
        ("a key that is not published", signed(&nobody, fake.claims(&begun))),
        ("no signature", unsigned),
        ("the client's secret as the key", shared.authenticate(by_secret).unwrap()),
        ("its time is over", late),
        ("a scope claim of another kind", signed(&fake.key, with("may", json!({"approve": 7})))),
    ] {
        let refused = finish(id_token).await.unwrap_err();
        assert!(matches!(&refused, CallbackError::Provider(..)), "{what}: {refused:?}");
        assert!(!refused.to_string().contains("Err"), "{what}: for people: {refused}");
    }
    assert!(finish(right).await.is_ok(), "and the right one does");
}

#[tokio::test]
async fn a_token_endpoint_that_fails_logs_nobody_in() {
    let fake = Fake::start().await;
    let begun = fake.provider.begin("/").await.unwrap();
    for answer in [
        (400, json!({"error": "invalid_grant"})),
        (500, json!({})),
        (200, json!({})),
        (200, json!({"access_token": "a", "token_type": "Bearer"})),
        (200, json!({"access_token": "a", "token_type": "Bearer", "id_token": "x.y.z"})),
    ] {
        fake.script.lock().unwrap().token = Some(answer.clone());
        let attempt = Some(begun.attempt.expose());
        let refused = fake.provider.finish(&returned(&begun), attempt).await.unwrap_err();
        assert!(matches!(refused, CallbackError::Provider(..)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_needed() {
    let mut fake = Fake::start().await;
    let begun = fake.provider.begin("/").await.unwrap();
    fake.key = Ed25519KeyPair::generate().with_key_id("next");
    fake.script.lock().unwrap().keys.push(public(&fake.key, "next"));
    let soon = fake.finish(&begun, fake.claims(&begun)).await;
    assert!(soon.is_err(), "the provider is not asked for keys at every token");
    if let Some((at, _)) = &mut *fake.provider.published.lock().await {
        *at = at.checked_sub(AGAIN).unwrap();
    }
    assert!(fake.finish(&begun, fake.claims(&begun)).await.is_ok());
}

#[tokio::test]
async fn a_login_in_somebody_elses_name_is_a_machines() {
    let fake = Fake::start().await;
    let begun = fake.provider.begin("/").await.unwrap();
    let mut claims = fake.claims(&begun);
    claims["act"] = json!({"sub": "agent"});
    let (approver, _) = fake.finish(&begun, claims).await.unwrap();
    assert!(approver.machine.is_some());
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_to_be() {
    let fake = Fake::start().await;
    let away =
        Provider { issuer: IssuerUrl::new("http://127.0.0.1:9/".into()).unwrap(), ..fake.provider };
    let failed = away.begin("/").await.unwrap_err();
    let said = "the identity provider cannot be reached; try again in a minute";
    assert_eq!(failed.to_string(), said);
}
