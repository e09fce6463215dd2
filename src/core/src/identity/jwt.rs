//! From a token to a caller.

use serde_json::{Map, Value};

use super::claims::{Claims, issuer_of};
use super::config::Issuer;
use super::error::{TokenError, shown};
use super::host::HostSignatures;
use super::jws::Compact;
use super::keyring::KeyRing;
use super::principal::{Principal, Proof};
use super::strict;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// Proves a bearer token and reads who it stands for.
///
/// Checked in this order, cheap before dear: size, form, header members, `typ`, payload form,
/// `iss` (which only chooses the keys), key, algorithm, times, audience, claims, signature. Nothing
/// is returned before the signature has verified.
///
/// `skew_ms` is granted to `exp`, `nbf` and `iat`. `issuers` has to be the list that `keys` was
/// made from.
///
/// # Errors
/// [`TokenError`], with the issuer to fetch keys from where that could help.
#[inline(never)]
pub fn verify(
    token: &[u8],
    issuers: &[Issuer],
    keys: &KeyRing,
    skew_ms: u64,
    now: UnixMillis,
    host: &dyn HostSignatures,
) -> Result<Verified, TokenError> {
    let jws = Compact::parse(token)?;
    jws.check_members()?;
    let payload = payload(&jws)?;
    let (index, issuer) = find_issuer(issuers, &payload)?;
    check_type(&jws, issuer)?;
    let set = keys.keys(index, now)?;
    let (key, algorithm) = jws.key(set, issuer.algorithms).map_err(|e| refetchable(e, index))?;
    let claims = claims(&payload, issuer, skew_ms, now);
    claims.expires()?;
    claims.check_not_before()?;
    claims.check_lifetime(issuer.max_lifetime_ms)?;
    claims.check_audience(&issuer.audiences)?;
    let principal = claims.principal(Proof::Jwt {
        kid: key.kid().map(str::to_owned),
        algorithm: algorithm.name(),
        token_id: claims.token_id()?,
    })?;
    jws.check_signature(key, algorithm, host)?;
    let key_version = keys.version(index, now).unwrap_or_default();
    Ok(Verified { principal, issuer: index, key_version })
}

/// A proven caller, and by which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The caller.
    pub principal: Principal,
    /// Index into the policy's issuers.
    pub issuer: usize,
    /// [`KeyRing::version`] of the keys.
    pub key_version: u64,
}

/// The payload as its issuer's policy reads it.
pub(super) fn claims<'a>(
    members: &'a Map<String, Value>,
    issuer: &'a Issuer,
    skew_ms: u64,
    now: UnixMillis,
) -> Claims<'a> {
    Claims { members, issuer: &issuer.issuer, reading: issuer.into(), skew_ms, now }
}

/// The payload as one JSON object.
pub(super) fn payload(jws: &Compact<'_>) -> Result<Map<String, Value>, TokenError> {
    strict::object(&jws.payload)
        .map_err(|e| TokenError::new(Reason::TokenMalformed, format!("the payload is {e}")))
}

/// The issuer that the payload names.
pub(super) fn find_issuer<'i>(
    issuers: &'i [Issuer],
    payload: &Map<String, Value>,
) -> Result<(usize, &'i Issuer), TokenError> {
    let iss = issuer_of(payload)?;
    issuers.iter().enumerate().find(|(_, i)| i.issuer == iss).ok_or_else(|| {
        TokenError::new(Reason::TokenIssuer, format!("issuer {} is not in the policy", shown(iss)))
    })
}

/// `typ` is an access token's, and there is no `cty`: nothing is nested.
pub(super) fn check_type(jws: &Compact<'_>, issuer: &Issuer) -> Result<(), TokenError> {
    let typ = jws.text("typ")?;
    if !issuer.types.accepts(typ) {
        let found = typ.map_or_else(|| "absent".to_owned(), shown);
        return Err(TokenError::new(
            Reason::TokenType,
            format!("`typ` is {found}, which is not an access token's"),
        ));
    }
    if jws.header.contains_key("cty") {
        return Err(TokenError::new(Reason::TokenType, "the header has `cty`: a nested token"));
    }
    Ok(())
}

/// An unknown key may be a new one: says whose keys to fetch.
pub(super) fn refetchable(mut error: TokenError, issuer: usize) -> TokenError {
    if error.reason == Reason::TokenKeyUnknown {
        error.issuer = Some(issuer);
    }
    error
}
