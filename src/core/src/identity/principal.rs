//! The caller, once proven.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::UnixMillis;

/// A proven caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// `iss`, or the trust domain for an mTLS identity.
    pub issuer: String,
    /// `sub`, or the SPIFFE ID.
    pub subject: String,
    /// Scopes as the token carries them (whole tokens, compared byte for byte).
    pub scopes: BTreeSet<String>,
    /// Groups as the identity provider names them.
    pub groups: BTreeSet<String>,
    /// The `act` chain (RFC 8693), the current actor first.
    pub actors: Vec<Actor>,
    /// String claims that the policy's rules read, by dotted name.
    pub claims: BTreeMap<String, String>,
    /// How it was proven.
    pub proof: Proof,
    /// When the proof ends; `None` for a connection's identity.
    pub expires: Option<UnixMillis>,
}

/// One link of an actor chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `act.iss`, or the token's issuer when the link names none.
    pub issuer: String,
    /// `act.sub`.
    pub subject: String,
}

/// How a principal was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A JWT that this filter verified.
    Jwt {
        /// Key id, when the token named one.
        kid: Option<String>,
        /// Algorithm, such as `RS256`.
        algorithm: &'static str,
        /// `jti`, when the token has one.
        token_id: Option<String>,
    },
    /// Claims that Envoy's `jwt_authn` filter verified.
    JwtAuthn,
    /// A validated client certificate with a SPIFFE ID.
    Mtls,
}

impl Proof {
    /// A short name for records: `jwt`, `jwt_authn`, `mtls`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Jwt { .. } => "jwt",
            Self::JwtAuthn => "jwt_authn",
            Self::Mtls => "mtls",
        }
    }
}
