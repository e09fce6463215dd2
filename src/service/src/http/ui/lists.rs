//! What waits, and what was decided.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::call::Call;
use super::failure::Failure;
use super::page::{Page, Part, render};
use super::text::Visible;
use super::visitor::Visitor;
use crate::desk::Desk;

/// Entries of a page of the history.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    page: Page,
    calls: Vec<Entry>,
    /// What waits for people who hold other scopes.
    others: usize,
}

/// A call that waits.
struct Entry {
    call: Call,
    /// Why the visitor cannot approve it.
    objection: Option<Visible>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    page: Page,
    calls: Vec<Call>,
    /// Where the next page goes on.
    next: Option<String>,
    /// Whether this is not the first page.
    later: bool,
}

/// Which page of the history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Before {
    before: Option<String>,
}

/// `GET /`.
pub async fn inbox(visitor: Visitor, State(desk): State<Arc<Desk>>) -> Result<Response, Failure> {
    let now = desk.now();
    let pending = desk.store.pending(now).await?;
    let approver = &visitor.session.approver;
    let (mut calls, mut others) = (Vec::new(), 0_usize);
    for approval in &pending {
        if approval.may_see(approver, desk.rules()).is_err() {
            others = others.saturating_add(1);
            continue;
        }
        let may = desk.may(approval, approver).await?;
        let objection = may.approve.err().map(|why| Visible::prose(&why.to_string()));
        calls.push(Entry { call: Call::new(approval, &desk), objection });
    }
    let page = Page::new(Part::Inbox, &visitor, now);
    Ok(render(StatusCode::OK, &InboxPage { page, calls, others }))
}

/// `GET /history`.
pub async fn history(
    visitor: Visitor,
    State(desk): State<Arc<Desk>>,
    Query(Before { before }): Query<Before>,
) -> Result<Response, Failure> {
    let now = desk.now();
    let last = match &before {
        None => None,
        Some(id) => Some(desk.store.get(id).await?.ok_or_else(|| {
            let failure = Failure::new(
                StatusCode::NOT_FOUND,
                "No such page",
                "The history has no such page.",
            );
            Failure { next: ("/history".to_owned(), "To the history"), ..failure }
        })?),
    };
    let found = desk.store.history(last.as_ref(), PAGE).await?;
    let full = usize::try_from(PAGE).is_ok_and(|page| found.len() >= page);
    let next = found.last().filter(|_| full).map(|last| last.id.clone());
    let mut calls = Vec::with_capacity(found.len());
    for approval in &found {
        if approval.may_see(&visitor.session.approver, desk.rules()).is_ok() {
            calls.push(Call::new(approval, &desk));
        }
    }
    let page = Page::new(Part::History, &visitor, now);
    Ok(render(StatusCode::OK, &HistoryPage { page, calls, next, later: before.is_some() }))
}
