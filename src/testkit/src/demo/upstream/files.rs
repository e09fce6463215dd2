//! `/v1/files`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{CREATED, Shared, error, lock};

/// An uploaded file.
#[derive(Debug)]
pub(super) struct Stored {
    object: Value,
    content: Bytes,
}

pub(super) async fn list(State(store): State<Shared>) -> Json<Value> {
    let files: Vec<Value> = lock(&store).files.values().map(|f| f.object.clone()).collect();
    Json(json!({ "object": "list", "data": files, "has_more": false }))
}

pub(super) async fn create(
    State(store): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let parts = content_type
        .strip_prefix("multipart/form-data")
        .and_then(|rest| rest.split_once("boundary="))
        .map(|(_, boundary)| parts(&body, boundary.trim_matches('"')));
    let Some(parts) = parts else {
        return error(StatusCode::BAD_REQUEST, "invalid_content_type", "send multipart/form-data");
    };
    let Some(file) = parts.iter().find(|p| p.name == "file") else {
        return error(StatusCode::BAD_REQUEST, "missing_required_parameter", "`file` is missing");
    };
    let purpose = parts.iter().find(|p| p.name == "purpose");
    let mut store = lock(&store);
    let id = store.id("file");
    let object = json!({
        "id": id,
        "object": "file",
        "bytes": file.content.len(),
        "created_at": CREATED,
        "filename": file.filename.as_deref().unwrap_or("upload"),
        "purpose": purpose.map_or_else(|| "assistants".into(), |p| String::from_utf8_lossy(p.content)),
        "status": "processed",
    });
    let stored = Stored { object: object.clone(), content: Bytes::copy_from_slice(file.content) };
    store.files.insert(id, stored);
    Json(object).into_response()
}

pub(super) async fn retrieve(State(store): State<Shared>, Path(id): Path<String>) -> Response {
    match lock(&store).files.get(&id) {
        Some(file) => Json(file.object.clone()).into_response(),
        None => missing(&id),
    }
}

pub(super) async fn content(State(store): State<Shared>, Path(id): Path<String>) -> Response {
    match lock(&store).files.get(&id) {
        Some(file) => file.content.clone().into_response(),
        None => missing(&id),
    }
}

pub(super) async fn delete(State(store): State<Shared>, Path(id): Path<String>) -> Response {
    match lock(&store).files.remove(&id) {
        Some(_) => Json(json!({ "id": id, "object": "file", "deleted": true })).into_response(),
        None => missing(&id),
    }
}

fn missing(id: &str) -> Response {
    error(StatusCode::NOT_FOUND, "file_not_found", &format!("No such file: {id}"))
}

/// One part of a form.
struct Part<'b> {
    name: String,
    filename: Option<String>,
    content: &'b [u8],
}

/// Splits a form (RFC 7578); what is not a part is passed over.
fn parts<'b>(body: &'b [u8], boundary: &str) -> Vec<Part<'b>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, delimiter.as_bytes()) {
        rest = rest.get(at.saturating_add(delimiter.len())..).unwrap_or_default();
        let end = find(rest, delimiter.as_bytes()).unwrap_or(rest.len());
        let part = rest.get(..end).unwrap_or_default();
        let Some(blank) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(part.get(..blank).unwrap_or_default()).into_owned();
        let content = part.get(blank.saturating_add(4)..).unwrap_or_default();
        let Some(name) = parameter(&head, "name") else { continue };
        parts.push(Part {
            name,
            filename: parameter(&head, "filename"),
            content: content.strip_suffix(b"\r\n").unwrap_or(content),
        });
    }
    parts
}

/// The quoted parameter `name` of a part's head.
fn parameter(head: &str, name: &str) -> Option<String> {
    let (_, rest) = head.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
