//! `/v1/models`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{CREATED, Shared, error, lock};

pub(super) fn object(id: &str) -> Value {
    let owner = if id.starts_with("ft:") { "acme" } else { "system" };
    json!({ "id": id, "object": "model", "created": CREATED, "owned_by": owner })
}

pub(super) async fn list(State(store): State<Shared>) -> Json<Value> {
    let models: Vec<Value> = lock(&store).models.values().cloned().collect();
    Json(json!({ "object": "list", "data": models }))
}

pub(super) async fn retrieve(State(store): State<Shared>, Path(id): Path<String>) -> Response {
    match lock(&store).models.get(&id) {
        Some(model) => Json(model.clone()).into_response(),
        None => missing(&id),
    }
}

pub(super) async fn delete(State(store): State<Shared>, Path(id): Path<String>) -> Response {
    match lock(&store).models.remove(&id) {
        Some(_) => Json(json!({ "id": id, "object": "model", "deleted": true })).into_response(),
        None => missing(&id),
    }
}

fn missing(id: &str) -> Response {
    let message = format!("The model `{id}` does not exist");
    error(StatusCode::NOT_FOUND, "model_not_found", &message)
}
