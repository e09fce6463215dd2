//! What a policy's `audit` compiles to.

use std::fmt;
use std::sync::Arc;

use crate::operation::Tier;
use crate::redact::Rules;

/// Where records go, and what they hold.
#[derive(Debug)]
pub struct Audit {
    /// The proxy's cluster (upstream) to call.
    pub cluster: String,
    /// `:scheme` of the call.
    pub scheme: String,
    /// `:authority` of the call.
    pub authority: String,
    /// `:path` of the call.
    pub path: String,
    /// How long an acknowledgement may take, in milliseconds.
    pub timeout_ms: u64,
    /// What the sink knows this proxy by.
    pub token: Option<Token>,
    /// What records say of bodies.
    pub payload: PerTier<Payload>,
    /// What happens to requests while the sink does not acknowledge.
    pub on_unavailable: PerTier<OnUnavailable>,
    /// Longest body that a record shows, in bytes.
    pub payload_bytes: usize,
    /// Most bytes of records that wait, for each worker.
    pub spool_bytes: usize,
    /// What bodies in records are masked by.
    pub rules: Arc<Rules>,
}

/// A bearer token. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What records say of the bodies of requests and responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payload {
    /// Nothing.
    None,
    /// Their length and SHA-256.
    #[default]
    Digest,
    /// The same, and their masked text.
    Redacted,
}

/// What happens to a request while the sink does not acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnUnavailable {
    /// It is refused: it goes on only once the sink has acknowledged a record of what it is about to do.
    Deny,
    /// It goes on until the spool is full, and is refused from then on.
    Spool,
    /// It goes on. What a full spool cannot take is counted in a record of its own.
    Drop,
}

/// Something for each tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerTier<T>([T; Tier::ALL.len()]);

impl<T: Copy> PerTier<T> {
    /// What `of` says of each tier.
    pub fn of(of: impl Fn(Tier) -> T) -> Self {
        Self(Tier::ALL.map(of))
    }

    /// What it is for a tier.
    pub const fn get(&self, tier: Tier) -> T {
        let [read, infer, write, execute, destroy, admin] = self.0;
        match tier {
            Tier::Read => read,
            Tier::Infer => infer,
            Tier::Write => write,
            Tier::Execute => execute,
            Tier::Destroy => destroy,
            Tier::Admin => admin,
        }
    }

    /// What it is for all tiers, least harm first.
    pub const fn all(&self) -> &[T] {
        &self.0
    }
}
