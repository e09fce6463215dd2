//! Asks a candidate about recorded requests, and counts what it decides otherwise.

use std::collections::BTreeMap;

use scopewarden_core::decide::{Decision, Denial};
use scopewarden_core::exchange::again;
use scopewarden_core::policy::Policy;
use scopewarden_core::reason::Reason;

use super::needs;
use super::rebuild::rebuild;
use super::recorded::{Recorded, Verdict};

/// What a request is compared under.
pub(crate) struct Candidate<'a> {
    pub(crate) policy: &'a Policy,
    /// The policy that decided then, when it is at hand.
    pub(crate) then: Option<&'a Policy>,
    /// What shadow mode let pass counts as allowed.
    pub(crate) passed: bool,
}

/// Requests that differ in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) then: Verdict,
    pub(crate) now: Verdict,
}

/// Of whom, for what, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Of {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) operation: String,
    pub(crate) reason_then: String,
    pub(crate) reason_now: String,
}

/// How often, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) count: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    /// The id of the first record.
    pub(crate) example: String,
    /// What the candidate said of it.
    pub(crate) message: Option<String>,
}

impl Count {
    fn add(&mut self, recorded: &Recorded, message: Option<&str>) {
        let time = recorded.time();
        if self.count == 0 {
            self.example = recorded.id().to_owned();
            self.message = message.map(str::to_owned);
        }
        // Of one form and one zone: as text they are in order.
        if self.first.is_empty() || time < self.first.as_str() {
            self.first = time.to_owned();
        }
        if time > self.last.as_str() {
            self.last = time.to_owned();
        }
        self.count = self.count.saturating_add(1);
    }
}

/// What a replay found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Requests that were decided.
    pub(crate) requests: u64,
    /// Decided as before, for the same reason.
    pub(crate) same: u64,
    /// Decided otherwise, or for another reason.
    pub(crate) changes: BTreeMap<Change, BTreeMap<Of, Count>>,
    /// What would have to be known.
    pub(crate) unknown: BTreeMap<Vec<String>, Count>,
    /// Lines that are no records.
    pub(crate) not_records: u64,
}

impl Outcome {
    /// Requests that are decided otherwise.
    pub(crate) fn flips(&self) -> u64 {
        let flips = self.changes.iter().filter(|(change, _)| change.then != change.now);
        flips.flat_map(|(_, of)| of.values()).map(|count| count.count).sum()
    }

    /// Requests that are refused as before, and for another reason.
    pub(crate) fn other_reasons(&self) -> u64 {
        let same = self.changes.iter().filter(|(change, _)| change.then == change.now);
        same.flat_map(|(_, of)| of.values()).map(|count| count.count).sum()
    }

    /// Requests of which it is not known what the candidate would decide.
    pub(crate) fn not_known(&self) -> u64 {
        self.unknown.values().map(|count| count.count).sum()
    }

    /// Takes a line of a log.
    pub(crate) fn line(&mut self, line: &[u8], candidate: &Candidate<'_>) {
        match Recorded::read(line) {
            Ok(Some(recorded)) => self.request(&recorded, candidate),
            Ok(None) => {}
            Err(_) => self.not_records = self.not_records.saturating_add(1),
        }
    }

    fn request(&mut self, recorded: &Recorded, candidate: &Candidate<'_>) {
        self.requests = self.requests.saturating_add(1);
        let then = recorded.verdict(candidate.passed);
        let (now, reason, message, operation) = match candidate.decide(recorded) {
            Ok(decided) => decided,
            Err(missing) => {
                self.unknown.entry(missing).or_default().add(recorded, None);
                return;
            }
        };
        let reason_then = match then {
            Verdict::Allow => "ok",
            Verdict::Hold => Reason::ApprovalRequired.code(),
            Verdict::Deny => recorded.reason(),
        };
        if then == now && reason_then == reason {
            self.same = self.same.saturating_add(1);
            return;
        }
        let (issuer, subject) = recorded.caller().unwrap_or_default();
        let of = Of {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            operation: operation.or(recorded.operation()).unwrap_or("-").to_owned(),
            reason_then: reason_then.to_owned(),
            reason_now: reason.to_owned(),
        };
        let counts = self.changes.entry(Change { then, now }).or_default();
        counts.entry(of).or_default().add(recorded, message.as_deref());
    }
}

