//! The dev login: everybody is who they say. For trying it out, on loopback.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::domain::{Approver, Person};

/// Who vouches for people of the dev login when they name nobody.
pub const ISSUER: &str = "dev";
/// Longest name, in bytes.
const MAX_NAME: usize = 200;
/// Longest list of scopes, in bytes.
const MAX_SCOPES: usize = 2000;

/// What somebody says of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Claimed {
    /// `sub`.
    pub subject: String,
    /// Separated by spaces.
    pub scopes: String,
    /// `iss`; [`ISSUER`] when it is empty.
    pub issuer: String,
    /// Where to go afterwards.
    #[serde(rename = "return")]
    pub return_to: String,
}

impl Claimed {
    /// Whoever they say they are.
    ///
    /// # Errors
    /// What is missing, for the person.
    pub fn approver(&self) -> Result<Approver, &'static str> {
        let subject = self.subject.trim();
        let issuer = self.issuer.trim();
        if subject.is_empty() {
            return Err("say who you are");
        }
        if subject.len() > MAX_NAME || issuer.len() > MAX_NAME {
            return Err("a name has at most 200 bytes");
        }
        if self.scopes.len() > MAX_SCOPES {
            return Err("the scopes have at most 2,000 bytes");
        }
        let issuer = if issuer.is_empty() { ISSUER } else { issuer };
        let scopes: BTreeSet<String> =
            self.scopes.split_ascii_whitespace().map(str::to_owned).collect();
        let person = Person { issuer: issuer.to_owned(), subject: subject.to_owned() };
        Ok(Approver { person, name: None, scopes, machine: None })
    }
}
