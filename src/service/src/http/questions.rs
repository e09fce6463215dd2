//! The proxies' door.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use scopewarden_core::approval::{Question, VERSION};
use serde::Deserialize;

use super::problem::{Problem, read};
use crate::desk::{AskError, Desk};

/// Largest question, in bytes: a preview of 4,096 characters and a call with its path.
const MAX_QUESTION: usize = 256 * 1024;

/// That the caller of a question is gone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Abandoned {
    version: u32,
    nonce: String,
    fingerprint: String,
}

/// The routes that a proxy needs.
pub fn router(desk: Arc<Desk>) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(path, handler))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(MAX_QUESTION))
        .with_state(desk)
}

/// Method, path, and what is done: what the OpenAPI document has to describe.
pub(super) fn routes() -> [(&'static str, &'static str, MethodRouter<Arc<Desk>>); 4] {
    [
        ("post", "/v1/approvals", post(ask)),
        ("post", "/v1/approvals/abandon", post(abandon)),
        ("get", "/v1/keys", get(keys)),
        ("get", "/healthz", get(health)),
    ]
}

async fn ask(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, Problem> {
    let question: Question = read(&whole(body)?)?;
    let verdict = desk.ask(&question).await.map_err(|error| match error {
        AskError::Invalid(member, _) => Problem {
            pointer: Some(format!("/{}", member.replace('.', "/"))),
            ..Problem::invalid(error.to_string())
        },
        AskError::TooMany(_) => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-open", error.to_string())
        }
        AskError::Store(_) | AskError::Sign(_) => Problem::internal(&error),
    })?;
    Ok(([(header::CONTENT_TYPE, "application/jwt"), (header::CACHE_CONTROL, "no-store")], verdict)
        .into_response())
}

async fn abandon(
    State(desk): State<Arc<Desk>>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<StatusCode, Problem> {
    let gone: Abandoned = read(&whole(body)?)?;
    let hex = gone.fingerprint.strip_prefix("sha256:").unwrap_or_default();
    for (member, right, what) in [
        ("version", gone.version == VERSION, "is not 1"),
        ("nonce", (16..=128).contains(&gone.nonce.len()), "is not of 16 to 128 characters"),
        (
            "fingerprint",
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()),
            "is not `sha256:` and 64 hex digits",
        ),
    ] {
        if !right {
            let pointer = Some(format!("/{member}"));
            return Err(Problem { pointer, ..Problem::invalid(format!("`{member}` {what}")) });
        }
    }
    desk.abandon(&gone.nonce, &gone.fingerprint).await.map_err(|e| Problem::internal(&e))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn keys(State(desk): State<Arc<Desk>>) -> Response {
    Json(desk.signer.jwks()).into_response()
}

async fn health(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    desk.store.ping().await.map_err(|e| Problem::internal(&e))?;
    Ok(Json(serde_json::json!({"status": "ok", "waiting": desk.bell.calls()})).into_response())
}

/// The whole body.
pub(super) fn whole(
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Bytes, Problem> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too large")
        }
        _ => Problem::invalid("the body was cut short"),
    })
}

pub(super) async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here")
}

pub(super) async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "not with this method")
}
