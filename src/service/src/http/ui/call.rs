//! A held call as pages show it.

use scopewarden_core::approval::Party;
use serde_json::Value;

use super::moment::{Moment, span};
use super::text::Visible;
use crate::desk::Desk;
use crate::domain::{Approval, Status, Vote};

/// Longest laid-out body, in bytes: nesting makes it longer than it is.
const MAX_LAYOUT: usize = 32 * 1024;

/// Somebody.
#[derive(Debug)]
pub struct Who {
    /// Their name at the issuer.
    pub subject: Visible,
    /// Who vouches for it.
    pub issuer: Visible,
}

/// Somebody who acts for the principal.
#[derive(Debug)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Whether somebody else vouches for them than for the principal.
    pub foreign: bool,
}

/// Whether a caller is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// On the line.
    Waiting,
    /// Was told to come back.
    Between,
    /// Hung up.
    Left,
    /// It does not matter any more.
    Over,
}

/// What lists and the detail page have in common.
#[derive(Debug)]
pub struct Call {
    /// The approval's id.
    pub id: String,
    /// Where it stands: the name of a [`Status`].
    pub status: &'static str,
    /// What is to be done.
    pub operation: Visible,
    /// How far it reaches.
    pub tier: Visible,
    /// How loud the tier is drawn: `danger`, `warning`, `plain`.
    pub tone: &'static str,
    /// The method.
    pub method: Visible,
    /// The path.
    pub path: Visible,
    /// The host.
    pub authority: Visible,
    /// The surface's server; may be empty.
    pub server: Visible,
    /// Who asks.
    pub principal: Who,
    /// Who acts for them, the current actor first.
    pub actors: Vec<Actor>,
    /// How many have approved.
    pub votes: usize,
    /// How many it takes.
    pub needed: u32,
    /// Whether people can still decide.
    pub pending: bool,
    /// Whether time runs: until `expires`.
    pub running: bool,
    /// When it was asked.
    pub asked: Moment,
    /// When it is over.
    pub expires: Moment,
    /// How long that is from now.
    pub left: String,
    /// Whether there is little of it.
    pub urgent: bool,
    /// Whether the caller is there.
    pub caller: Caller,
    /// The set it belongs to.
    pub set: Option<Set>,
    /// Who decided last.
    pub decided: Option<Ballot>,
}

/// What a call carries, as far as it is shown.
#[derive(Debug)]
pub struct Content {
    /// Header fields that it is bound to.
    pub headers: Vec<(Visible, Visible)>,
    /// The query's parameters.
    pub query: Vec<(Visible, Visible)>,
    /// The body's text.
    pub body: Option<Visible>,
    /// How many bytes it has.
    pub bytes: u64,
    /// Whether not all of it is shown.
    pub truncated: bool,
}

/// Which step of which set.
#[derive(Debug)]
pub struct Set {
    /// The caller's name for it.
    pub id: Visible,
    /// Which step.
    pub step: u32,
    /// Of how many.
    pub of: u32,
}

/// Somebody's say.
#[derive(Debug)]
pub struct Ballot {
    /// What they are called, beside who they are: anybody can be called anything.
    pub name: Option<Visible>,
    /// Who they are.
    pub person: Who,
    /// Why.
    pub reason: Option<Visible>,
    /// Whether they decided alone in an emergency.
    pub break_glass: bool,
}

impl From<&Party> for Who {
    fn from(party: &Party) -> Self {
        Self { subject: Visible::line(&party.subject), issuer: Visible::line(&party.issuer) }
    }
}

impl Actor {
    fn new(actor: &Party, principal: &Party) -> Self {
        Self { who: Who::from(actor), foreign: actor.issuer != principal.issuer }
    }
}

impl Call {
    /// An approval as it is now.
    pub fn new(approval: &Approval, desk: &Desk) -> Self {
        let now = desk.now();
        let (call, state) = (&approval.call, &approval.state);
        let status = approval.status(now);
        let left = approval.expires.since(now);
        let last = state.denial.as_ref().or_else(|| state.votes.last());
        Self {
            id: approval.id.clone(),
            status: status.name(),
            operation: Visible::line(&call.operation),
            tier: Visible::line(&call.tier),
            tone: tone(&call.tier),
            method: Visible::line(&call.method),
            path: Visible::line(&call.path),
            authority: Visible::line(&call.authority),
            server: Visible::line(&call.server),
            principal: Who::from(&call.principal),
            actors: call.actors.iter().map(|actor| Actor::new(actor, &call.principal)).collect(),
            votes: state.votes.len(),
            needed: call.requirement.approvers,
            pending: status == Status::Pending,
            running: matches!(status, Status::Pending | Status::Approved),
            asked: Moment::new(approval.asked, now),
            expires: Moment::new(approval.expires, now),
            left: span(left),
            urgent: left < 60_000,
            caller: caller(approval, status, desk),
            set: call.set.as_ref().map(|set| Set {
                id: Visible::line(&set.id),
                step: set.step,
                of: set.of,
            }),
            decided: last.map(Ballot::new),
        }
    }

    /// Whether the caller is on the line.
    pub fn is_waiting(&self) -> bool {
        self.caller == Caller::Waiting
    }

    /// Whether the caller was told to come back.
    pub fn is_between(&self) -> bool {
        self.caller == Caller::Between
    }

    /// Whether the caller hung up.
    pub fn has_left(&self) -> bool {
        self.caller == Caller::Left
    }
}

impl Ballot {
    /// A vote.
    pub fn new(vote: &Vote) -> Self {
        Self {
            name: vote.name.as_deref().map(Visible::line),
            person: Who {
                subject: Visible::line(&vote.person.subject),
                issuer: Visible::line(&vote.person.issuer),
            },
            reason: vote.reason.as_deref().filter(|r| !r.trim().is_empty()).map(Visible::block),
            break_glass: vote.break_glass,
        }
    }
}

fn caller(approval: &Approval, status: Status, desk: &Desk) -> Caller {
    if !matches!(status, Status::Pending | Status::Approved) {
        Caller::Over
    } else if desk.bell.is_waited_for(approval.call.fingerprint().as_str()) {
        Caller::Waiting
    } else if approval.state.absent.is_some() {
        Caller::Left
    } else {
        Caller::Between
    }
}

/// How loud a tier is drawn.
pub fn tone(tier: &str) -> &'static str {
    match tier {
        "destroy" | "admin" | "execute" => "danger",
        "write" | "spend" => "warning",
        _ => "plain",
    }
}

impl From<&Approval> for Content {
    fn from(approval: &Approval) -> Self {
        let (call, preview) = (&approval.call, &approval.preview);
        let pairs = |pairs: &[(String, String)]| {
            pairs.iter().map(|(n, v)| (Visible::line(n), Visible::line(v))).collect()
        };
        Self {
            headers: pairs(&call.headers),
            query: pairs(&preview.query),
            body: preview.body.as_deref().map(|text| laid_out(text, preview.truncated)),
            bytes: call.body_bytes,
            truncated: preview.truncated,
        }
    }
}

/// A body's JSON, one member a line when it is whole.
fn laid_out(text: &str, truncated: bool) -> Visible {
    let whole = (!truncated).then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    let pretty = whole.and_then(|value| serde_json::to_string_pretty(&value).ok());
    Visible::block(pretty.as_deref().filter(|p| p.len() <= MAX_LAYOUT).unwrap_or(text))
}
