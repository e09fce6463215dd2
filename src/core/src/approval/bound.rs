//! What an approval is bound to.

use serde::Deserialize;
use serde_json::{Value, json};

use super::set::Step;
use crate::digest::sha256;

/// Everything of a call that an approver says yes to. The same for an identical retry, and for nothing else.
///
/// Its JSON has sorted members, text and whole numbers only: what RFC 8785 calls canonical.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The `act` chain, the current actor first.
    pub actors: Vec<Party>,
    /// `:authority`.
    pub authority: String,
    /// `sha256:` and the hex digest of the body's exact bytes; of a JSON-RPC request without the value of its `id`, which
    /// clients count up.
    pub body: String,
    /// How many bytes the body has.
    pub body_bytes: u64,
    /// Header fields that decide which resource is meant, by name: the content type, the tenant headers of the OpenAI API, and
    /// those that a rule of the operation reads.
    pub headers: Vec<(String, String)>,
    /// The method.
    pub method: String,
    /// The operation's full name.
    pub operation: String,
    /// The path as it is forwarded.
    pub path: String,
    /// The policy's name.
    pub policy: String,
    /// The policy's hash.
    pub policy_hash: String,
    /// Who asks.
    pub principal: Party,
    /// `sha256:` and the hex digest of the query's exact bytes.
    pub query: String,
    /// What it takes.
    pub requirement: Requirement,
    /// The surface's `server:`, or nothing.
    pub server: String,
    /// Which step it is of a set of calls that are decided as one.
    pub set: Option<Step>,
    /// The operation's tier.
    pub tier: String,
}

/// Somebody, as a token names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Who vouches: `iss`, or a trust domain.
    pub issuer: String,
    /// Who it is: `sub`, or a SPIFFE ID.
    pub subject: String,
}

/// What it takes to approve a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// How many distinct people.
    pub approvers: u32,
    /// The scope that each of them holds.
    pub scope: String,
    /// How long the approval can be given and used, in milliseconds.
    pub ttl_ms: u64,
}

impl Bound {
    /// The digest that a verdict has to name.
    pub fn fingerprint(&self) -> Fingerprint {
        let canonical = Value::from(self).to_string();
        Fingerprint(sha256([b"scopewarden approval 1\n".as_slice(), canonical.as_bytes()]))
    }
}

impl From<&Bound> for Value {
    fn from(bound: &Bound) -> Self {
        let actors: Vec<Self> = bound.actors.iter().map(Self::from).collect();
        let headers: Vec<Self> = bound.headers.iter().map(|(n, v)| json!([n, v])).collect();
        let requirement = &bound.requirement;
        json!({
            "actors": actors,
            "authority": bound.authority,
            "body": bound.body,
            "body_bytes": bound.body_bytes,
            "headers": headers,
            "method": bound.method,
            "operation": bound.operation,
            "path": bound.path,
            "policy": bound.policy,
            "policy_hash": bound.policy_hash,
            "principal": Self::from(&bound.principal),
            "query": bound.query,
            "requirement": {
                "approvers": requirement.approvers,
                "scope": requirement.scope,
                "ttl_ms": requirement.ttl_ms,
            },
            "server": bound.server,
            "set": bound.set.as_ref().map(|set| json!({"id": set.id, "of": set.of, "step": set.step})),
            "tier": bound.tier,
        })
    }
}

impl From<&Party> for Value {
    fn from(party: &Party) -> Self {
        json!({"issuer": party.issuer, "subject": party.subject})
    }
}

/// The digest of a [`Bound`]: `sha256:` and hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
