//! `POST /v1/approvals/{id}/decision`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{Id, Nothing, Query, Who, find, json_body, unknown, view};
use crate::desk::{DecideError, Desk};
use crate::domain::{Decision, Refusal};
use crate::http::problem::Problem;

/// What a person wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    decision: Kind,
    #[serde(default)]
    reason: Option<String>,
    /// The other calls of its set that the person has looked at.
    #[serde(default)]
    seen: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Approve,
    Deny,
    BreakGlass,
}

/// Decides; the approval as it is afterwards.
pub(super) async fn decide(
    State(desk): State<Arc<Desk>>,
    Who(approver): Who,
    Id(id): Id,
    _: Query<Nothing>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let Wanted { decision, reason, seen } = json_body(&headers, body)?;
    let said = reason.clone().unwrap_or_default();
    let decision = match decision {
        Kind::Approve => Decision::Approve { reason },
        Kind::Deny => Decision::Deny { reason: said },
        Kind::BreakGlass => Decision::BreakGlass { reason: said },
    };
    find(&desk, &id, &approver).await?;
    let decided =
        desk.decide_seen(&id, &decision, &approver, &seen).await.map_err(|error| match error {
            DecideError::Unknown(id) => unknown(&id),
            DecideError::Refused(refusal) => refused(&refusal),
            DecideError::Store(error) => Problem::internal(&error),
        })?;
    view::whole(&desk, &decided, &approver).await.map(Json)
}

fn refused(refusal: &Refusal) -> Problem {
    let (status, pointer) = match refusal {
        Refusal::NotPending(_) | Refusal::SetIncomplete(..) | Refusal::SetUnseen => {
            (StatusCode::CONFLICT, None)
        }
        Refusal::ReasonMissing | Refusal::ReasonTooLong => {
            (StatusCode::BAD_REQUEST, Some("/reason".to_owned()))
        }
        _ => (StatusCode::FORBIDDEN, None),
    };
    Problem { pointer, ..Problem::new(status, refusal.code(), refusal.to_string()) }
}
