//! The people's door: the API. Every request is somebody's.
//!
//! The API takes access tokens only. A browser sends a session's cookie along with whatever a page makes it send, so here it
//! means nothing; nobody has to defend this door against forged requests.

mod audit;
mod decision;
mod feed;
mod list;
mod view;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::openapi;
use super::problem::{Problem, read};
use super::questions::{not_allowed, whole};
use super::ui;
use crate::audit::Collector;
use crate::desk::Desk;
use crate::domain::{Approval, Approver};
use crate::login::Login;

/// Largest decision, in bytes: a reason, every character escaped.
const MAX_DECISION: usize = 16 * 1024;

/// What the people's side goes by.
#[derive(Clone, Debug, FromRef)]
pub struct Inbox {
    /// The approvals.
    pub desk: Arc<Desk>,
    /// Who is there.
    pub login: Arc<Login>,
    /// The audit trail, if it is collected.
    pub audit: Option<Arc<Collector>>,
}

/// The routes for people.
pub fn router(desk: Arc<Desk>, login: Arc<Login>, audit: Option<Arc<Collector>>) -> Router {
    let inbox = Inbox { desk, login, audit };
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(path, handler))
        .layer(DefaultBodyLimit::max(MAX_DECISION))
        .layer(map_response(private))
        .merge(ui::router())
        .fallback(ui::missing)
        .method_not_allowed_fallback(not_allowed);
    ui::guarded(router, &inbox).with_state(inbox)
}

/// Method, path, and what is done: what the OpenAPI document has to describe.
pub(super) fn routes() -> [(&'static str, &'static str, MethodRouter<Inbox>); 13] {
    [
        ("get", "/v1/me", get(me)),
        ("get", "/v1/approvals", get(list::list)),
        ("get", "/v1/approvals/{id}", get(show)),
        ("post", "/v1/approvals/{id}/decision", post(decision::decide)),
        ("get", "/v1/events", get(feed::events)),
        ("get", "/v1/audit/records", get(audit::records)),
        ("get", "/v1/audit/records/{index}", get(audit::record)),
        ("get", "/v1/audit/sessions/{key}", get(audit::session)),
        ("get", "/v1/audit/checkpoint", get(audit::checkpoint)),
        ("get", "/v1/audit/key", get(audit::key)),
        ("get", "/v1/audit/segments", get(audit::segments)),
        ("get", "/v1/audit/segments/{name}", get(audit::segment)),
        ("get", "/openapi.json", get(openapi::document)),
    ]
}

/// Who sent the request, by its access token.
struct Who(Approver);

impl FromRequestParts<Inbox> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, inbox: &Inbox) -> Result<Self, Problem> {
        inbox.login.approver(&parts.headers).await.map(Self)
    }
}

/// The id in the path.
struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.ok().filter(|Path(id)| is_id(id)).map(|Path(id)| Self(id)).ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such approval")
        })
    }
}

/// Whether this can be the id of an approval. PostgreSQL fails on text that is none, such as a zero byte.
fn is_id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// The query, of which every parameter is known.
struct Query<T>(T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::try_from_uri(&parts.uri);
        read.map(|axum::extract::Query(query)| Self(query)).map_err(|rejection| {
            let text = rejection.body_text();
            let what = text.split_once(": ").map_or(&*text, |(_, what)| what);
            Problem::invalid(format!("the query: {what}"))
        })
    }
}

/// No query at all.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A JSON body that says it is one.
fn json_body<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let detail = "send `content-type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail));
    }
    read(&whole(body)?)
}

async fn me(Who(approver): Who, _: Query<Nothing>) -> Json<Value> {
    Json(json!({
        "person": approver.person,
        "name": approver.name,
        "scopes": approver.scopes,
        "machine": approver.machine,
    }))
}

async fn show(
    State(desk): State<Arc<Desk>>,
    Who(approver): Who,
    Id(id): Id,
    _: Query<Nothing>,
) -> Result<Json<Value>, Problem> {
    let approval = find(&desk, &id, &approver).await?;
    view::whole(&desk, &approval, &approver).await.map(Json)
}

/// The approval `id`, for somebody who may look at it.
async fn find(desk: &Desk, id: &str, approver: &Approver) -> Result<Approval, Problem> {
    let approval = desk.store.get(id).await.map_err(|e| Problem::internal(&e))?;
    let approval = approval.ok_or_else(|| unknown(id))?;
    match approval.may_see(approver, desk.rules()) {
        Ok(()) => Ok(approval),
        Err(why) => Err(Problem::new(StatusCode::FORBIDDEN, why.code(), why.to_string())),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no approval `{id}`"))
}

/// What is answered is for one person, and not for a cache.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests;
