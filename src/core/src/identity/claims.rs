//! What a payload says, judged by what the issuer's policy expects. Every check stands alone, so
//! that one of them can be made to explain itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::config::{ClaimName, Issuer, JwtAuthn};
use super::error::{TokenError, span};
use super::principal::{Actor, Principal, Proof};
use super::{scopes, strict};
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// Largest NumericDate, in seconds: what every JSON reader holds exactly.
const MAX_DATE: u64 = 1 << 53;

/// Which claims a policy reads, whatever proved them.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    scopes: &'a ClaimName,
    groups: Option<&'a ClaimName>,
    others: &'a [ClaimName],
}

impl<'a> From<&'a Issuer> for Reading<'a> {
    fn from(issuer: &'a Issuer) -> Self {
        Self {
            scopes: &issuer.scope_claim,
            groups: issuer.groups_claim.as_ref(),
            others: &issuer.claims,
        }
    }
}

impl<'a> From<&'a JwtAuthn> for Reading<'a> {
    fn from(source: &'a JwtAuthn) -> Self {
        Self {
            scopes: &source.scope_claim,
            groups: source.groups_claim.as_ref(),
            others: &source.claims,
        }
    }
}

/// A payload and how to read it.
#[derive(Clone, Copy)]
pub(super) struct Claims<'a> {
    pub members: &'a Map<String, Value>,
    pub issuer: &'a str,
    pub reading: Reading<'a>,
    pub skew_ms: u64,
    pub now: UnixMillis,
}

pub(super) fn wrong(name: &str, value: &Value, wanted: &str) -> TokenError {
    invalid(format!("`{name}` is {}, not {wanted}", strict::kind(value)))
}

pub(super) fn invalid(detail: impl Into<String>) -> TokenError {
    TokenError::new(Reason::TokenClaims, detail)
}

