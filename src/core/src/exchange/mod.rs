//! One HTTP exchange as a state machine: inputs in, effects out, no host call from inside.
//!
//! ```text
//!            head                    body end, keys
//!   Idle ───────────────► Held ───────────────────────► Forwarded ──► Closed
//!     │                    │ │                             ▲            ▲
//!     │                    │ │ needs approval    approved, │            │
//!     │                    │ └─────────────► Asked ── and still allowed │
//!     │ refused at once    │ refused           │                        │
//!     └────────────────────┴───────────────────┴──────► Refused ────────┘
//! ```
//!
//! A request that must not happen unseen is `Noted` on its way to `Forwarded`: it waits there until a record of what it is about
//! to do has been acknowledged, and is refused when that fails.
//!
//! The response to what is `Forwarded` has states of its own ([`response`]).
//!
//! Nothing is forwarded without a `Release`, and a request that needs approval gets one from a verified verdict only.
//!
//! The caller gives one [`Input`], obeys the returned [`Flow`], and drains [`Exchange::next_effect`] until it is empty before
//! the next input. While `Held` or `Asked`, nothing of the request has reached the upstream.
//!
//! The stages are `inline(never)`, here and below: optimised for size they would all be put into one function, each having one
//! caller, and every request would pay for the frame and the spills of the rarest path.

mod again;
mod ask;
mod asked;
mod caller;
mod held;
mod journal;
mod judge;
mod note;
mod open;
mod release;
mod response;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::approval::{Answer, Gate, Holds};
use crate::audit::Standing;
use crate::body::RpcId;
use crate::decide::{Decision, Denial, Judgement};
use crate::http::{Headers, RequestHead};
use crate::identity::{HostSignatures, KeyRing, Principal, Properties, TokenCache};
use crate::operation::Tier;
use crate::policy::{Mode, Policy};
use crate::reason::Reason;
use crate::refusal::{self, Refusal};
use crate::time::UnixMicros;

pub use again::{Again, Known, again};
pub use ask::Ask;
use asked::Asked;
use held::Held;
use journal::Journal;
use note::Noted;
use release::Release;
use response::{Outcome, Response};

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// The request head arrived; `end` when there is no body.
    RequestHead {
        /// The head, as it will be forwarded.
        head: RequestHead,
        /// No body follows.
        end: bool,
    },
    /// Body bytes arrived while the request is held.
    RequestBody {
        /// Bytes buffered so far.
        received: usize,
        /// The whole body, once it is complete.
        whole: Option<&'a [u8]>,
    },
    /// Request trailers arrived: they end the body.
    RequestTrailers {
        /// The whole body.
        whole: &'a [u8],
    },
    /// Keys were fetched, or could not be: a held request may go on.
    KeysChanged,
    /// The approval service's answer to [`Effect::Ask`], or that none came.
    Approval(Answer<'a>),
    /// The record of [`Effect::Note`] was acknowledged, or could not be.
    Noted(bool),
    /// The response head arrived; for exchanges that [read](Exchange::reads_response) it only, as the two that follow.
    ResponseHead {
        /// The fields, `:status` among them.
        headers: &'a Headers,
        /// No body follows.
        end: bool,
    },
    /// Body bytes of the response arrived.
    ResponseBody {
        /// The bytes, or all of them once they are complete when the body is [kept](Exchange::keeps_response).
        piece: &'a [u8],
        /// They are the last.
        end: bool,
    },
    /// Response trailers arrived: they end the body.
    ResponseTrailers {
        /// The fields.
        trailers: &'a Headers,
        /// The whole body when it was kept.
        whole: &'a [u8],
    },
    /// The exchange is over, for whatever reason.
    Closed {
        /// The status that the caller got, when it got one.
        status: Option<u16>,
    },
}

/// Whether the request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Forward everything that is buffered, and what follows.
    Continue,
    /// Keep everything: a decision is outstanding, or the refusal is among the effects.
    Hold,
}

