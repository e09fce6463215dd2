//! The policy, compiled: immutable, shared by every request of a configuration.
//!
//! ```text
//! YAML or JSON ─► Node ─► read (every error at once) ─► Policy
//! ```
//!
//! Nothing that can fail is left for request time: operation names are resolved, globs parsed,
//! templates merged into one matcher, body pointers into one plan per endpoint.

mod glob;
mod hash;
mod plan;
mod read;
mod rule;

use std::collections::{BTreeMap, BTreeSet};

pub use glob::Glob;
pub use plan::{Plan, PointerId};
pub use read::CODES;
pub use rule::{Admit, Argument, Binding, Condition, Rule, ScopedGlobs};

use crate::audit::Audit;
use crate::identity::{Issuer, JwtAuthn, KeySet, Mtls};
use crate::operation::{BodyKind, Matcher, Pointer, Protocol, Tier};
use crate::redact::Redaction;

/// The JSON Schema (draft 2020-12) of policies, for editors. It knows shapes and names; what a
/// policy means is for [`Policy::compile`] to judge.
pub const SCHEMA: &str = include_str!("policy.schema.json");

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    /// `policy:`, the name that records carry.
    pub name: String,
    /// `sha256:` and the hex digest of the document's canonical JSON; two spellings of one policy share it.
    pub hash: String,
    /// Whether refusals are enforced or only recorded.
    pub mode: Mode,
    /// Who is accepted, and on what proof.
    pub identity: Identity,
    /// What a group of the identity provider may do: group name to scopes.
    pub group_scopes: BTreeMap<String, BTreeSet<String>>,
    /// Mounted packs, and one surface of protocol `rest` for own operations.
    pub surfaces: Vec<Surface>,
    /// Every operation, by [`OperationId`].
    pub operations: Vec<Operation>,
    /// Every rule, by [`RuleId`].
    pub rules: Vec<Rule>,
    /// Every body pointer that anything reads, by [`PointerId`].
    pub pointers: Vec<Pointer>,
    /// Every endpoint, by [`EndpointId`].
    pub endpoints: Vec<Endpoint>,
    /// Method and path to endpoint.
    pub matcher: Matcher<EndpointId>,
    /// Who is asked for approvals; without one, operations that need one are refused.
    pub approvals: Option<ApprovalService>,
    /// Endpoints of which some operation needs approval.
    pub approvable: BTreeSet<EndpointId>,
    /// What is masked in responses; without it, nothing is.
    pub redact: Option<Redaction>,
    /// Where records go; without it, to the proxy's log.
    pub audit: Option<Audit>,
    /// Largest body that is inspected, in bytes; a larger one is refused.
    pub max_body_bytes: usize,
    /// Whether the caller's `Authorization` header goes on to the upstream.
    pub forward_authorization: bool,
}

/// Index into [`Policy::operations`].
pub type OperationId = usize;
/// Index into [`Policy::rules`].
pub type RuleId = usize;
/// Index into [`Policy::surfaces`].
pub type SurfaceId = usize;
/// Index into [`Policy::endpoints`].
pub type EndpointId = usize;

/// What happens to a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The request is refused.
    Enforce,
    /// The request goes on; the record says what would have happened.
    Shadow,
}

impl Mode {
    /// `enforce` or `shadow`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Shadow => "shadow",
        }
    }
}

/// Who is accepted.
#[derive(Debug)]
pub struct Identity {
    /// Issuers whose JWTs this filter verifies itself.
    pub issuers: Vec<Issuer>,
    /// Clock skew granted to `exp`, `nbf` and `iat`, in milliseconds.
    pub clock_skew_ms: u64,
    /// Take the result of Envoy's `jwt_authn` filter.
    pub jwt_authn: Option<JwtAuthn>,
    /// Take a validated client certificate's SPIFFE ID from these trust domains.
    pub mtls: Option<Mtls>,
}

/// A pack on a mount.
#[derive(Debug)]
pub struct Surface {
    /// Pack name, or `rest` for own operations.
    pub name: String,
    /// How refusals are spoken.
    pub protocol: Protocol,
    /// Where it is mounted, such as `/v1`; `/` for own operations.
    pub mounts: Vec<String>,
    /// `server:`, the name that tells several mounts of a pack apart in records.
    pub server: Option<String>,
    /// Answer a missing or bad token on a JSON-RPC endpoint with HTTP 401 and `WWW-Authenticate`
    /// (for clients that start an OAuth flow) instead of a JSON-RPC error.
    pub challenge: bool,
}

