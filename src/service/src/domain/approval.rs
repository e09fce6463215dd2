//! One approval: its states, and every way from one to another.

use scopewarden_core::approval::{Bound, Party, Preview};
use scopewarden_core::audit::veil;
use scopewarden_core::limits;
use scopewarden_core::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::approver::Approver;
use super::event::Event;
use super::people::{People, Person};

/// How long a caller who went away is waited for, in milliseconds.
const ABSENCE_MS: u64 = 2 * 60 * 1000;
/// Most questions of callers who went away that are remembered.
const MAX_GONE: usize = 64;

/// A held call that waits for people, or did.
///
/// ```text
///              ask
///               │        approve (not enough yet): the vote is kept
///               ▼  ┌──┐
///            pending ◄┘──── approve (enough, or break-glass) ───► approved ── use ──► used
///               │  │                                                 │
///     deny ◄────┘  └─ caller gone for 2 min ─► abandoned             └─ ttl over ─► expired
///      │        │
///      ▼        └─ ttl over ─► expired
///    denied
/// ```
///
/// Used, denied, expired and abandoned are final. A value is never changed: a transition makes the next one, with a
/// version one higher, and the store takes it only when the version before is still the one it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its name: `apr_` and hex.
    pub id: String,
    /// How often it has changed.
    pub version: u64,
    /// When the call was first held.
    pub asked: UnixMillis,
    /// Until when it can be given and used.
    pub expires: UnixMillis,
    /// The id of the first decision record.
    pub record: String,
    /// What is to be approved.
    pub call: Bound,
    /// What is shown beside it.
    pub preview: Preview,
    /// What time does not change by itself.
    pub state: State,
}

/// What of an approval changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Where it stands; see [`Approval::status`].
    pub status: Status,
    /// Who approved, in order.
    pub votes: Vec<Vote>,
    /// Who denied.
    pub denial: Option<Vote>,
    /// The question that it was used for.
    pub nonce: Option<String>,
    /// Questions whose callers went away: it is never used for them.
    pub gone: Vec<String>,
    /// Since when no caller has asked, in milliseconds since the Unix epoch.
    pub absent: Option<u64>,
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// People have not decided.
    #[default]
    Pending,
    /// Enough of them said yes; the call has not come for it yet.
    Approved,
    /// One of them said no.
    Denied,
    /// The call was released.
    Used,
    /// The time was over.
    Expired,
    /// The caller went away and did not come back.
    Abandoned,
}

/// One person's say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Who.
    pub person: Person,
    /// What they are called, for display.
    pub name: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Why.
    pub reason: Option<String>,
    /// Whether it stands in for everybody else's, in an emergency.
    pub break_glass: bool,
}

/// What an approver wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The call may be made, once.
    Approve {
        /// Why; may be absent.
        reason: Option<String>,
    },
    /// The call may not be made.
    Deny {
        /// Why; the caller is told.
        reason: String,
    },
    /// The call may be made although nobody else is there to approve it.
    BreakGlass {
        /// Why it cannot wait.
        reason: String,
    },
}

/// Why somebody may not decide. The text says it to them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is decided, used, or over.
    #[error("it is {} already", .0.name())]
    NotPending(Status),
    /// An agent, a service account, or somebody acting for another.
    #[error("only people decide, and {0}")]
    Machine(&'static str),
    /// The person asked for it.
    #[error("you asked for this call yourself")]
    Requester,
    /// The call is made in the person's name, or by it.
    #[error("the call is made by an actor that is you (`{0}`)")]
    Actor(String),
    /// The scope is missing.
    #[error("it takes the scope `{0}`, which you do not hold")]
    Scope(String),
    /// The person approved before.
    #[error("you have approved it already; it takes another person")]
    Twice,
    /// There is no break-glass scope.
    #[error("nobody may break the glass here: no scope is configured for it")]
    NoBreakGlass,
    /// A denial, or an emergency, has to be explained.
    #[error("say why")]
    ReasonMissing,
    /// The reason is too long.
    #[error("a reason has at most {} characters", limits::MAX_APPROVER_REASON_CHARS)]
    ReasonTooLong,
    /// Steps of its set have not been asked for.
    #[error("{0} of the set's {1} steps have been asked for; it is decided as a whole")]
    SetIncomplete(usize, usize),
    /// A call of its set was not shown to the approver.
    #[error("a call of its set is not among those that you looked at; look again")]
    SetUnseen,
}

