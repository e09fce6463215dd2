//! Somebody who wants to decide.

use std::collections::BTreeSet;

use super::approval::{Approval, Refusal, Rules};
use super::people::Person;

/// A proven person at the inbox or at the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    /// Who it is.
    pub person: Person,
    /// What to call them; for display only.
    pub name: Option<String>,
    /// What their token, or their login, lets them do.
    pub scopes: BTreeSet<String>,
    /// Why this is not a person who decides by themselves: a service account, or somebody acting for another.
    pub machine: Option<&'static str>,
}

impl Approval {
    /// Whether somebody may look at it: those who hold a scope that can decide it, and whoever asked for it. What is held can
    /// be confidential, and a token of the right issuer alone is no reason to read it.
    ///
    /// # Errors
    /// The scope that is missing.
    pub fn may_see(&self, approver: &Approver, rules: Rules<'_>) -> Result<(), Refusal> {
        let scope = &self.call.requirement.scope;
        let holds = |scope: &str| approver.scopes.contains(scope);
        let asked = Person::from(&self.call.principal);
        if holds(scope)
            || rules.break_glass.is_some_and(holds)
            || rules.people.same(&asked, &approver.person)
        {
            Ok(())
        } else {
            Err(Refusal::Scope(scope.clone()))
        }
    }
}