/// What is to be done outside, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Take this header off the request.
    RemoveRequestHeader(&'static str),
    /// Take all trailers off the request.
    DropRequestTrailers,
    /// Call the policy's approval service, and hand in what comes back as [`Input::Approval`].
    Ask(Ask),
    /// Tell the approval service that the caller of this question is gone.
    Abandon(Ask),
    /// Write this record of what the request is about to do, and hand in whether it was acknowledged as [`Input::Noted`].
    Note(String),
    /// Answer the caller in place of the upstream.
    Refuse(Refusal),
    /// Take this header off the response.
    RemoveResponseHeader(&'static str),
    /// Give a header or trailer of the response these values, in place of all it has.
    SetResponseFields {
        /// Of the trailers.
        trailers: bool,
        /// Its name.
        name: String,
        /// Its values.
        values: Vec<Vec<u8>>,
    },
    /// Send these bytes of the response in place of those at hand.
    ReplaceResponseBody(Vec<u8>),
    /// Cut the response off, so that the caller can tell.
    ResetResponse,
    /// Count a response that was masked or stopped: `masked`, or the reason code.
    Responded(&'static str),
    /// Count a decision.
    Decided(Decided),
    /// Write this record of the whole exchange: one JSON object on one line.
    Record(String),
}

/// What metrics say of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// `allow`, `deny` or `shadow_deny`.
    pub decision: &'static str,
    /// The operation's tier, when it was named.
    pub tier: Option<Tier>,
    /// The reason code, or `ok`.
    pub reason: &'static str,
    /// From the request head to the decision, in microseconds.
    pub micros: u64,
}

/// What an exchange shares with the others of its VM, and what the host lends it.
pub struct World<'a> {
    /// Now.
    pub now: UnixMicros,
    /// The issuers' keys.
    pub keys: &'a mut KeyRing,
    /// Verified tokens.
    pub tokens: &'a mut TokenCache,
    /// The host's signature checks.
    pub signatures: &'a dyn HostSignatures,
    /// The host's properties of this request.
    pub properties: &'a dyn Properties,
    /// The requests that wait for approval.
    pub holds: &'a Holds,
    /// What the host lends to those.
    pub gate: &'a dyn Gate,
    /// Whether records can be written.
    pub audit: Standing,
}

/// One HTTP exchange.
#[derive(Debug)]
pub struct Exchange {
    policy: Arc<Policy>,
    phase: Phase,
    journal: Journal,
    effects: VecDeque<Effect>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Held(Box<Held>),
    Asked(Box<Asked>),
    Noted(Box<Noted>),
    Forwarded(Release, Response),
    Refused,
    Closed,
}

impl Exchange {
    /// A new exchange under `policy`; `record` is the id its decision record and refusal carry.
    pub fn new(policy: Arc<Policy>, record: String) -> Self {
        Self { policy, phase: Phase::Idle, journal: Journal::new(record), effects: VecDeque::new() }
    }

    /// Whether the request is held back.
    pub const fn is_held(&self) -> bool {
        matches!(self.phase, Phase::Held(_) | Phase::Asked(_) | Phase::Noted(_))
    }

    /// Whether an approval was asked for and is outstanding.
    pub const fn waits_for_approval(&self) -> bool {
        matches!(self.phase, Phase::Asked(_))
    }

    /// Whether the body decides, so that it has to be handed in when it is complete.
    pub fn reads_body(&self) -> bool {
        matches!(&self.phase, Phase::Held(held) if held.reads_body())
    }

    /// Whether the request is held until keys have been fetched.
    pub fn waits_for_keys(&self) -> bool {
        matches!(&self.phase, Phase::Held(held) if held.waits_for_keys())
    }

    /// Whether the request waits until a record of it has been acknowledged.
    pub const fn waits_for_note(&self) -> bool {
        matches!(self.phase, Phase::Noted(_))
    }

