//! Several calls under one decision, each released once, in order.

use scopewarden_core::time::UnixMillis;
use serde_json::json;

use super::approval::{Approval, Refusal, Status};

/// Whose turn a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Every step before was used.
    Now,
    /// A step before was not used yet.
    Later,
    /// This step was used, by another call: a set is done once.
    Spent,
}

impl Approval {
    /// Names the set that the call is a step of, so that only steps of one caller under one policy meet; empty for none.
    pub fn set_key(&self) -> String {
        let call = &self.call;
        call.set.as_ref().map_or_else(String::new, |set| {
            json!([call.policy, call.principal.issuer, call.principal.subject, set.id, set.of])
                .to_string()
        })
    }

    /// Whether it is this step's turn, among the `members` of its set.
    pub fn turn(&self, members: &[Self]) -> Turn {
        let Some(set) = &self.call.set else { return Turn::Now };
        let used = |step: u32| {
            members.iter().any(|m| {
                m.id != self.id
                    && m.state.status == Status::Used
                    && m.call.set.as_ref().is_some_and(|s| s.step == step)
            })
        };
        if used(set.step) {
            Turn::Spent
        } else if (1..set.step).all(used) {
            Turn::Now
        } else {
            Turn::Later
        }
    }
}

/// Whether every step of a set was asked for, so that an approver sees all of what one decision lets happen.
///
/// # Errors
/// How many are there.
pub fn complete(members: &[Approval], now: UnixMillis) -> Result<(), Refusal> {
    let Some(of) = members.iter().find_map(|m| m.call.set.as_ref().map(|s| s.of)) else {
        return Ok(());
    };
    let there = |step: u32| {
        members.iter().any(|m| {
            m.call.set.as_ref().is_some_and(|s| s.step == step)
                && matches!(m.status(now), Status::Pending | Status::Approved)
        })
    };
    let of = usize::try_from(of).unwrap_or(usize::MAX);
    let seen = (1..=u32::try_from(of).unwrap_or_default()).filter(|step| there(*step)).count();
    if seen == of { Ok(()) } else { Err(Refusal::SetIncomplete(seen, of)) }
}
