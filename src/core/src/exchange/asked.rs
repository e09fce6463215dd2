//! A request that waits for a second person: asking, and what becomes of the answer.

use super::ask::{self, Ask};
use super::held::{self, Held};
use super::release::Release;
use super::{Effect, Exchange, Flow, Phase, World};
use crate::approval::{Answer, Approved, Fault, Place, Ticket, Verdict};
use crate::decide::{Decision, Denial, Judgement};
use crate::policy::Approval;
use crate::reason::Reason;

/// A request whose approval was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) held: Box<Held>,
    pub(super) approval: Approval,
    pub(super) ticket: Ticket,
    /// Given back when the request goes on, is refused, or is gone.
    _place: Place,
}

impl Exchange {
    /// Asks a second person.
    #[inline(never)]
    pub(super) fn ask(
        &mut self,
        approval: Approval,
        held: Box<Held>,
        world: &mut World<'_>,
    ) -> Flow {
        let (ticket, ask, place) = match self.question(&approval, &held, world) {
            Ok(asked) => asked,
            Err(denial) => return self.refuse(denial, Some(&held), world.now),
        };
        world.gate.enter(&self.policy);
        self.effects.push_back(Effect::Ask(ask));
        self.phase = Phase::Asked(Box::new(Asked { held, approval, ticket, _place: place }));
        Flow::Hold
    }

    fn question(
        &self,
        approval: &Approval,
        held: &Held,
        world: &World<'_>,
    ) -> Result<(Ticket, Ask, Place), Denial> {
        let Some(service) = &self.policy.approvals else {
            let message = format!("{}, and this gateway has no approval service", needs(approval));
            return Err(Denial::new(Reason::ApprovalRequired, message));
        };
        let Some(principal) = self.journal.principal.as_deref() else {
            return Err(Denial::new(
                Reason::IdentityMissing,
                format!("{}, and a caller without an identity cannot ask for it", needs(approval)),
            ));
        };
        let operation = self.journal.operation.and_then(|id| self.policy.operations.get(id));
        let operation = operation.ok_or_else(|| internal("the operation to approve is missing"))?;
        let place = world.holds.take(&ask::party(principal), service).ok_or_else(|| {
            let mut denial =
                Denial::new(Reason::ApprovalLimit, Reason::ApprovalLimit.meaning().trim());
            denial.retry_after_s = Some(retry_after_s(approval));
            denial
        })?;
        let subject =
            ask::Subject { policy: &self.policy, service, operation, approval, held, principal };
        let (ticket, ask) = ask::ask(&subject, &self.journal.record, world.gate)?;
        Ok((ticket, ask, place))
    }

    /// Judges what the approval service said. What was true when the request came has to be true still.
    #[inline(never)]
    pub(super) fn answered(
        &mut self,
        asked: Asked,
        answer: Answer<'_>,
        world: &mut World<'_>,
    ) -> Flow {
        let Asked { mut held, approval, ticket, _place } = asked;
        let approved = match self.verdict(&approval, &ticket, answer, world) {
            Ok(approved) => approved,
            Err(denial) => return self.refuse(denial, Some(&held), world.now),
        };
        if !world.gate.in_force(&self.policy) {
            let denial = outdated("another policy has come into force");
            return self.refuse(denial, Some(&held), world.now);
        }
        held.forget_caller();
        match held.ready(&self.policy, world, &mut self.journal) {
            held::Ready::Refused(denial) => self.refuse(denial, Some(&held), world.now),
            held::Ready::Decided(Judgement { decision: Decision::Deny(denial), .. }) => {
                self.refuse(denial, Some(&held), world.now)
            }
            held::Ready::Decided(Judgement { decision: Decision::Hold(now), .. })
                if now == approval =>
            {
                self.note(Release::approved(approved), held, world)
            }
            held::Ready::Decided(_) | held::Ready::Waiting => {
                let denial = outdated("the caller cannot be proven again");
                self.refuse(denial, Some(&held), world.now)
            }
        }
    }

    fn verdict(
        &mut self,
        requirement: &Approval,
        ticket: &Ticket,
        answer: Answer<'_>,
        world: &World<'_>,
    ) -> Result<Approved, Denial> {
        let Some(service) = &self.policy.approvals else {
            return Err(internal("an answer without a service"));
        };
        let verdict = ticket.check(answer, &service.verdict_keys, world.now.millis());
        let verdict = verdict.map_err(|fault| match fault {
            Fault::Unavailable(why) => Denial::new(
                Reason::ApprovalUnavailable,
                format!("the approval service did not answer ({why})"),
            ),
            Fault::Invalid(why) => Denial::new(
                Reason::ApprovalInvalid,
                format!("the approval service's answer is not a verdict on this call ({why})"),
            ),
        })?;
        self.journal.approval(&verdict);
        let (reason, id, message) = match verdict {
            Verdict::Approved(approved) => return Ok(approved),
            Verdict::Pending { approval } => {
                let message = format!(
                    "approval `{approval}` is pending; send the call again, unchanged, and it goes on once it is approved"
                );
                (Reason::ApprovalPending, approval, message)
            }
            Verdict::Denied { approval, reason, .. } => {
                let message = format!("approval `{approval}` was denied: {reason}");
                (Reason::ApprovalDenied, approval, message)
            }
            Verdict::Expired { approval } => {
                let message = format!("nobody decided on approval `{approval}` in time");
                (Reason::ApprovalExpired, approval, message)
            }
        };
        let mut denial = Denial::new(reason, message);
        denial.approval = Some(id);
        if reason == Reason::ApprovalPending {
            denial.retry_after_s = Some(retry_after_s(requirement));
        }
        Err(denial)
    }
}

pub(super) fn needs(approval: &Approval) -> String {
    format!(
        "this operation needs {} approval(s) by holders of `{}`",
        approval.approvers, approval.scope
    )
}

/// As long as a hold, and never longer than clients obey: some ignore what is above a minute.
fn retry_after_s(approval: &Approval) -> u64 {
    approval.hold_ms.div_ceil(1000).clamp(1, 30)
}

pub(super) fn internal(what: &str) -> Denial {
    Denial::new(Reason::InternalError, what)
}

fn outdated(what: &str) -> Denial {
    let message = format!("{what} while the request was held; send it again, unchanged");
    let mut denial = Denial::new(Reason::ApprovalOutdated, message);
    denial.retry_after_s = Some(1);
    denial
}