type Decided<'p> = (Verdict, &'static str, Option<String>, Option<&'p str>);

impl<'p> Candidate<'p> {
    /// What the candidate says; or everything that would have to be known to say it.
    fn decide(&self, recorded: &Recorded) -> Result<Decided<'p>, Vec<String>> {
        let policy = self.policy;
        let rebuilt = rebuild(policy, recorded).map_err(|missing| vec![missing])?;
        if !self.accepts(recorded) {
            let why = "the policy does not accept this proof of this issuer".to_owned();
            return Ok((Verdict::Deny, Reason::TokenIssuer.code(), Some(why), None));
        }
        let judged = again(policy, rebuilt.known.clone());
        let operation = judged.operation.and_then(|id| policy.operations.get(id));
        let name = operation.map(|operation| operation.id.as_str());
        let missing = operation
            .map(|operation| needs::unknown(policy, operation, &rebuilt, recorded))
            .unwrap_or_else(|| rebuilt.missing.clone());
        let missing = || missing.iter().cloned().collect::<Vec<_>>();
        match judged.judgement.decision {
            Decision::Deny(denial) => {
                if let Some(more) = self.rests_on(&denial, recorded) {
                    return Err(vec![more]);
                }
                if !is_certain(&denial) && !missing().is_empty() {
                    return Err(missing());
                }
                Ok((Verdict::Deny, denial.reason.code(), Some(denial.message), name))
            }
            _ if !missing().is_empty() => Err(missing()),
            Decision::Allow => Ok((Verdict::Allow, "ok", None, name)),
            Decision::Hold(_) => Ok((Verdict::Hold, Reason::ApprovalRequired.code(), None, name)),
        }
    }

    /// Whether the candidate takes this kind of proof, of this issuer.
    fn accepts(&self, recorded: &Recorded) -> bool {
        let identity = &self.policy.identity;
        let issuer = recorded.caller().map_or("", |(issuer, _)| issuer);
        match recorded.inner("principal", "proof").and_then(|proof| proof.as_str()) {
            Some("jwt_authn") => identity.jwt_authn.is_some(),
            Some("mtls") => identity.mtls.is_some(),
            _ => identity.issuers.iter().any(|known| known.issuer == issuer),
        }
    }

    /// What else a lack of scopes rests on: groups are not on record, and no more than 64 scopes are.
    fn rests_on(&self, denial: &Denial, recorded: &Recorded) -> Option<String> {
        const MOST_SCOPES: usize = 64;
        if denial.scopes_wanted.is_empty() {
            return None;
        }
        if recorded.scopes().is_some_and(|scopes| scopes.len() >= MOST_SCOPES) {
            return Some("the caller's other scopes".to_owned());
        }
        let then =
            self.then.filter(|then| Some(then.hash.as_str()) == recorded.text("policy_hash"));
        let newly_given = self.policy.group_scopes.iter().any(|(group, scopes)| {
            let before = then.map(|then| then.group_scopes.get(group));
            denial.scopes_wanted.iter().any(|scope| {
                scopes.contains(scope)
                    && !before.is_some_and(|before| before.is_some_and(|b| b.contains(scope)))
            })
        });
        newly_given.then(|| "the caller's groups".to_owned())
    }
}

/// Whether what is not known of the request could make no difference: everything has to hold, and this does not.
fn is_certain(denial: &Denial) -> bool {
    matches!(
        denial.reason,
        Reason::ScopeMissing
            | Reason::ModelNotAllowed
            | Reason::ToolNotAllowed
            | Reason::OperationUnknown
    )
}
