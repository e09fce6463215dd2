//! `GET /v1/approvals`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Query, Who, is_id, view};
use crate::desk::Desk;
use crate::http::problem::Problem;
use crate::store::MAX_LIST;

/// Entries of a page, unless it is said how many.
const PAGE: u32 = 50;

/// Which approvals.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    status: Which,
    before: Option<String>,
    limit: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    #[default]
    Pending,
    Decided,
}

/// Those that the person may look at: what waits, the oldest first; or what is over, the newest first.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Who(approver): Who,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let internal = |e| Problem::internal(&e);
    let limit = page.limit.unwrap_or(PAGE);
    if !(1..=MAX_LIST).contains(&limit) {
        return Err(Problem::invalid(format!("the query: `limit` is not from 1 to {MAX_LIST}")));
    }
    let now = desk.now();
    let (found, next) = match page.status {
        Which::Pending => {
            if page.before.is_some() {
                let detail =
                    "the query: `before` goes with `status=decided`; what waits has one page";
                return Err(Problem::invalid(detail));
            }
            (desk.store.pending(now).await.map_err(internal)?, None)
        }
        Which::Decided => {
            let last = match &page.before {
                None => None,
                Some(id) => {
                    let last = match is_id(id) {
                        true => desk.store.get(id).await.map_err(internal)?,
                        false => None,
                    };
                    let detail = "the query: `before` is not the `next` of a page";
                    Some(last.ok_or_else(|| Problem::invalid(detail))?)
                }
            };
            let found = desk.store.history(last.as_ref(), limit).await.map_err(internal)?;
            let full = usize::try_from(limit).is_ok_and(|limit| found.len() >= limit);
            let next = found.last().filter(|_| full).map(|last| last.id.clone());
            (found, next)
        }
    };
    let seen: Vec<Value> = found
        .iter()
        .filter(|approval| approval.may_see(&approver, desk.rules()).is_ok())
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|approval| view::approval(approval, now))
        .collect();
    Ok(Json(json!({"approvals": seen, "next": next})))
}
