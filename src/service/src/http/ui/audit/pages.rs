//! The pages of one record, of a session, and of what shadow rules would refuse.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query as Asked, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::auditor::Auditor;
use super::filters::{address, exactly};
use super::record::Record;
use super::session::{self, Exchange, exchanges, part};
use super::shadow::Report;
use crate::audit::index::{MAX_LIST, MAX_SESSION, Row};
use crate::audit::query::Query;
use crate::audit::{Collector, time};
use crate::desk::Desk;
use crate::http::ui::failure::Failure;
use crate::http::ui::moment::Moment;
use crate::http::ui::page::{Page, Part, render};
use crate::http::ui::text::Visible;

/// Most records that a shadow report reads.
const MAX_SHADOW: usize = 5000;
/// How far back a report can look, and what it is called; the first is what it begins with.
const SPANS: [(&str, &str); 4] =
    [("7d", "7 days"), ("1h", "hour"), ("24h", "24 hours"), ("30d", "30 days")];

#[derive(Template)]
#[template(path = "audit_record.html")]
struct RecordPage {
    page: Page,
    it: Record,
}

#[derive(Template)]
#[template(path = "audit_session.html")]
struct SessionPage {
    page: Page,
    key: Visible,
    /// Records of the session.
    total: usize,
    /// Whether there may be more of them.
    more: bool,
    first: Option<Moment>,
    last: Option<Moment>,
    exchanges: Vec<Exchange>,
    search: String,
    earlier: Option<String>,
    later: Option<String>,
}

#[derive(Template)]
#[template(path = "audit_shadow.html")]
struct ShadowPage {
    page: Page,
    since: String,
    spans: [(&'static str, &'static str); 4],
    report: Report,
    /// Whether there are more records than were read.
    more: bool,
    read: usize,
}

fn missing(what: &'static str) -> Failure {
    let failure = Failure::new(StatusCode::NOT_FOUND, "Not found", what);
    Failure { next: ("/audit".to_owned(), "To the audit trail"), ..failure }
}

/// `GET /audit/records/{index}`.
pub async fn record(
    Auditor { visitor, collector }: Auditor,
    State(desk): State<Arc<Desk>>,
    Path(index): Path<String>,
) -> Result<Response, Failure> {
    let unknown = || missing("There is no such record. Old ones are removed after some time.");
    let index: u64 = index.parse().map_err(|_| unknown())?;
    let found = collector.index.record(index).await?.ok_or_else(unknown)?;
    let before = match found.before {
        Some(before) => collector.index.record(before).await?,
        None => None,
    };
    let now = desk.now();
    let it = Record::new(&found, before.as_ref().map(|before| &*before.hash), now);
    Ok(render(StatusCode::OK, &RecordPage { page: Page::new(Part::Audit, &visitor, now), it }))
}

/// Where a session's page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct From {
    from: Option<u64>,
}

/// `GET /audit/sessions/{key}`.
pub async fn session(
    Auditor { visitor, collector }: Auditor,
    State(desk): State<Arc<Desk>>,
    Path(key): Path<String>,
    Asked(From { from }): Asked<From>,
) -> Result<Response, Failure> {
    let rows = collector.index.session(&key).await?;
    if rows.is_empty() {
        return Err(missing("There is no such session. Old records are removed after some time."));
    }
    let now = desk.now();
    let moment = |row: Option<&Row>| {
        row.and_then(|row| time::of(&row.record)).map(|at| Moment::new(at, now))
    };
    let (shown, earlier, later) = part(&rows, from);
    let page = SessionPage {
        page: Page::new(Part::Audit, &visitor, now),
        key: Visible::line(&key),
        total: rows.len(),
        more: u32::try_from(rows.len()).is_ok_and(|total| total >= MAX_SESSION),
        first: moment(rows.first()),
        last: moment(rows.last()),
        exchanges: exchanges(&rows, shown, now),
        search: address(&exactly("session", &key), None),
        earlier: earlier.map(|from| session::address(&key, Some(from))),
        later: later.map(|from| session::address(&key, Some(from))),
    };
    Ok(render(StatusCode::OK, &page))
}

/// How far back a report looks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Since {
    since: String,
}

/// `GET /audit/shadow`.
pub async fn shadow(
    Auditor { visitor, collector }: Auditor,
    State(desk): State<Arc<Desk>>,
    Asked(Since { since }): Asked<Since>,
) -> Result<Response, Failure> {
    let [(default, _), ..] = SPANS;
    let known = SPANS.iter().find(|(span, _)| *span == since);
    let since = known.map_or(default, |(span, _)| span);
    let now = desk.now();
    let (rows, more) = refusals(&collector, since, &desk).await?;
    let page = ShadowPage {
        page: Page::new(Part::Audit, &visitor, now),
        since: since.to_owned(),
        spans: SPANS,
        report: Report::new(&rows, since, now),
        more,
        read: rows.len(),
    };
    Ok(render(StatusCode::OK, &page))
}

/// Records of calls that would be refused, the newest first, and whether there are more.
async fn refusals(
    collector: &Collector,
    since: &str,
    desk: &Desk,
) -> Result<(Vec<Row>, bool), Failure> {
    let query =
        Query::parse(&format!("kind=decision decision!=deny shadow=* since={since}"), desk.now());
    // The text is this program's own.
    let query = query.map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", error.to_string())
    })?;
    let mut rows = Vec::new();
    let mut before = None;
    loop {
        let page = collector.index.search(&query, before, MAX_LIST).await?;
        rows.extend(page.rows);
        before = page.next;
        if before.is_none() || rows.len() >= MAX_SHADOW {
            return Ok((rows, before.is_some()));
        }
    }
}
