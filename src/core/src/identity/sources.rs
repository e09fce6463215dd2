//! Callers that the proxy has proven itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::claims::{Claims, issuer_of};
use super::config::{ClaimName, JwtAuthn, Mtls};
use super::error::{TokenError, shown};
use super::principal::{Principal, Proof};
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// The proxy's view of a request and its connection.
pub trait Properties {
    /// The property at `path`, encoded as proxy-wasm does: text as it is, a number as eight bytes
    /// in little-endian order, a boolean as one byte. `None` when there is none.
    fn get(&self, path: &[&str]) -> Option<Vec<u8>>;
}

/// A request that came through no proxy has no properties.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProperties;

impl Properties for NoProperties {
    fn get(&self, _: &[&str]) -> Option<Vec<u8>> {
        None
    }
}

/// Where Envoy's `jwt_authn` leaves the payload.
const METADATA: [&str; 3] = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn"];
/// Largest number of seconds that is taken for a date: what a double holds exactly.
const MAX_DATE: f64 = 9_007_199_254_740_992.0;

/// The caller whose token Envoy's `jwt_authn` filter verified; `None` when it verified none.
///
/// # Errors
/// An issuer that the policy does not accept, an expired token, a claim of the wrong type.
#[inline(never)]
pub fn from_jwt_authn(
    source: &JwtAuthn,
    properties: &dyn Properties,
    skew_ms: u64,
    now: UnixMillis,
) -> Result<Option<Principal>, TokenError> {
    let payload = Payload { key: &source.metadata_key, properties };
    let mut members = Map::new();
    for name in ["iss", "sub"] {
        if let Some(bytes) = payload.get(&[name]) {
            members.insert(name.to_owned(), text(bytes));
        }
    }
    if members.is_empty() {
        return Ok(None);
    }
    if let Some(bytes) = payload.get(&["exp"]) {
        members.insert("exp".to_owned(), date(&bytes));
    }
    let fixed = [ClaimName::scope(), ClaimName::member("scp")];
    let claims = fixed.iter().chain([&source.scope_claim]).chain(&source.groups_claim);
    for name in claims.chain(&source.claims) {
        let path: Vec<&str> = name.path().iter().map(String::as_str).collect();
        if let Some(value) = payload.value(&path) {
            place(&mut members, name, value);
        }
    }
    if let Some(act) = payload.actor(&mut vec!["act"]) {
        members.insert("act".to_owned(), act);
    }
    let iss = issuer_of(&members)?;
    if !source.issuers.iter().any(|i| i == iss) {
        let detail = format!("issuer {} is not in the policy", shown(iss));
        return Err(TokenError::new(Reason::TokenIssuer, detail));
    }
    let claims = Claims { members: &members, issuer: iss, reading: source.into(), skew_ms, now };
    claims.principal(Proof::JwtAuthn).map(Some)
}

/// The caller whose client certificate the proxy validated; `None` without such a certificate.
///
/// Its SPIFFE ID is its subject and its one group, so that a role can name it.
///
/// # Errors
/// The certificate's first URI is no SPIFFE ID, or one of a trust domain that is not accepted.
#[inline(never)]
pub fn from_mtls(
    source: &Mtls,
    properties: &dyn Properties,
) -> Result<Option<Principal>, TokenError> {
    if properties.get(&["connection", "mtls"]).as_deref() != Some(&[1]) {
        return Ok(None);
    }
    let refuse = |detail: String| Err(TokenError::new(Reason::IdentityMissing, detail));
    let uri = properties.get(&["connection", "uri_san_peer_certificate"]).unwrap_or_default();
    let Some((id, domain)) = std::str::from_utf8(&uri).ok().and_then(spiffe) else {
        return refuse("the client certificate has no SPIFFE ID".to_owned());
    };
    if !source.trust_domains.iter().any(|d| d == domain) {
        return refuse(format!("trust domain {} is not in the policy", shown(domain)));
    }
    Ok(Some(Principal {
        issuer: domain.to_owned(),
        subject: id.to_owned(),
        scopes: BTreeSet::new(),
        groups: BTreeSet::from([id.to_owned()]),
        actors: Vec::new(),
        claims: BTreeMap::new(),
        proof: Proof::Mtls,
        expires: None,
    }))
}

/// A workload's SPIFFE ID and its trust domain (SPIFFE-ID section 2): `spiffe://domain/path`.
fn spiffe(id: &str) -> Option<(&str, &str)> {
    let rest = id.strip_prefix("spiffe://").filter(|_| id.len() <= 2048)?;
    let (domain, path) = rest.split_once('/')?;
    let in_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    let in_path = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    let segment = |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(in_path);
    let valid = !domain.is_empty()
        && domain.len() <= 255
        && domain.bytes().all(in_domain)
        && path.split('/').all(segment);
    valid.then_some((id, domain))
}

/// The verified payload among the request's metadata.
struct Payload<'a> {
    key: &'a str,
    properties: &'a dyn Properties,
}

impl Payload<'_> {
    fn get(&self, claim: &[&str]) -> Option<Vec<u8>> {
        let path: Vec<&str> = METADATA.iter().chain([&self.key]).chain(claim).copied().collect();
        self.properties.get(&path)
    }

    /// A string or a list of strings. The encoding does not tell a list from a string, so a list
    /// is found by its first element.
    fn value(&self, claim: &[&str]) -> Option<Value> {
        let mut items = Vec::new();
        // One more than any cap, so that the cap is what refuses.
        for n in 0..=limits::MAX_GROUPS.max(limits::MAX_SCOPES) {
            let index = n.to_string();
            let path: Vec<&str> = claim.iter().copied().chain([index.as_str()]).collect();
            let Some(item) = self.get(&path) else { break };
            items.push(text(item));
        }
        if items.is_empty() {
            return self.get(claim).map(|bytes| match bytes.as_slice() {
                // A list without elements.
                [0, 0, 0, 0] => Value::Array(items),
                _ => text(bytes),
            });
        }
        Some(Value::Array(items))
    }

    /// The `act` chain below `path`, one link more than is accepted.
    fn actor(&self, path: &mut Vec<&str>) -> Option<Value> {
        self.get(path)?;
        let mut link = Map::new();
        for name in ["iss", "sub"] {
            path.push(name);
            if let Some(bytes) = self.get(path) {
                link.insert(name.to_owned(), text(bytes));
            }
            path.pop();
        }
        if path.len() <= limits::MAX_ACTORS {
            path.push("act");
            if let Some(next) = self.actor(path) {
                link.insert("act".to_owned(), next);
            }
            path.pop();
        }
        Some(Value::Object(link))
    }
}

/// Text, or null for what cannot be text: a number or an object in the proxy's encoding.
fn text(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => Value::String(text),
        _ => Value::Null,
    }
}

/// A whole number of seconds, or null.
fn date(bytes: &[u8]) -> Value {
    let secs = bytes.try_into().map(f64::from_le_bytes).unwrap_or(-1.0);
    if !(0.0..=MAX_DATE).contains(&secs) || secs.fract() != 0.0 {
        return Value::Null;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within 0 to 2^53"
    )]
    Value::from(secs as u64)
}

/// Puts a value where `name` will look for it.
fn place(members: &mut Map<String, Value>, name: &ClaimName, value: Value) {
    let Some((last, parents)) = name.path().split_last() else { return };
    let mut at = members;
    for parent in parents {
        let below = at.entry(parent.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(below) = below else { return };
        at = below;
    }
    at.insert(last.clone(), value);
}