/// Why an approval cannot be used for a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is not approved.
    Status(Status),
    /// The caller of this question went away.
    Gone,
}

/// The rules that a decision is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Who is the same person.
    pub people: &'a People,
    /// The scope that lets one person decide alone; `None` lets nobody.
    pub break_glass: Option<&'a str>,
}

impl Refusal {
    /// A name for programs, such as `not-pending`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPending(_) => "not-pending",
            Self::Machine(_) => "machine",
            Self::Requester => "requester",
            Self::Actor(_) => "actor",
            Self::Scope(_) => "scope",
            Self::Twice => "twice",
            Self::NoBreakGlass => "no-break-glass",
            Self::ReasonMissing => "reason-missing",
            Self::ReasonTooLong => "reason-too-long",
            Self::SetIncomplete(..) => "set-incomplete",
            Self::SetUnseen => "set-unseen",
        }
    }
}

impl Status {
    /// Its name, such as `pending`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }
}

impl Approval {
    /// Opens an approval.
    pub fn open(
        id: String,
        record: String,
        call: Bound,
        preview: Preview,
        now: UnixMillis,
    ) -> (Self, Event) {
        let expires = now.plus(call.requirement.ttl_ms);
        let event = Event::Asked { record: record.clone() };
        let state = State::default();
        (Self { id, version: 1, asked: now, expires, record, call, preview, state }, event)
    }

    /// Where it stands at `now`.
    pub fn status(&self, now: UnixMillis) -> Status {
        let state = &self.state;
        match state.status {
            Status::Pending | Status::Approved if self.expires <= now => Status::Expired,
            Status::Pending if self.gone_for_good(now) => Status::Abandoned,
            status => status,
        }
    }

    fn gone_for_good(&self, now: UnixMillis) -> bool {
        self.state.absent.is_some_and(|since| UnixMillis(since).plus(ABSENCE_MS) <= now)
    }

    /// Whether an identical call finds this approval: everything that is not over, and a denial while it lasts.
    pub fn is_open(&self, now: UnixMillis) -> bool {
        match self.status(now) {
            Status::Pending | Status::Approved => true,
            Status::Denied => now < self.expires,
            Status::Used | Status::Expired | Status::Abandoned => false,
        }
    }

    /// How many more people have to approve.
    pub fn missing(&self) -> usize {
        let wanted = usize::try_from(self.call.requirement.approvers).unwrap_or(usize::MAX);
        wanted.saturating_sub(self.state.votes.len())
    }

    /// The end that time has brought to an open approval, to be written down. A denial stays one.
    pub fn lapse(&self, now: UnixMillis) -> Option<(Self, Event)> {
        let status = self.status(now);
        let event = match status {
            Status::Expired => Event::Expired,
            Status::Abandoned => Event::Abandoned,
            Status::Denied if !self.is_open(now) => Event::Expired,
            Status::Pending | Status::Approved | Status::Denied | Status::Used => return None,
        };
        Some((self.next(|state| state.status = status), event))
    }

    /// A decision.
    ///
    /// # Errors
    /// [`Refusal`]: it is over, or the approver is not somebody who may.
    pub fn decide(
        &self,
        decision: &Decision,
        approver: &Approver,
        rules: Rules<'_>,
        now: UnixMillis,
    ) -> Result<(Self, Event), Refusal> {
        self.may_decide(decision, approver, rules, now)?;
        let (reason, break_glass) = match decision {
            Decision::Approve { reason } => (reason.as_deref().map(kept), false),
            Decision::Deny { reason } => (Some(kept(reason)), false),
            Decision::BreakGlass { reason } => (Some(kept(reason)), true),
        };
        let vote = Vote {
            person: approver.person.clone(),
            name: approver.name.clone(),
            at: now.0,
            reason,
            break_glass,
        };
        if let Decision::Deny { .. } = decision {
            let next = self.next(|state| {
                state.status = Status::Denied;
                state.denial = Some(vote.clone());
            });
            return Ok((next, Event::Denied { vote }));
        }
        let mut next = self.next(|state| state.votes.push(vote.clone()));
        if break_glass || next.missing() == 0 {
            next.state.status = Status::Approved;
            return Ok((next, Event::Approved { vote }));
        }
        Ok((next, Event::Supported { vote }))
    }

