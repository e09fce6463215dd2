//! Allow, deny or hold: a pure function of the policy, the caller and the call.
//!
//! Everything must hold for an allow. There is no rule that grants, so there is no order to get wrong and no error to skip.

mod rules;

use std::collections::BTreeSet;

use crate::body::{Fact, Facts};
use crate::http::Headers;
use crate::identity::Principal;
use crate::operation::Query;
use crate::policy::{Approval, FactSource, Mode, Operation, Policy};
use crate::reason::Reason;

/// One call, named and read.
#[derive(Debug)]
pub struct Call<'a> {
    /// What it asks for.
    pub operation: &'a Operation,
    /// Who asks; `None` only for public operations.
    pub principal: Option<&'a Principal>,
    /// Header fields.
    pub headers: &'a Headers,
    /// Query parameters, when the query could be read.
    pub query: Result<&'a Query, Reason>,
    /// Path parameters.
    pub params: &'a [(String, String)],
    /// What the body says.
    pub facts: &'a Facts,
}

/// The outcome for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may go on.
    Allow,
    /// It may not.
    Deny(Denial),
    /// A second person has to approve it.
    Hold(Approval),
}

/// Why a call may not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The stable reason.
    pub reason: Reason,
    /// One sentence for the caller: what was wanted, what was found.
    pub message: String,
    /// The rule that refused; `None` when it was the operation itself.
    pub rule: Option<String>,
    /// Scopes that would have been needed.
    pub scopes_wanted: Vec<String>,
    /// The approval that this is about, by its id.
    pub approval: Option<String>,
    /// Seconds after which the same request may fare better.
    pub retry_after_s: Option<u64>,
}

impl Denial {
    /// A denial that no rule and no scope caused.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            rule: None,
            scopes_wanted: Vec::new(),
            approval: None,
            retry_after_s: None,
        }
    }
}

/// A decision, and what shadow rules would have said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// What rules in shadow mode would have refused, in rule order.
    pub shadowed: Vec<Denial>,
}

/// The caller's scopes: the token's own, and those that roles give its groups.
#[derive(Debug)]
pub struct Grants<'a> {
    policy: &'a Policy,
    principal: Option<&'a Principal>,
}

impl<'a> Grants<'a> {
    /// The grants of `principal` under `policy`.
    pub const fn new(policy: &'a Policy, principal: Option<&'a Principal>) -> Self {
        Self { policy, principal }
    }

    /// Whether the caller holds exactly this scope.
    pub fn hold(&self, scope: &str) -> bool {
        self.principal.is_some_and(|p| {
            p.scopes.contains(scope)
                || p.groups
                    .iter()
                    .any(|g| self.policy.group_scopes.get(g).is_some_and(|s| s.contains(scope)))
        })
    }

    /// Every scope the caller holds.
    pub fn all(&self) -> BTreeSet<&'a str> {
        let Some(principal) = self.principal else { return BTreeSet::new() };
        let own = principal.scopes.iter();
        let by_role =
            principal.groups.iter().filter_map(|g| self.policy.group_scopes.get(g)).flatten();
        own.chain(by_role).map(String::as_str).collect()
    }

    /// The first of `scopes` that the caller lacks, as a denial.
    fn require(&self, scopes: &[String], subject: &str) -> Result<(), Denial> {
        let missing: Vec<String> = scopes.iter().filter(|s| !self.hold(s)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let listed = missing.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(" and ");
        let noun = if missing.len() == 1 { "scope" } else { "scopes" };
        let mut denial = Denial::new(
            Reason::ScopeMissing,
            format!("{subject} needs the {noun} {listed}, which the caller does not hold"),
        );
        denial.scopes_wanted = missing;
        Err(denial)
    }
}

/// Whether the caller holds the scopes of the operation itself.
///
/// # Errors
/// The denial, when not.
pub fn check_scopes(
    policy: &Policy,
    operation: &Operation,
    principal: Option<&Principal>,
) -> Result<(), Denial> {
    match &operation.scopes {
        None => Ok(()),
        Some(_) if principal.is_none() => Err(Denial::new(
            Reason::IdentityMissing,
            format!("`{}` needs an identity", operation.id),
        )),
        Some(scopes) => {
            Grants::new(policy, principal).require(scopes, &format!("`{}`", operation.id))
        }
    }
}

/// Judges a call.
pub fn decide(policy: &Policy, call: &Call<'_>) -> Judgement {
    let mut shadowed = Vec::new();
    let decision = match judge(policy, call, &mut shadowed) {
        Err(denial) => Decision::Deny(denial),
        Ok(()) => match &call.operation.approval {
            Some(approval) => Decision::Hold(approval.clone()),
            None => Decision::Allow,
        },
    };
    Judgement { decision, shadowed }
}

fn judge(policy: &Policy, call: &Call<'_>, shadowed: &mut Vec<Denial>) -> Result<(), Denial> {
    check_scopes(policy, call.operation, call.principal)?;
    for binding in &call.operation.bindings {
        rules::check_binding(call, binding)?;
    }
    for id in &call.operation.rules {
        let Some(rule) = policy.rules.get(*id) else {
            return Err(Denial::new(Reason::InternalError, "a rule of the operation is missing"));
        };
        let outcome = rules::check(policy, call, rule);
        match (outcome, rule.mode) {
            (Ok(()), _) => {}
            (Err(denial), Mode::Shadow) => shadowed.push(denial),
            (Err(denial), Mode::Enforce) => return Err(denial),
        }
    }
    Ok(())
}

/// The value of the operation's fact `name`.
pub fn fact<'a>(call: &'a Call<'_>, name: &str) -> Option<FactValue<'a>> {
    let (_, source) = call.operation.facts.iter().find(|(n, _)| n == name)?;
    match source {
        FactSource::Body(pointer) => call.facts.one(*pointer).map(FactValue::Body),
        FactSource::Path(parameter) => {
            call.params.iter().find(|(n, _)| n == parameter).map(|(_, v)| FactValue::Path(v))
        }
        FactSource::Query(parameter) => call.query.ok()?.one(parameter).ok()?.map(FactValue::Path),
    }
}

/// A fact from wherever it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactValue<'a> {
    /// From the JSON body.
    Body(&'a Fact),
    /// From the path or the query.
    Path(&'a str),
}

impl<'a> FactValue<'a> {
    /// The text, when it is text.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Body(fact) => fact.as_text(),
            Self::Path(text) => Some(text),
        }
    }
}

#[cfg(test)]
mod tests;
