//! Somebody who wants to decide.

use std::collections::BTreeSet;

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
