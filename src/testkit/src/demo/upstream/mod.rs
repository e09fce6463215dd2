//! An OpenAI-compatible API that answers without a model: what is guarded in the demonstration.
//!
//! It keeps models and files in memory, so that a deletion that got through can be seen.

mod chat;
mod files;
mod models;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// When everything here was "created": 2026-01-01, so that answers repeat exactly.
const CREATED: u64 = 1_767_225_600;

/// Largest body that is read, in bytes: above any cap that the proxy would set.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The models at start.
const MODELS: [&str; 4] =
    ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "ft:gpt-4o-mini:acme:support:1"];

/// What the API holds.
#[derive(Debug)]
struct Store {
    models: BTreeMap<String, Value>,
    files: BTreeMap<String, files::Stored>,
    next_id: u64,
}

impl Default for Store {
    fn default() -> Self {
        let models = MODELS.iter().map(|id| ((*id).to_owned(), models::object(id))).collect();
        Self { models, files: BTreeMap::new(), next_id: 1 }
    }
}

impl Store {
    /// An id that was not given before: `chatcmpl-demo-1`.
    fn id(&mut self, prefix: &str) -> String {
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        format!("{prefix}-demo-{id}")
    }
}

/// The store as handlers share it.
type Shared = Arc<Mutex<Store>>;

fn lock(store: &Shared) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The API, with its models as at start.
pub fn router() -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/embeddings", post(chat::embeddings))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{id}", get(models::retrieve).delete(models::delete))
        .route("/v1/files", get(files::list).post(files::create))
        .route("/v1/files/{id}", get(files::retrieve).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content))
        .fallback(async || error(StatusCode::NOT_FOUND, "unknown_url", "no such endpoint"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Shared::default())
}

/// An error as OpenAI's API writes it.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": null,
            "code": code,
        }
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests;
