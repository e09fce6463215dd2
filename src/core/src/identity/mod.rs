//! Who calls: tokens, keys, claims.
//!
//! ```text
//! Authorization ─ bearer ─► token ─ cache ─► Principal
//!                             │ miss            ▲
//!                             ▼                 │
//!                 jws (form) ─► jwt (issuer, claims) ─► key (signature: host or Rust)
//!                                  ▲
//!                 keyring (fetch, refresh, age) ◄─ jwks (what is a usable key)
//! ```
//!
//! Everything is refused that two readers could read differently, even where RFC 7519 would let
//! it pass; `docs/decisions/0006-a-token-has-one-reading.md` says what.

mod algorithm;
mod bearer;
mod cache;
mod claims;
mod config;
mod diagnose;
mod error;
mod host;
mod jwks;
mod jws;
mod jwt;
mod key;
mod keyring;
mod principal;
mod roca;
mod scopes;
mod sources;
mod strict;

pub use algorithm::{Algorithm, Algorithms, Hash};
pub use bearer::{bearer, is_token68};
pub use cache::TokenCache;
pub use config::{
    ClaimName, DEFAULT_FETCH_TIMEOUT_MS, DEFAULT_MAX_LIFETIME_MS, DEFAULT_REFRESH_MS, Issuer,
    JwtAuthn, KeySource, Mtls, RemoteKeys, TokenTypes,
};
pub use diagnose::{Finding, diagnose};
pub use error::TokenError;
pub use host::{HostSignatures, NoHost};
pub use jwks::{Dropped, KeySet, NoKey};
pub use jws::Compact;
pub use jwt::{Verified, verify};
pub use key::PublicKey;
pub use keyring::{Fetch, FetchOutcome, Fetched, KeyRing, KeyStatus, Refetch};
pub use principal::{Actor, Principal, Proof};
pub use scopes::read as read_scopes;
pub use sources::{NoProperties, Properties, from_jwt_authn, from_mtls};
pub(crate) use strict::object as strict_object;

#[cfg(test)]
mod tests;
