//! An approval as JSON.

use scopewarden_core::time::UnixMillis;
use serde_json::{Value, json};

use crate::desk::{Desk, May};
use crate::domain::{Approval, Approver, Event, Refusal, Vote};
use crate::http::problem::Problem;

/// What a list has of it: everything the fingerprint covers, and where it stands.
pub(super) fn approval(approval: &Approval, now: UnixMillis) -> Value {
    let state = &approval.state;
    json!({
        "id": approval.id,
        "version": approval.version,
        "status": approval.status(now).name(),
        "asked": approval.asked.to_string(),
        "expires": approval.expires.to_string(),
        "record": approval.record,
        "fingerprint": approval.call.fingerprint().as_str(),
        "call": Value::from(&approval.call),
        "preview": Value::from(&approval.preview),
        "votes": state.votes.iter().map(vote).collect::<Vec<_>>(),
        "denial": state.denial.as_ref().map(vote),
        "missing": approval.missing(),
    })
}

/// The approval with its set, its history, and what this person may do.
pub(super) async fn whole(
    desk: &Desk,
    one: &Approval,
    approver: &Approver,
) -> Result<Value, Problem> {
    let internal = |e| Problem::internal(&e);
    let now = desk.now();
    let members = match one.call.set {
        None => Vec::new(),
        Some(_) => desk.store.set(&one.set_key()).await.map_err(internal)?,
    };
    let members: Vec<Value> = members
        .iter()
        .filter(|member| member.may_see(approver, desk.rules()).is_ok())
        .map(|member| approval(member, now))
        .collect();
    let events = desk.store.events(&one.id).await.map_err(internal)?;
    let may = desk.may(one, approver).await.map_err(internal)?;
    let mut document = approval(one, now);
    if let Some(shown) = document.as_object_mut() {
        shown.insert("members".to_owned(), members.into());
        shown.insert("events".to_owned(), events.iter().map(event).collect());
        shown.insert("may".to_owned(), self::may(&may));
    }
    Ok(document)
}

fn vote(vote: &Vote) -> Value {
    json!({
        "person": vote.person,
        "name": vote.name,
        "at": UnixMillis(vote.at).to_string(),
        "reason": vote.reason,
        "break_glass": vote.break_glass,
    })
}

/// Without the nonce of a question: it names what the proxy asked, and is nobody else's.
fn event((at, event): &(UnixMillis, Event)) -> Value {
    json!({"at": at.to_string(), "kind": event.kind(), "vote": event.vote().map(vote)})
}

fn may(may: &May) -> Value {
    let one = |allowed: &Result<(), Refusal>| match allowed {
        Ok(()) => json!({"allowed": true}),
        Err(why) => json!({"allowed": false, "code": why.code(), "why": why.to_string()}),
    };
    json!({
        "approve": one(&may.approve),
        "deny": one(&may.deny),
        "break_glass": one(&may.break_glass),
    })
}