impl Claims<'_> {
    /// The caller, without any judgement of times and audience but `exp`'s.
    ///
    /// # Errors
    /// The first claim that is wrong.
    pub fn principal(&self, proof: Proof) -> Result<Principal, TokenError> {
        Ok(Principal {
            expires: Some(self.expires()?),
            issuer: self.issuer.to_owned(),
            subject: self.subject()?,
            scopes: self.scopes()?,
            groups: self.groups()?,
            actors: self.actors()?,
            claims: self.read_by_rules()?,
            proof,
        })
    }

    /// `exp`: required, and not past.
    pub fn expires(&self) -> Result<UnixMillis, TokenError> {
        let exp = self.date("exp")?.ok_or_else(|| invalid("`exp` is missing"))?;
        if self.now >= exp.plus(self.skew_ms) {
            let ago = span(self.now.since(exp));
            return Err(TokenError::new(Reason::TokenExpired, format!("expired {ago} ago")));
        }
        Ok(exp)
    }

    /// `nbf` and `iat`, when present, are not in the future.
    pub fn check_not_before(&self) -> Result<(), TokenError> {
        for (name, what) in [("nbf", "valid"), ("iat", "issued")] {
            let Some(date) = self.date(name)? else { continue };
            if date > self.now.plus(self.skew_ms) {
                let ahead = span(date.since(self.now));
                return Err(TokenError::new(
                    Reason::TokenNotYetValid,
                    format!("`{name}` is {ahead} ahead: not {what} yet"),
                ));
            }
        }
        Ok(())
    }

    /// `exp - iat`, or without `iat` the time that is left, is not more than the policy allows.
    pub fn check_lifetime(&self, max_ms: u64) -> Result<(), TokenError> {
        let Some(exp) = self.date("exp")? else { return Ok(()) };
        let from = self.date("iat")?.unwrap_or_else(|| self.now.plus(self.skew_ms));
        let lifetime = exp.since(from);
        if lifetime > max_ms {
            return Err(TokenError::new(
                Reason::TokenLifetime,
                format!("valid for {}, policy allows {}", span(lifetime), span(max_ms)),
            ));
        }
        Ok(())
    }

    /// `aud` names an audience of the policy.
    pub fn check_audience(&self, wanted: &[String]) -> Result<(), TokenError> {
        let wanted = |aud: &str| wanted.iter().any(|a| a == aud);
        if self.audiences()?.into_iter().any(wanted) {
            Ok(())
        } else {
            Err(TokenError::new(
                Reason::TokenAudience,
                "`aud` does not name this policy's audience".to_owned(),
            ))
        }
    }

    /// `aud`: a string or a list of strings.
    pub fn audiences(&self) -> Result<Vec<&str>, TokenError> {
        match self.members.get("aud") {
            None => Err(TokenError::new(Reason::TokenAudience, "`aud` is missing")),
            Some(value) => strings("aud", value),
        }
    }

    /// `sub`: required.
    pub fn subject(&self) -> Result<String, TokenError> {
        name_of("sub", self.members.get("sub"))
    }

    /// `jti`, when present.
    pub fn token_id(&self) -> Result<Option<String>, TokenError> {
        match self.members.get("jti") {
            None => Ok(None),
            id => name_of("jti", id).map(Some),
        }
    }

    /// The one configured source of scopes.
    pub fn scopes(&self) -> Result<BTreeSet<String>, TokenError> {
        scopes::read(self.members, self.reading.scopes)
    }

    /// Groups: a list of strings, or one string that is one group.
    pub fn groups(&self) -> Result<BTreeSet<String>, TokenError> {
        let Some(name) = self.reading.groups else { return Ok(BTreeSet::new()) };
        let Some(value) = name.find(self.members) else { return Ok(BTreeSet::new()) };
        let groups = strings(name.as_str(), value)?;
        if groups.len() > limits::MAX_GROUPS {
            return Err(invalid(format!("`{name}` has more than {} groups", limits::MAX_GROUPS)));
        }
        Ok(groups.into_iter().map(str::to_owned).collect())
    }

    /// The `act` chain (RFC 8693 section 4.1), the current actor first.
    pub fn actors(&self) -> Result<Vec<Actor>, TokenError> {
        let mut actors = Vec::new();
        let mut next = self.members.get("act");
        while let Some(value) = next {
            let link = value.as_object().ok_or_else(|| wrong("act", value, "an object"))?;
            if actors.len() >= limits::MAX_ACTORS {
                return Err(invalid(format!("`act` has more than {} links", limits::MAX_ACTORS)));
            }
            let issuer = match link.get("iss") {
                None => self.issuer.to_owned(),
                iss => name_of("act.iss", iss)?,
            };
            actors.push(Actor { issuer, subject: name_of("act.sub", link.get("sub"))? });
            next = link.get("act");
        }
        Ok(actors)
    }

    /// The string claims that rules read; one that is absent is simply not there.
    pub fn read_by_rules(&self) -> Result<BTreeMap<String, String>, TokenError> {
        let mut read = BTreeMap::new();
        for name in self.reading.others {
            if let Some(value) = name.find(self.members) {
                let text = value.as_str().ok_or_else(|| wrong(name.as_str(), value, "a string"))?;
                read.insert(name.as_str().to_owned(), text.to_owned());
            }
        }
        Ok(read)
    }

    /// A NumericDate: a whole number of seconds that every reader reads alike. A fraction or an
    /// exponent is refused, although RFC 7519 would allow them: nobody sends one in good faith.
    fn date(&self, name: &str) -> Result<Option<UnixMillis>, TokenError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(value @ Value::Number(number)) => match number.as_u64() {
                Some(secs) if secs <= MAX_DATE => Ok(Some(UnixMillis::from_secs(secs))),
                _ => Err(wrong(name, value, "a whole number of seconds from 0 to 2^53")),
            },
            Some(value) => Err(wrong(name, value, "a number")),
        }
    }
}

/// A string, or a list of strings, as a list.
pub(super) fn strings<'v>(name: &str, value: &'v Value) -> Result<Vec<&'v str>, TokenError> {
    match value {
        Value::String(one) => Ok(vec![one]),
        Value::Array(many) => many
            .iter()
            .map(|v| {
                v.as_str().ok_or_else(|| invalid(format!("`{name}` lists {}", strict::kind(v))))
            })
            .collect(),
        other => Err(wrong(name, other, "a string or a list of strings")),
    }
}

/// A string that can stand for someone: not empty, no control characters.
fn name_of(name: &str, value: Option<&Value>) -> Result<String, TokenError> {
    match value {
        None => Err(invalid(format!("`{name}` is missing"))),
        Some(Value::String(text)) if text.is_empty() => Err(invalid(format!("`{name}` is empty"))),
        Some(Value::String(text)) if text.chars().any(char::is_control) => {
            Err(invalid(format!("`{name}` holds a control character")))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(wrong(name, other, "a string")),
    }
}

/// `iss`, which chooses the issuer before anything is believed.
pub(super) fn issuer_of(members: &Map<String, Value>) -> Result<&str, TokenError> {
    match members.get("iss") {
        Some(Value::String(iss)) => Ok(iss),
        Some(other) => Err(wrong("iss", other, "a string")),
        None => Err(TokenError::new(Reason::TokenIssuer, "`iss` is missing")),
    }
}

/// Whether `name` is the claim `member` itself, not a path below it.
pub(super) fn is(name: &ClaimName, member: &str) -> bool {
    matches!(name.path(), [only] if only == member)
}
