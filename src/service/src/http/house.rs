//! A service that runs, with an issuer beside it, for tests.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use jwt_simple::prelude::{Claims, Duration, Ed25519KeyPair, EdDSAKeyPairLike};
use scopewarden_core::approval::Bound;
use serde_json::{Value, json};

use crate::fixtures::{ISSUER, SCOPE, question};
use crate::http::openapi::tests::conforms;
use crate::serve::Service;
use crate::settings::{Issuer, Settings};

const AUDIENCE: &str = "approvals";
/// The scope that breaks the glass.
pub(crate) const GLASS: &str = "acme:break-glass";

/// The service, its issuer and its folder.
pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) http: reqwest::Client,
    key: Ed25519KeyPair,
    _folder: tempfile::TempDir,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The code of a problem document that is one.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{self:?}");
        assert!(document["title"].is_string() && document["detail"].is_string(), "{self:?}");
        document["type"].as_str().unwrap().replace("urn:scopewarden:problem:", "")
    }
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::furnished(|_| {}).await
    }

    /// With other settings.
    pub(crate) async fn furnished(change: impl FnOnce(&mut Settings)) -> Self {
        let key = Ed25519KeyPair::generate().with_key_id("idp");
        let keys = {
            use base64::Engine as _;
            let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
            let x = engine.encode(key.public_key().to_bytes());
            Arc::new(
                json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "idp", "x": x}]}),
            )
        };
        let jwks = Router::new().route("/jwks", get(async move || Json((*keys).clone())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, jwks).into_future());

        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            database: format!("sqlite:{}", folder.path().join("approvals.db").display()),
            signing_key: folder.path().join("key.json"),
            issuers: vec![Issuer {
                issuer: ISSUER.into(),
                audiences: vec![AUDIENCE.into()],
                jwks_url: format!("http://{issuer}/jwks"),
                scope_claim: "scope".into(),
            }],
            break_glass_scope: Some(GLASS.into()),
            ..Settings::default()
        };
        settings.listen.questions = "127.0.0.1:0".parse().unwrap();
        settings.listen.people = "127.0.0.1:0".parse().unwrap();
        change(&mut settings);
        let service = Service::start(&settings).await.unwrap();
        Self { service, http: reqwest::Client::new(), key, _folder: folder }
    }

    /// An access token.
    pub(crate) fn token(&self, subject: &str, scopes: &str) -> String {
        let claims = json!({"scope": scopes, "name": subject.to_uppercase()});
        let claims = Claims::with_custom_claims(claims, Duration::from_mins(5));
        let claims = claims.with_issuer(ISSUER).with_subject(subject).with_audience(AUDIENCE);
        self.key.sign(claims).unwrap()
    }

    /// The token of somebody who may approve.
    pub(crate) fn approver(&self, subject: &str) -> String {
        self.token(subject, SCOPE)
    }

    pub(crate) fn at_people(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.people)
    }

    pub(crate) fn at_questions(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.questions)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        let answer = send(self.http.get(self.at_people(path)).bearer_auth(token)).await;
        conforms("get", path, &answer);
        answer
    }

    pub(crate) async fn decide(&self, id: &str, body: &Value, token: &str) -> Answer {
        let path = format!("/v1/approvals/{id}/decision");
        let url = self.at_people(&path);
        let answer = send(self.http.post(url).bearer_auth(token).json(body)).await;
        conforms("post", &path, &answer);
        answer
    }

    /// A filter's question.
    pub(crate) async fn ask(&self, call: &Bound, nonce: &str, wait_ms: u64) -> Answer {
        let body = Value::from(&question(call, nonce, wait_ms));
        let path = "/v1/approvals";
        let answer = send(self.http.post(self.at_questions(path)).json(&body)).await;
        conforms("post", path, &answer);
        answer
    }

    /// The id of the approval that a call now waits for.
    pub(crate) async fn asked(&self, call: &Bound) -> String {
        assert_eq!(self.ask(call, "first", 0).await.status, 200);
        let open = self.service.desk().store.open_for(call.fingerprint().as_str()).await.unwrap();
        open.unwrap().id
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}
