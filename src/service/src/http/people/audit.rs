//! `/v1/audit`: what was recorded, for those who may read everything.

mod file;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Inbox, Nothing, Query, Who};
use crate::audit::index::{IndexError, MAX_LIST, Row};
use crate::audit::{Collector, query, segments as files};
use crate::http::problem::Problem;

/// Records of a page, unless it is said how many.
const PAGE: u32 = 50;

/// The collector, for somebody who may read it.
pub(super) struct Reader(Arc<Collector>);

impl FromRequestParts<Inbox> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, inbox: &Inbox) -> Result<Self, Problem> {
        let Who(person) = Who::from_request_parts(parts, inbox).await?;
        let Some(collector) = &inbox.audit else {
            let detail = "this service collects no audit trail: it has no `audit` in its settings";
            return Err(Problem::new(StatusCode::NOT_FOUND, "not-found", detail));
        };
        collector.may_read(&person)?;
        Ok(Self(Arc::clone(collector)))
    }
}

fn failed(error: &IndexError) -> Problem {
    Problem::internal(error)
}

fn missing(what: String) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", what)
}

fn row(row: &Row) -> Value {
    json!({"index": row.index, "session": row.session, "record": row.record})
}

/// Which records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
    before: Option<u64>,
    limit: Option<u32>,
}

/// Those that a query is about, the newest first.
pub(super) async fn records(
    Reader(collector): Reader,
    Query(search): Query<Search>,
) -> Result<Json<Value>, Problem> {
    let limit = search.limit.unwrap_or(PAGE);
    if !(1..=MAX_LIST).contains(&limit) {
        return Err(Problem::invalid(format!("the query: `limit` is not from 1 to {MAX_LIST}")));
    }
    let query = query::Query::parse(&search.q, collector.now());
    let query = query.map_err(|error| Problem::invalid(error.to_string()))?;
    let page =
        collector.index.search(&query, search.before, limit).await.map_err(|e| failed(&e))?;
    let records: Vec<_> = page.rows.iter().map(row).collect();
    Ok(Json(json!({"records": records, "next": page.next})))
}

/// One, with its line and its place in its stream.
pub(super) async fn record(
    Reader(collector): Reader,
    Path(index): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<Value>, Problem> {
    let unknown = || missing("there is no such record in the index".to_owned());
    let index = index.parse().map_err(|_| unknown())?;
    let found = collector.index.record(index).await.map_err(|e| failed(&e))?.ok_or_else(unknown)?;
    let mut document = row(&found.row);
    if let Some(members) = document.as_object_mut() {
        members.insert("line".to_owned(), json!(found.row.line));
        members.insert("hash".to_owned(), json!(found.hash));
        members.insert("before".to_owned(), json!(found.before));
        members.insert("after".to_owned(), json!(found.after));
    }
    Ok(Json(document))
}

/// All of a session, the oldest first.
pub(super) async fn session(
    Reader(collector): Reader,
    Path(key): Path<String>,
    _: Query<Nothing>,
) -> Result<Json<Value>, Problem> {
    let rows = collector.index.session(&key).await.map_err(|e| failed(&e))?;
    if rows.is_empty() {
        return Err(missing("there is no such session in the index".to_owned()));
    }
    let records: Vec<_> = rows.iter().map(row).collect();
    Ok(Json(json!({"session": key, "records": records})))
}

fn text(text: String) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, plain)], text).into_response()
}

/// The last checkpoint.
pub(super) async fn checkpoint(Reader(collector): Reader, _: Query<Nothing>) -> Response {
    text(collector.log.checkpoint().to_string())
}

/// What verifies checkpoints.
pub(super) async fn key(Reader(collector): Reader, _: Query<Nothing>) -> Response {
    text(format!("{}\n", collector.notary.verifier()))
}

/// The files of the log.
pub(super) async fn segments(
    Reader(collector): Reader,
    _: Query<Nothing>,
) -> Result<Json<Value>, Problem> {
    let directory = collector.directory.clone();
    let listed = tokio::task::spawn_blocking(move || {
        let length = |path| std::fs::metadata(path).map_or(0, |file| file.len());
        let all = files::list(&directory)?.into_iter().map(|first| {
            json!({
                "name": format!("{first:020}.jsonl"),
                "first": first,
                "bytes": length(files::records(&directory, first)),
                "notes_bytes": length(files::notes(&directory, first)),
            })
        });
        let pruned = directory.join("pruned").exists();
        Ok::<_, std::io::Error>(json!({"segments": all.collect::<Vec<_>>(), "pruned": pruned}))
    });
    let listed = listed.await.map_err(|e| Problem::internal(&e))?;
    listed.map(Json).map_err(|e| Problem::internal(&e))
}

/// One of the files: `<first>.jsonl`, `<first>.notes`, `pruned`.
pub(super) async fn segment(
    Reader(collector): Reader,
    Path(name): Path<String>,
    _: Query<Nothing>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unknown = || missing("there is no such file in the log".to_owned());
    let records = name.strip_suffix(".notes").map(|digits| format!("{digits}.jsonl"));
    let first = files::first_of(records.as_deref().unwrap_or(&name));
    let path = match (first, &records) {
        (Some(first), None) => files::records(&collector.directory, first),
        (Some(first), Some(_)) => files::notes(&collector.directory, first),
        (None, _) if name == "pruned" => collector.directory.join("pruned"),
        (None, _) => return Err(unknown()),
    };
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    file::serve(path, range).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => unknown(),
        _ => Problem::internal(&error),
    })
}

#[cfg(test)]
mod tests;