/// One named thing a caller can do.
#[derive(Debug)]
pub struct Operation {
    /// Full name, such as `openai.models.delete`.
    pub id: String,
    /// The surface it belongs to.
    pub surface: SurfaceId,
    /// How much harm it can do.
    pub tier: Tier,
    /// Scopes the caller must hold, all of them; `None` for a public operation, which needs no token.
    pub scopes: Option<Vec<String>>,
    /// What its body is.
    pub body: BodyKind,
    /// Values that records name and rules compare: name (`model`, `tool`, ...) and where it is.
    pub facts: Vec<(String, FactSource)>,
    /// Rules that apply, in document order; all must hold.
    pub rules: Vec<RuleId>,
    /// Caller-chosen identity parameters of the surface, checked wherever they appear.
    pub bindings: Vec<Binding>,
    /// What a second person has to say, when the policy asks for one.
    pub approval: Option<Approval>,
}

/// Where a fact is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactSource {
    /// In the JSON body.
    Body(PointerId),
    /// In the path, by the template's parameter name.
    Path(String),
    /// In the query, by the parameter's name.
    Query(String),
}

/// The service that asks people for approvals.
#[derive(Debug)]
pub struct ApprovalService {
    /// The proxy's cluster (upstream) to call.
    pub cluster: String,
    /// `:scheme` of the call.
    pub scheme: String,
    /// `:authority` of the call.
    pub authority: String,
    /// `:path` of the call.
    pub path: String,
    /// How long an answer may take beyond the time that the request is held, in milliseconds.
    pub timeout_ms: u64,
    /// The Ed25519 keys that verdicts are signed with.
    pub verdict_keys: KeySet,
    /// Most requests of one caller that are held at a time, per worker.
    pub holds_per_caller: usize,
    /// Most requests that are held at a time, per worker.
    pub holds: usize,
}

/// What a second person has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// How many distinct approvers.
    pub approvers: u32,
    /// The scope an approver must hold.
    pub scope: String,
    /// How long a request is held, in milliseconds.
    pub hold_ms: u64,
    /// How long an approval stays usable, in milliseconds.
    pub ttl_ms: u64,
}

/// What a method and a path lead to.
#[derive(Debug)]
pub enum Endpoint {
    /// One operation, or a variant of it that the body decides.
    Plain {
        /// The operation when no variant applies.
        base: OperationId,
        /// Variants, in pack order; the first that applies is taken.
        variants: Vec<Variant>,
        /// What to read from the body; empty when nothing is read.
        plan: Plan,
        /// Whether there has to be a body. Without one there is nothing to look for in it, which is
        /// fine when only the surface's bindings would look.
        body_required: bool,
    },
    /// A JSON-RPC endpoint: the body's `method` names the operation.
    JsonRpc {
        /// The surface whose dialect refusals speak.
        surface: SurfaceId,
        /// By method name.
        methods: BTreeMap<String, RpcMethod>,
        /// The operation of a response object posted by the client.
        response: Option<OperationId>,
        /// What to read from the body.
        plan: Plan,
    },
}

impl Endpoint {
    /// Every operation that a request to it can turn out to be.
    pub fn operations(&self) -> impl Iterator<Item = OperationId> {
        let named = |base: OperationId, variants: &[Variant]| {
            let variants = variants.iter().map(|v| v.operation);
            std::iter::once(base).chain(variants).collect::<Vec<_>>()
        };
        match self {
            Self::Plain { base, variants, .. } => named(*base, variants),
            Self::JsonRpc { methods, response, .. } => {
                let methods = methods.values().flat_map(|m| named(m.base, &m.variants));
                methods.chain(*response).collect()
            }
        }
        .into_iter()
    }
}

/// What a JSON-RPC method leads to.
#[derive(Debug)]
pub struct RpcMethod {
    /// The operation when no variant applies.
    pub base: OperationId,
    /// Variants, in pack order; the first that applies is taken.
    pub variants: Vec<Variant>,
}

/// An operation that the body decides.
#[derive(Debug)]
pub struct Variant {
    /// Where to look.
    pub pointer: PointerId,
    /// The value that must be there; `None` for any value but `null`.
    pub equals: Option<String>,
    /// The operation then.
    pub operation: OperationId,
}
