//! What must not happen unseen: a record of it is acknowledged before the request goes on.

use super::held::Held;
use super::release::Release;
use super::{Effect, Exchange, Flow, Phase, World};
use crate::audit::{Capture, OnUnavailable, Payload, Standing};
use crate::decide::Denial;
use crate::policy::Mode;
use crate::reason::Reason;
use crate::redact::Kind;

/// A request that may go on once it has been noted.
#[derive(Debug)]
pub(super) struct Noted {
    release: Release,
    held: Box<Held>,
}

impl Exchange {
    /// Takes a request that may go on: at once, after a record of it, or not at all.
    pub(super) fn note(&mut self, release: Release, held: Box<Held>, world: &World<'_>) -> Flow {
        if let Some(denial) = self.unrecorded(world.audit) {
            return self.refuse(denial, Some(&held), world.now);
        }
        if self.on_unavailable() != Some(OnUnavailable::Deny) {
            return self.forward(release, &held, world.now);
        }
        self.effects.push_back(Effect::Note(self.journal.intent(&self.policy)));
        self.phase = Phase::Noted(Box::new(Noted { release, held }));
        Flow::Hold
    }

    /// The record was acknowledged, or could not be.
    pub(super) fn noted(&mut self, noted: Noted, acknowledged: bool, world: &World<'_>) -> Flow {
        let Noted { release, held } = noted;
        if acknowledged {
            return self.forward(release, &held, world.now);
        }
        self.refuse(unavailable("the sink of records did not acknowledge"), Some(&held), world.now)
    }

    /// Why the request cannot go on, when there is no way to record it.
    pub(super) fn unrecorded(&self, audit: Standing) -> Option<Denial> {
        match self.on_unavailable()? {
            OnUnavailable::Deny if !audit.up => {
                Some(unavailable("the sink of records does not answer"))
            }
            OnUnavailable::Deny | OnUnavailable::Spool if !audit.room => {
                Some(unavailable("the sink of records does not answer, and the spool is full"))
            }
            _ => None,
        }
    }

    /// What the policy says of this operation; nothing without a sink, and nothing is held where nothing is enforced.
    fn on_unavailable(&self) -> Option<OnUnavailable> {
        let audit = self.policy.audit.as_ref().filter(|_| self.policy.mode == Mode::Enforce)?;
        let operation = self.policy.operations.get(self.journal.operation?)?;
        Some(audit.on_unavailable.get(operation.tier))
    }

    /// Keeps what records will say of the request's body, once it is complete.
    pub(super) fn keep(&mut self, held: &Held, whole: Option<&[u8]>) {
        let (Some(audit), Some(whole), true) = (&self.policy.audit, whole, held.reads_body())
        else {
            return;
        };
        // Which of the endpoint's operations it is the body will tell.
        let operations = held.endpoint(&self.policy).into_iter().flat_map(|e| e.operations());
        let operations = operations.filter_map(|id| self.policy.operations.get(id));
        let payload = operations.map(|o| audit.payload.get(o.tier)).max().unwrap_or(Payload::None);
        self.journal.session.body(whole);
        if payload == Payload::None {
            return;
        }
        let content_type = held.headers.one("content-type").ok().flatten();
        let kind = Kind::of(content_type.unwrap_or_default());
        let mut capture =
            Capture::new(payload, content_type, audit.payload_bytes).masked_by(&audit.rules, kind);
        capture.take(whole, true);
        self.journal.request = Some(capture);
    }
}

fn unavailable(why: &str) -> Denial {
    let message = format!("{why}, and this operation must not happen unrecorded; try again later");
    let mut denial = Denial::new(Reason::AuditUnavailable, message);
    denial.retry_after_s = Some(1);
    denial
}
