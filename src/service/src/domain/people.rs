//! Who is the same human being.

use std::collections::BTreeSet;

use scopewarden_core::approval::Party;
use serde::{Deserialize, Serialize};

/// Somebody, as an issuer names them. Text that two issuers share means nothing: identities are compared as pairs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

impl From<&Party> for Person {
    fn from(party: &Party) -> Self {
        Self { issuer: party.issuer.clone(), subject: party.subject.clone() }
    }
}

/// Which identities belong to one human being, or to an account that one controls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(Vec<BTreeSet<Person>>);

impl People {
    /// From lists of identities; lists that share one are about the same person.
    pub fn new(groups: impl IntoIterator<Item = Vec<Person>>) -> Self {
        let mut merged: Vec<BTreeSet<Person>> = Vec::new();
        for group in groups {
            let mut group: BTreeSet<Person> = group.into_iter().collect();
            let (same, rest) = merged.into_iter().partition(|g| !g.is_disjoint(&group));
            merged = rest;
            for other in Vec::from_iter::<Vec<_>>(same) {
                group.extend(other);
            }
            merged.push(group);
        }
        Self(merged)
    }

    /// Whether both are the same person.
    pub fn same(&self, one: &Person, other: &Person) -> bool {
        one == other || self.0.iter().any(|group| group.contains(one) && group.contains(other))
    }
}