    /// Whether this approver may decide so. There is no exemption for anybody.
    fn may_decide(
        &self,
        decision: &Decision,
        approver: &Approver,
        rules: Rules<'_>,
        now: UnixMillis,
    ) -> Result<(), Refusal> {
        let status = self.status(now);
        if status != Status::Pending {
            return Err(Refusal::NotPending(status));
        }
        self.separate(approver, rules.people)?;
        let (scope, reason) = match decision {
            Decision::Approve { reason } => (&*self.call.requirement.scope, reason.as_deref()),
            Decision::Deny { reason } => (&*self.call.requirement.scope, Some(&**reason)),
            Decision::BreakGlass { reason } => {
                (rules.break_glass.ok_or(Refusal::NoBreakGlass)?, Some(&**reason))
            }
        };
        if !approver.scopes.contains(scope) {
            return Err(Refusal::Scope(scope.to_owned()));
        }
        if reason.is_some_and(|r| r.chars().count() > limits::MAX_APPROVER_REASON_CHARS) {
            return Err(Refusal::ReasonTooLong);
        }
        let explained = reason.is_some_and(|r| !r.trim().is_empty());
        match decision {
            Decision::Approve { .. } => {
                let voted = |v: &Vote| rules.people.same(&v.person, &approver.person);
                if self.state.votes.iter().any(voted) { Err(Refusal::Twice) } else { Ok(()) }
            }
            _ if explained => Ok(()),
            _ => Err(Refusal::ReasonMissing),
        }
    }

    /// Separation of duties: nobody decides what they, or anything that acts for them, asked for.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn separate(&self, approver: &Approver, people: &People) -> Result<(), Refusal> {
        if let Some(why) = approver.machine {
            return Err(Refusal::Machine(why));
        }
        let is = |party: &Party| people.same(&Person::from(party), &approver.person);
        if is(&self.call.principal) {
            return Err(Refusal::Requester);
        }
        match self.call.actors.iter().find(|actor| is(actor)) {
            Some(actor) => Err(Refusal::Actor(actor.subject.clone())),
            None => Ok(()),
        }
    }

    /// Uses it up for the question `nonce`. Whoever stores the result first has it.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn use_up(&self, nonce: &str, now: UnixMillis) -> Result<(Self, Event), Unusable> {
        let status = self.status(now);
        if self.state.gone.iter().any(|gone| gone == nonce) {
            return Err(Unusable::Gone);
        }
        if status != Status::Approved {
            return Err(Unusable::Status(status));
        }
        let next = self.next(|state| {
            state.status = Status::Used;
            state.nonce = Some(nonce.to_owned());
        });
        Ok((next, Event::Used { nonce: nonce.to_owned() }))
    }

    /// The caller of `nonce` went away.
    pub fn leave(&self, nonce: &str, now: UnixMillis) -> Option<(Self, Event)> {
        if !matches!(self.status(now), Status::Pending | Status::Approved) {
            return None;
        }
        let next = self.next(|state| {
            if state.gone.len() >= MAX_GONE {
                state.gone.remove(0);
            }
            state.gone.push(nonce.to_owned());
            state.absent = Some(now.0);
        });
        Some((next, Event::Left))
    }

    /// A caller asks again, after one had gone.
    pub fn come_back(&self, now: UnixMillis) -> Option<(Self, Event)> {
        (self.status(now) == Status::Pending && self.state.absent.is_some())
            .then(|| (self.next(|state| state.absent = None), Event::Returned))
    }

    fn next(&self, change: impl FnOnce(&mut State)) -> Self {
        let mut next = self.clone();
        next.version = next.version.saturating_add(1);
        change(&mut next.state);
        next
    }
}

/// A reason as it is kept: people paste what they should not.
fn kept(reason: &str) -> String {
    veil(reason).into_owned()
}
