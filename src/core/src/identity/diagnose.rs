//! A token explained to the person who holds it: every check, not only the first that fails.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::Claims;
use super::config::Issuer;
use super::error::{TokenError, shown, span};
use super::host::NoHost;
use super::jws::Compact;
use super::jwt::{check_type, claims, find_issuer, payload};
use super::key::PublicKey;
use super::keyring::KeyRing;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the token passes it.
    pub ok: bool,
    /// What was looked at: `signature`, or the header member or claim.
    pub check: &'static str,
    /// What was found, for people. Unlike [`TokenError::detail`] it repeats claims: it is for
    /// whoever has the token already.
    pub detail: String,
}

/// `ok   exp: expires in 46 min` or `FAIL aud: has `api2`, policy wants `autogen``.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.ok { "ok  " } else { "FAIL" };
        write!(f, "{verdict} {}: {}", self.check, self.detail)
    }
}

/// Makes the checks of [`verify`](super::verify) and goes on after one that fails, as far as the
/// token can be read. All findings are good exactly when the token is accepted.
pub fn diagnose(
    token: &[u8],
    issuers: &[Issuer],
    keys: &KeyRing,
    skew_ms: u64,
    now: UnixMillis,
) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    let Some(jws) = found
        .check("form", Compact::parse(token), |_| format!("three parts, {} bytes", token.len()))
    else {
        return found.0;
    };
    found.check("header", jws.check_members(), |()| "asks for nothing of its own".to_owned());
    found.check("alg", jws.algorithm(), |a| format!("`{a}`"));
    found.check("kid", jws.kid(), |kid| kid.map_or_else(|| "absent".to_owned(), shown));
    let members = found.check("payload", payload(&jws), |m| format!("{} claims", m.len()));
    let Some(members) = members else { return found.0 };
    let issuer = found.check("iss", find_issuer(issuers, &members), |(_, i)| shown(&i.issuer));
    // One issuer in the policy: it must be the one that was meant.
    let meant = issuer.or(match issuers {
        [only] => Some((0, only)),
        _ => None,
    });
    let Some((index, issuer)) = meant else { return found.0 };
    found.check("typ", check_type(&jws, issuer), |()| {
        jws.text("typ").ok().flatten().map_or_else(|| "absent".to_owned(), shown)
    });
    let key = keys.keys(index, now).and_then(|set| jws.key(set, issuer.algorithms));
    if let Some((key, algorithm)) = found.check("key", key, |(k, _)| described(k)) {
        signature(&mut found, &jws, key, algorithm);
    }
    found.claims(&claims(&members, issuer, skew_ms, now), issuer, &members);
    found.0
}

fn described(key: &PublicKey) -> String {
    let kid = key.kid().map_or_else(|| "the only key that fits".to_owned(), shown);
    format!("{kid}, for {}", key.algorithms())
}

fn signature(found: &mut Findings, jws: &Compact<'_>, key: &PublicKey, algorithm: Algorithm) {
    let checked = jws.check_signature(key, algorithm, &NoHost);
    found.check("signature", checked, |()| format!("verifies with `{algorithm}`"));
}

struct Findings(Vec<Finding>);

impl Findings {
    fn check<T>(
        &mut self,
        check: &'static str,
        result: Result<T, TokenError>,
        describe: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (ok, detail, value) = match result {
            Ok(value) => (true, describe(&value), Some(value)),
            Err(error) => (false, error.detail, None),
        };
        self.0.push(Finding { ok, check, detail });
        value
    }

    fn claims(&mut self, claims: &Claims<'_>, issuer: &Issuer, members: &Map<String, Value>) {
        self.check("exp", claims.expires(), |exp| {
            format!("expires in {} ({exp})", span(exp.since(claims.now)))
        });
        self.check("nbf, iat", claims.check_not_before(), |()| "not in the future".to_owned());
        self.check("lifetime", claims.check_lifetime(issuer.max_lifetime_ms), |()| {
            format!("at most {}", span(issuer.max_lifetime_ms))
        });
        let audience = claims.check_audience(&issuer.audiences).map_err(|e| {
            let wanted = list(issuer.audiences.iter().map(String::as_str));
            match claims.audiences() {
                Ok(found) if e.reason == Reason::TokenAudience => {
                    TokenError::new(e.reason, format!("has {}, policy wants {wanted}", list(found)))
                }
                _ => TokenError::new(e.reason, format!("{}; policy wants {wanted}", e.detail)),
            }
        });
        self.check("aud", audience, |()| list(claims.audiences().unwrap_or_default()));
        self.check("sub", claims.subject(), |sub| shown(sub));
        self.check("jti", claims.token_id(), |id| {
            id.as_deref().map_or_else(|| "absent".to_owned(), shown)
        });
        let given = issuer.scope_claim.find(members).is_some();
        self.check("scope", claims.scopes(), |scopes| scopes_in(scopes, issuer, given));
        self.check("groups", claims.groups(), |groups| match &issuer.groups_claim {
            None => "not read by the policy".to_owned(),
            Some(_) => list(groups.iter().map(String::as_str)),
        });
        self.check("act", claims.actors(), |actors| {
            list(actors.iter().map(|a| a.subject.as_str()))
        });
        self.check("claims", claims.read_by_rules(), |read| {
            let missing =
                issuer.claims.iter().map(|n| n.as_str()).filter(|n| !read.contains_key(*n));
            match list(missing).as_str() {
                "none" => "every claim that rules read is there".to_owned(),
                names => format!("rules read {names}, which the token lacks"),
            }
        });
    }
}

fn scopes_in(scopes: &BTreeSet<String>, issuer: &Issuer, given: bool) -> String {
    let claim = &issuer.scope_claim;
    match (scopes.is_empty(), given) {
        (false, _) => list(scopes.iter().map(String::as_str)),
        (true, false) => format!("none: the token has no `{claim}`"),
        (true, true) => {
            format!("none: `{claim}` is not made of scopes with single spaces between them")
        }
    }
}

/// The words, each shortened and in backticks; `none` when there is none.
fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.into_iter().map(shown).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