    /// Whether the host has to show the response.
    pub const fn reads_response(&self) -> bool {
        matches!(&self.phase, Phase::Forwarded(_, response) if response.is_read())
    }

    /// Whether the host has to keep the response's body until it is complete.
    pub const fn keeps_response(&self) -> bool {
        matches!(&self.phase, Phase::Forwarded(_, response) if response.is_whole())
    }

    /// The caller, once proven.
    pub fn principal(&self) -> Option<&Principal> {
        self.journal.principal.as_deref()
    }

    /// Takes one input.
    pub fn step(&mut self, input: Input<'_>, world: &mut World<'_>) -> Flow {
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        match (phase, input) {
            (Phase::Idle, Input::RequestHead { head, end }) => {
                self.journal.start(world.now, &head);
                match open::open(&self.policy, head, end, &mut self.journal) {
                    Ok(held) => self.advance(Box::new(held), world),
                    Err(denial) => self.refuse(denial, None, world.now),
                }
            }
            (Phase::Held(mut held), Input::RequestBody { received, whole }) => {
                self.keep(&held, whole);
                held.receive(&self.policy, received, whole);
                self.advance(held, world)
            }
            (Phase::Held(mut held), Input::RequestTrailers { whole }) => {
                self.keep(&held, Some(whole));
                held.end_by_trailers(&self.policy, whole);
                self.advance(held, world)
            }
            (Phase::Held(held), Input::KeysChanged) => self.advance(held, world),
            (Phase::Asked(asked), Input::Approval(answer)) => self.answered(*asked, answer, world),
            (Phase::Noted(noted), Input::Noted(acknowledged)) => {
                self.noted(*noted, acknowledged, world)
            }
            (Phase::Forwarded(release, response), Input::RequestTrailers { .. }) => {
                self.phase = Phase::Forwarded(release, response);
                // They would reach an upstream that takes trailers for headers.
                if self.policy.mode == Mode::Enforce {
                    self.effects.push_back(Effect::DropRequestTrailers);
                }
                Flow::Continue
            }
            (Phase::Forwarded(release, response), Input::ResponseHead { headers, end }) => {
                self.answer(release, |x| x.response_head(response, headers, end))
            }
            (Phase::Forwarded(release, response), Input::ResponseBody { piece, end }) => {
                self.answer(release, |x| x.response_body(response, piece, end))
            }
            (Phase::Forwarded(release, response), Input::ResponseTrailers { trailers, whole }) => {
                self.answer(release, |x| x.response_trailers(response, trailers, whole))
            }
            (Phase::Closed, Input::Closed { .. }) => Flow::Hold,
            (phase, Input::Closed { status }) => {
                // The proxy's buffer limit was hit before ours.
                if matches!(&phase, Phase::Held(_)) && status == Some(413) {
                    let reason = Reason::BodyTooLarge;
                    self.decided(
                        "deny",
                        Some(Denial::new(reason, reason.meaning().trim())),
                        world.now,
                    );
                }
                match phase {
                    Phase::Asked(asked) => {
                        self.effects.push_back(Effect::Abandon(ask::abandon(&asked.ticket)));
                    }
                    Phase::Forwarded(_, response) => self.responded(response.outcome()),
                    _ => {}
                }
                if let Some(record) = self.journal.close(&self.policy, status, world.now) {
                    self.effects.push_back(Effect::Record(record));
                }
                Flow::Hold
            }
            (Phase::Forwarded(release, response), _) => {
                self.phase = Phase::Forwarded(release, response);
                Flow::Continue
            }
            (phase, _) => {
                self.phase = phase;
                Flow::Hold
            }
        }
    }

    /// The next thing to do outside; drain this before the next input.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Decides, if all that is needed is here.
    fn advance(&mut self, mut held: Box<Held>, world: &mut World<'_>) -> Flow {
        match held.ready(&self.policy, world, &mut self.journal) {
            held::Ready::Waiting => {
                self.phase = Phase::Held(held);
                Flow::Hold
            }
            held::Ready::Refused(denial) => self.refuse(denial, Some(&held), world.now),
            held::Ready::Decided(judgement) => self.conclude(judgement, held, world),
        }
    }

