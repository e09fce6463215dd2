//! Looking for records: the form, the timeline, the list.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query as Asked, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use scopewarden_core::operation::Tier;

use super::auditor::Auditor;
use super::entry::Entry;
use super::filters::{Filters, address};
use super::timeline::{Kind, Timeline};
use crate::audit::query::{Field, Query};
use crate::desk::Desk;
use crate::http::ui::failure::Failure;
use crate::http::ui::page::{Page, Part, render};
use crate::http::ui::text::Visible;

/// Records of one page.
const PAGE: u32 = 50;
/// Most records that are drawn.
const DRAWN: usize = 20_000;
/// What the form offers for a decision, and what it is called.
const DECISIONS: [(&str, &str); 5] = [
    ("", "any"),
    ("allow", "allowed"),
    ("deny", "refused"),
    ("shadow_deny", "would be refused"),
    ("abandoned", "abandoned"),
];

#[derive(Template)]
#[template(path = "audit_search.html")]
struct SearchPage {
    page: Page,
    query: String,
    filters: Filters,
    decisions: [(&'static str, &'static str); 5],
    tiers: Vec<(&'static str, &'static str)>,
    /// What is wrong with the query.
    error: Option<Visible>,
    timeline: Option<Timeline>,
    /// How many records are drawn, when those are not all.
    drawn: Option<usize>,
    entries: Vec<Entry>,
    /// Whether this is not the first page.
    later: bool,
    newest: String,
    next: Option<String>,
    keys: Vec<&'static str>,
}

/// `GET /audit?q=…`. What the filters' form sends becomes such an address, which can be kept and sent to others.
pub async fn show(
    Auditor { visitor, collector }: Auditor,
    State(desk): State<Arc<Desk>>,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    if Filters::is_sent(&pairs) {
        let to = address(&Filters::sent(&pairs).query(), None);
        return Ok(Redirect::to(&to).into_response());
    }
    let one = |name| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim());
    let query = one("q").unwrap_or_default();
    let before: Option<u64> = one("before").and_then(|text| text.parse().ok());
    let now = desk.now();
    let mut page = SearchPage {
        page: Page::new(Part::Audit, &visitor, now),
        query: query.to_owned(),
        filters: Filters::read(query),
        decisions: DECISIONS,
        tiers: [("", "any")]
            .into_iter()
            .chain(Tier::ALL.map(|t| (t.as_str(), t.as_str())))
            .collect(),
        error: None,
        timeline: None,
        drawn: None,
        entries: Vec::new(),
        later: before.is_some(),
        newest: address(query, None),
        next: None,
        keys: Field::ALL.iter().map(|field| field.name()).collect(),
    };
    let wanted = match Query::parse(query, now) {
        Ok(wanted) => wanted,
        Err(error) => {
            page.error =
                Some(Visible::prose(&format!("At character {}: {}", error.at, error.what)));
            return Ok(render(StatusCode::BAD_REQUEST, &page));
        }
    };
    let found = collector.index.search(&wanted, before, PAGE).await?;
    page.entries = found.rows.iter().map(|row| Entry::new(row, now)).collect();
    page.next = found.next.map(|next| address(query, Some(next)));
    if before.is_none() {
        let moments = collector.index.moments(&wanted, DRAWN).await?;
        let full = moments.len() >= DRAWN;
        page.drawn = full.then_some(DRAWN);
        let moments: Vec<_> =
            moments.iter().map(|(at, decision)| (*at, Kind::of(decision))).collect();
        page.timeline = Timeline::new(&moments, query, now);
    }
    Ok(render(StatusCode::OK, &page))
}
