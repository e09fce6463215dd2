//! One call: everything that an approval is bound to, what happened, and the decision.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use scopewarden_core::approval::Bound;
use scopewarden_core::limits::MAX_APPROVER_REASON_CHARS;

use super::call::{Ballot, Call, Content};
use super::failure::Failure;
use super::moment::{Moment, span};
use super::page::{Page, Part, render};
use super::text::Visible;
use super::visitor::Visitor;
use crate::desk::Desk;
use crate::domain::{Approval, Event, Refusal};
use crate::login::Session;

#[derive(Template)]
#[template(path = "detail.html")]
struct DetailPage {
    page: Page,
    call: Call,
    bound: Facts,
    content: Content,
    votes: Vec<Ballot>,
    events: Vec<Entry>,
    members: Vec<Member>,
    /// Calls of the set that this person may not look at.
    unseen: usize,
    /// Ids of what the decision is about, as shown.
    seen: String,
    choice: Choice,
    form: Form,
    most: usize,
}

/// A step of the set.
struct Member {
    call: Call,
    content: Content,
}

/// What is bound beside what a [`Call`] has.
struct Facts {
    fingerprint: String,
    record: Visible,
    policy: Visible,
    policy_hash: Visible,
    scope: Visible,
    ttl: String,
    query: Visible,
    body: Visible,
}

/// One line of what happened.
struct Entry {
    at: Moment,
    text: &'static str,
    vote: Option<Ballot>,
}

/// What the visitor may do, or why not.
struct Choice {
    approve: Option<Visible>,
    deny: Option<Visible>,
    /// `None` when there is no such thing here, or not for this person.
    break_glass: bool,
}

/// What a form says that was sent and not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// What is wrong.
    pub error: Option<Visible>,
    /// What was typed.
    pub reason: String,
    /// Whether it was the emergency's form.
    pub break_glass: bool,
}

/// `GET /approvals/{id}`.
pub async fn show(
    visitor: Visitor,
    State(desk): State<Arc<Desk>>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let approval = find(&desk, &id, &visitor.session).await?;
    page(&desk, &approval, &visitor, StatusCode::OK, Form::default()).await
}

/// The approval `id`, when this person may look at it.
///
/// # Errors
/// A page that says why not.
pub async fn find(desk: &Desk, id: &str, session: &Session) -> Result<Approval, Failure> {
    let approval = desk.store.get(id).await?.ok_or_else(|| {
        let detail = "There is no approval of this name. It may have been mistyped.";
        Failure::new(StatusCode::NOT_FOUND, "Not found", detail)
    })?;
    match approval.may_see(&session.approver, desk.rules()) {
        Ok(()) => Ok(approval),
        Err(why) => {
            let detail = format!("You cannot look at this call: {why}.");
            Err(Failure::new(StatusCode::FORBIDDEN, "Not for you", detail))
        }
    }
}

/// The page of an approval.
///
/// # Errors
/// The database failed.
pub async fn page(
    desk: &Desk,
    approval: &Approval,
    visitor: &Visitor,
    status: StatusCode,
    form: Form,
) -> Result<Response, Failure> {
    let (now, session) = (desk.now(), &visitor.session);
    let may = desk.may(approval, &session.approver).await?;
    let decided_with = desk.decided_with(approval).await?;
    let members = match approval.call.set {
        None => Vec::new(),
        Some(_) => desk.store.set(&approval.set_key()).await?,
    };
    let shown = |m: &&Approval| m.may_see(&session.approver, desk.rules()).is_ok();
    let events = desk.store.events(&approval.id).await?;
    let detail = DetailPage {
        page: Page::new(Part::None, visitor, now),
        call: Call::new(approval, desk),
        bound: Facts::new(approval),
        content: Content::from(approval),
        votes: approval.state.votes.iter().map(Ballot::new).collect(),
        events: events.iter().map(|(at, event)| Entry::new(Moment::new(*at, now), event)).collect(),
        unseen: members.iter().filter(|m| !shown(m)).count(),
        seen: decided_with.iter().filter(shown).map(|m| &*m.id).collect::<Vec<_>>().join(" "),
        members: members
            .iter()
            .filter(shown)
            .map(|m| Member { call: Call::new(m, desk), content: Content::from(m) })
            .collect(),
        choice: Choice {
            approve: may.approve.err().map(|why| Visible::prose(&said(&why))),
            deny: may.deny.err().map(|why| Visible::prose(&said(&why))),
            break_glass: may.break_glass.is_ok(),
        },
        form,
        most: MAX_APPROVER_REASON_CHARS,
    };
    Ok(render(status, &detail))
}

/// A refusal as a sentence.
pub fn said(refusal: &Refusal) -> String {
    let text = refusal.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

impl Facts {
    fn new(approval: &Approval) -> Self {
        let Bound { policy, policy_hash, requirement, query, body, .. } = &approval.call;
        Self {
            fingerprint: approval.call.fingerprint().as_str().to_owned(),
            record: Visible::line(&approval.record),
            policy: Visible::line(policy),
            policy_hash: Visible::line(policy_hash),
            scope: Visible::line(&requirement.scope),
            ttl: span(requirement.ttl_ms),
            query: Visible::line(query),
            body: Visible::line(body),
        }
    }
}

impl Entry {
    fn new(at: Moment, event: &Event) -> Self {
        let text = match event {
            Event::Asked { .. } => "The call was held, and an approval asked for",
            Event::Left => "The caller went away",
            Event::Returned => "The caller came back",
            Event::Supported { .. } => "approved; more people are needed",
            Event::Approved { vote } if vote.break_glass => "decided alone, in an emergency",
            Event::Approved { .. } => "approved, and that is enough",
            Event::Denied { .. } => "denied",
            Event::Used { .. } => "The call was released, once",
            Event::Expired => "The time was over",
            Event::Abandoned => "The caller did not come back",
        };
        Self { at, text, vote: event.vote().map(Ballot::new) }
    }
}