    fn conclude(&mut self, judgement: Judgement, held: Box<Held>, world: &mut World<'_>) -> Flow {
        self.journal.shadowed = judgement.shadowed;
        if let Some(release) = Release::allowed(&judgement.decision) {
            return self.note(release, held, world);
        }
        match judgement.decision {
            Decision::Hold(approval) if self.policy.mode == Mode::Enforce => {
                // Nobody is asked about what could not go on anyway.
                match self.unrecorded(world.audit) {
                    Some(denial) => self.refuse(denial, Some(&held), world.now),
                    None => self.ask(approval, held, world),
                }
            }
            Decision::Hold(approval) => {
                let denial = Denial::new(Reason::ApprovalRequired, asked::needs(&approval));
                self.refuse(denial, Some(&held), world.now)
            }
            Decision::Deny(denial) => self.refuse(denial, Some(&held), world.now),
            Decision::Allow => {
                self.refuse(asked::internal("an allow that is none"), Some(&held), world.now)
            }
        }
    }

    /// Lets the request go on.
    fn forward(&mut self, release: Release, held: &Held, now: UnixMicros) -> Flow {
        if self.policy.mode == Mode::Enforce {
            let removed = open::headers_to_remove(&self.policy, &held.headers);
            self.effects.extend(removed.into_iter().map(Effect::RemoveRequestHeader));
        }
        let response = self.expect(Some(held));
        self.decided("allow", None, now);
        self.phase = Phase::Forwarded(release, response);
        Flow::Continue
    }

    /// The only place where a failure becomes a refusal, or in shadow mode a record.
    fn refuse(&mut self, denial: Denial, held: Option<&Held>, now: UnixMicros) -> Flow {
        if let Some(release) = Release::shadow(self.policy.mode) {
            let response = self.expect(held);
            self.decided("shadow_deny", Some(denial), now);
            self.phase = Phase::Forwarded(release, response);
            return Flow::Continue;
        }
        let refusal = refusal::speak(&denial, &self.speaking(held.and_then(Held::rpc_id)));
        self.effects.push_back(Effect::Refuse(refusal));
        self.decided("deny", Some(denial), now);
        self.phase = Phase::Refused;
        Flow::Hold
    }

    /// How a refusal is spoken to this caller.
    fn speaking<'x>(&'x self, rpc: Option<Option<&'x RpcId>>) -> refusal::Context<'x> {
        let operation = self.journal.operation.and_then(|id| self.policy.operations.get(id));
        refusal::Context {
            protocol: self.journal.protocol,
            rpc,
            operation: operation.map(|o| o.id.as_str()),
            realm: &self.policy.name,
            record: &self.journal.record,
        }
    }

    fn answer(
        &mut self,
        release: Release,
        step: impl FnOnce(&mut Self) -> (Response, Flow),
    ) -> Flow {
        let (response, flow) = step(self);
        self.phase = Phase::Forwarded(release, response);
        flow
    }

    /// The response is over.
    fn responded(&mut self, outcome: Outcome) {
        if let Some(denial) = &outcome.stopped {
            self.effects.push_back(Effect::Responded(denial.reason.code()));
        } else if !outcome.found.is_empty() {
            self.effects.push_back(Effect::Responded("masked"));
        }
        self.journal.response = outcome;
    }

    fn decided(&mut self, decision: &'static str, denial: Option<Denial>, now: UnixMicros) {
        let tier =
            self.journal.operation.and_then(|id| self.policy.operations.get(id)).map(|o| o.tier);
        let reason = denial.as_ref().map_or("ok", |d| d.reason.code());
        let micros = self.journal.decide(decision, denial, now);
        self.effects.push_back(Effect::Decided(Decided { decision, tier, reason, micros }));
    }
}

#[cfg(test)]
mod tests;
