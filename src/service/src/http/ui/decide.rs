//! The decision form.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Form as Posted;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::detail::{self, Form, find, said};
use super::failure::Failure;
use super::text::Visible;
use super::visitor::{Visitor, ended};
use crate::desk::{DecideError, Desk};
use crate::domain::{Approval, Approver, Decision, Refusal};
use crate::http::people::Inbox;

/// What the form sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    decision: Kind,
    #[serde(default)]
    reason: String,
    csrf: String,
    /// Ids of the calls that were shown.
    seen: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Approve,
    Deny,
    BreakGlass,
}

/// `POST /approvals/{id}`: back to the page when it was taken, the page with what is wrong when it was not.
pub async fn decide(
    State(inbox): State<Inbox>,
    State(desk): State<Arc<Desk>>,
    visitor: Result<Visitor, Response>,
    Path(id): Path<String>,
    headers: HeaderMap,
    sent: Result<Posted<Sent>, FormRejection>,
) -> Result<Response, Failure> {
    let path = format!("/approvals/{id}");
    if !inbox.login.site.is_own(&headers) {
        return Err(forged(&path));
    }
    let Ok(Posted(Sent { decision: kind, reason, csrf, seen })) = sent else {
        let detail = "The form was not filled in as it is here, or too long. Nothing was decided.";
        return Err(back(StatusCode::BAD_REQUEST, "Not a decision", detail, &path));
    };
    let Ok(visitor) = visitor else {
        return Err(ended(&path, Some(reason).filter(|r| !r.is_empty())));
    };
    let session = &visitor.session;
    if !session.gave(&csrf) {
        return Err(forged(&path));
    }
    let approval = find(&desk, &id, session).await?;
    // A browser's line breaks are two characters, and count as one.
    let reason = reason.replace("\r\n", "\n").trim().to_owned();
    let decision = match kind {
        Kind::Approve => {
            Decision::Approve { reason: Some(reason.clone()).filter(|r| !r.is_empty()) }
        }
        Kind::Deny => Decision::Deny { reason: reason.clone() },
        Kind::BreakGlass => Decision::BreakGlass { reason: reason.clone() },
    };
    let seen: BTreeSet<String> = seen.split_ascii_whitespace().map(str::to_owned).collect();
    let approver = &session.approver;
    let refusal = match desk.decide_seen(&id, &decision, approver, &seen).await {
        Ok(_) => return Ok(Redirect::to(&path).into_response()),
        Err(DecideError::Store(error)) => return Err(error.into()),
        Err(DecideError::Unknown(_)) => {
            return Err(back(
                StatusCode::NOT_FOUND,
                "Not found",
                "There is no such approval.",
                "/",
            ));
        }
        Err(DecideError::Refused(refusal)) => refusal,
    };
    let now = desk.store.get(&id).await?.unwrap_or(approval);
    // The same button pressed twice is one decision.
    if matches!(refusal, Refusal::NotPending(_) | Refusal::Twice) && said_so(&now, approver, kind) {
        return Ok(Redirect::to(&path).into_response());
    }
    let status = match refusal {
        Refusal::ReasonMissing | Refusal::ReasonTooLong => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::NotPending(_) | Refusal::SetIncomplete(..) | Refusal::SetUnseen => {
            StatusCode::CONFLICT
        }
        _ => StatusCode::FORBIDDEN,
    };
    let error = match refusal {
        Refusal::ReasonMissing => "Say why: the reason is part of the record.".to_owned(),
        refusal => said(&refusal),
    };
    let form =
        Form { error: Some(Visible::prose(&error)), reason, break_glass: kind == Kind::BreakGlass };
    detail::page(&desk, &now, &visitor, status, form).await
}

/// Whether the person has decided just so before.
fn said_so(approval: &Approval, approver: &Approver, kind: Kind) -> bool {
    let state = &approval.state;
    let own = |vote: &&crate::domain::Vote| vote.person == approver.person;
    match kind {
        Kind::Deny => state.denial.as_ref().filter(own).is_some(),
        Kind::Approve => state.votes.iter().filter(own).any(|v| !v.break_glass),
        Kind::BreakGlass => state.votes.iter().filter(own).any(|v| v.break_glass),
    }
}

/// A form that is not of this login.
pub fn forged(path: &str) -> Failure {
    let detail = "This form did not come from a page of your login here, so nothing was done. Open the page again and \
                  repeat it; if you did not send anything, another site has tried to in your name.";
    back(StatusCode::FORBIDDEN, "Refused", detail, path)
}

fn back(status: StatusCode, title: &'static str, detail: &str, path: &str) -> Failure {
    let path = super::visitor::safe(path).to_owned();
    Failure { next: (path, "Go back"), ..Failure::new(status, title, detail) }
}
