//! Who calls: the sources of identity, in their order.
//!
//! 1. A bearer token, when the policy names issuers: if one was sent, it decides, and nothing else is tried.
//! 2. What Envoy's `jwt_authn` verified, when the policy takes that.
//! 3. The SPIFFE ID of a validated client certificate, when the policy takes that.

use std::sync::Arc;

use super::World;
use crate::decide::Denial;
use crate::http::Headers;
use crate::identity::{self, Principal, Refetch, TokenError};
use crate::policy::Identity;
use crate::reason::Reason;

/// What looking for the caller found.
pub(super) enum Lookup {
    /// A proven caller.
    Proven(Arc<Principal>),
    /// The keys that could prove it are due to be fetched, or being fetched.
    Waiting,
    /// No proof, or one that does not hold.
    Refused(Denial),
}

/// Looks for the caller.
#[inline(never)]
pub(super) fn lookup(identity: &Identity, headers: &Headers, world: &mut World<'_>) -> Lookup {
    if !identity.issuers.is_empty() && headers.has("authorization") {
        return match identity::bearer(headers) {
            Ok(token) => verify(identity, token, world),
            Err(reason) => refused(reason),
        };
    }
    let mut found = None;
    if let Some(source) = &identity.jwt_authn {
        found = identity::from_jwt_authn(
            source,
            world.properties,
            identity.clock_skew_ms,
            world.now.millis(),
        )
        .transpose();
    }
    if found.is_none()
        && let Some(source) = &identity.mtls
    {
        found = identity::from_mtls(source, world.properties).transpose();
    }
    match found {
        Some(Ok(principal)) => Lookup::Proven(Arc::new(principal)),
        Some(Err(error)) => Lookup::Refused(denial(&error)),
        None if identity.issuers.is_empty() => Lookup::Refused(Denial::new(
            Reason::IdentityMissing,
            "the caller has no identity that this policy accepts",
        )),
        None => Lookup::Refused(Denial::new(Reason::TokenMissing, "no bearer token was sent")),
    }
}

#[inline(never)]
fn verify(identity: &Identity, token: &[u8], world: &mut World<'_>) -> Lookup {
    let now = world.now.millis();
    if let Some(principal) = world.tokens.get(token, world.keys, now) {
        return Lookup::Proven(principal);
    }
    // Of what is remembered, every byte has passed this and all that follows.
    if !identity::is_token68(token) {
        return refused(Reason::AuthorizationAmbiguous);
    }
    let (issuers, skew_ms) = (&identity.issuers, identity.clock_skew_ms);
    match identity::verify(token, issuers, world.keys, skew_ms, now, world.signatures) {
        Ok(verified) => Lookup::Proven(world.tokens.insert(token, verified, now)),
        Err(error) => match error.issuer.map(|issuer| world.keys.request_refetch(issuer, now)) {
            Some(Refetch::Started | Refetch::InFlight) => Lookup::Waiting,
            Some(Refetch::TooSoon) | None => Lookup::Refused(denial(&error)),
        },
    }
}

fn refused(reason: Reason) -> Lookup {
    Lookup::Refused(Denial::new(reason, reason.meaning().trim()))
}

fn denial(error: &TokenError) -> Denial {
    Denial::new(
        error.reason,
        format!("{} ({})", error.reason.meaning().trim().trim_end_matches('.'), error.detail),
    )
}
