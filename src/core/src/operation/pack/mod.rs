//! Packs: the built-in catalogues of operations, one plain text table per surface.
//!
//! ```text
//! # A comment.
//! @pack openai                 the prefix of every id below: `openai.models.delete`
//! @protocol openai             how clients understand a refusal: openai, mcp, a2a, grpc, rest
//! @jsonrpc POST /              requests here are named by their JSON-RPC method (any number of lines)
//!
//! VERB    TARGET              ID             TIER    SCOPE                 ATTRIBUTES
//! DELETE  /models/{model}     models.delete  admin   autogen:model:delete  model={model}
//! RPC     tools/call          tools.call     execute mcp:tool:call         tool=/params/name
//! RPC     <response>          respond        write   mcp:connect
//! ```
//!
//! A line that starts with a space continues the one before it.
//!
//! - **VERB**: `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`, `WS` (a `GET` that upgrades to
//!   a WebSocket) or `RPC`.
//! - **TARGET**: a [`Template`] relative to where the pack is mounted; for `RPC` a JSON-RPC method, or
//!   `<response>` for a response that the client posts.
//! - **ID**: lines may share one, with equal tier and scope: aliases of one operation.
//! - **TIER**: see [`Tier`]. **SCOPE**: one scope token (RFC 6749, 3.3), or `public`: no token needed.
//! - **Attributes**, `name=value`:
//!   - `body=json|multipart|opaque|none`: what the body is. Without it: `json` for `RPC` and for entries
//!     that read the body; else `opaque` for `POST`, `PUT` and `PATCH`, `none` for the rest.
//!   - a fact, for rules and records ([`FactName`]): `model=/model` from the JSON body (a [`Pointer`], `*` is
//!     every element), `model={deployment}` from the path, `model=?model` from the query.
//!   - `when=POINTER` or `when=POINTER:VALUE`: a *variant* of the entry with the same verb and target
//!     above it, taken when the body has a value other than `null` there (a string equal to VALUE, if one
//!     is given). Its caller needs the scopes of both. `when` may be repeated: any of
//!     them suffices. All variants of one target share one id. Facts that the variant does not name are the entry's.
//!   - `over=ID`: reviewed: this entry is found before that one where both match, although tier or scope
//!     differ, and that is meant.

mod builtin;
mod parse;

pub use builtin::BUILTIN_NAMES;

use std::fmt;

use super::{Method, Pointer, Protocol, Template, Tier};

/// A catalogue of operations, relative to a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its name, which is the prefix of its operations.
    pub name: String,
    /// How its clients understand a refusal.
    pub protocol: Protocol,
    /// Where requests are named by their JSON-RPC method.
    pub jsonrpc: Vec<(Method, Template)>,
    /// Its lines, in order. A variant comes after the entry it is a variant of.
    pub entries: Vec<Entry>,
}

/// One line of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is recognised by.
    pub target: Target,
    /// Its name within the pack.
    pub id: String,
    /// How much harm it can do.
    pub tier: Tier,
    /// Who may call it.
    pub access: Access,
    /// What its body is.
    pub body: BodyKind,
    /// What rules and records read from it.
    pub facts: Vec<Fact>,
    /// Set for a variant: when it is taken instead of the entry with the same target.
    pub when: Option<Condition>,
    /// Ids that this entry is meant to be found before, although tier or scope differ.
    pub over: Vec<String>,
    /// Where it stands in the pack, from 1.
    pub line: usize,
}

/// What an entry is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Method and path.
    Http(Method, Template),
    /// A JSON-RPC request or notification of this method.
    Rpc(String),
    /// A JSON-RPC response or error that the client posts.
    RpcResponse,
}

/// Who may call an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Callers that hold this scope.
    Scope(String),
    /// Everybody, without a token.
    Public,
}

/// What the body of an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// JSON, which is read and judged.
    Json,
    /// `multipart/form-data`, which is not read.
    Multipart,
    /// Anything, which is not read.
    Opaque,
    /// None by the operation's nature.
    None,
}

/// A value that rules compare and records name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it means.
    pub name: FactName,
    /// Where it is read.
    pub source: Source,
}

/// Where a [`Fact`] is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The JSON body.
    Body(Pointer),
    /// A path parameter.
    Path(String),
    /// A query parameter.
    Query(String),
}

/// When a variant is taken: the body has a value other than `null` at the pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Where; any element that `*` meets suffices.
    pub pointer: Pointer,
    /// The string that the value must equal, when one is given.
    pub equals: Option<String>,
}

/// What is wrong with one line of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackError {
    /// The line, from 1; 0 for the pack as a whole.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// `line 12: unknown tier `raed``.
impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}: {}", self.message),
        }
    }
}

impl Pack {
    /// Reads a pack.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of lines.
    pub fn parse(text: &str) -> Result<Self, Vec<PackError>> {
        parse::parse(text)
    }

    /// The built-in pack of that name (see [`BUILTIN_NAMES`]).
    pub fn builtin(name: &str) -> Option<Self> {
        Self::parse(builtin::text(name)?).ok()
    }

    /// The full name of an entry of this pack, such as `openai.models.delete`.
    pub fn full_id(&self, entry: &Entry) -> String {
        format!("{}.{}", self.name, entry.id)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(method, template) => write!(f, "{method} {template}"),
            Self::Rpc(method) => write!(f, "RPC {method}"),
            Self::RpcResponse => f.write_str("RPC <response>"),
        }
    }
}

impl Access {
    /// The scope a caller needs; `None` when it needs no token.
    pub fn scope(&self) -> Option<&str> {
        match self {
            Self::Scope(scope) => Some(scope),
            Self::Public => None,
        }
    }
}

impl BodyKind {
    /// The name used in packs and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Multipart => "multipart",
            Self::Opaque => "opaque",
            Self::None => "none",
        }
    }

    /// The body kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Json, Self::Multipart, Self::Opaque, Self::None]
            .into_iter()
            .find(|body| body.as_str() == name)
    }
}

macro_rules! fact_names {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal; )+) => {
        /// What a [`Fact`] means; a closed list, so that a rule about models can ask which
        /// operations have one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FactName { $( $(#[doc = $doc])+ $name, )+ }

        impl FactName {
            /// Every name there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name used in packs, policies and records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// The fact of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fact| fact.as_str() == name)
            }
        }
    };
}

fact_names! {
    /// The agent or entity that is spoken to.
    Agent = "agent";
    /// The arguments of a tool call, an object.
    Arguments = "arguments";
    /// The operation that a batch repeats, such as `/v1/chat/completions`.
    Endpoint = "endpoint";
    /// The model.
    Model = "model";
    /// The prompt template.
    Prompt = "prompt";
    /// A server that the upstream is asked to call.
    Server = "server";
    /// Whether the answer is streamed, a boolean.
    Stream = "stream";
    /// The task.
    Task = "task";
    /// The tool that is called.
    Tool = "tool";
    /// The kinds of the tools that a model is offered.
    ToolType = "tool_type";
    /// The resource that is read.
    Uri = "uri";
}

#[cfg(test)]
mod catalogue_tests;
#[cfg(test)]
mod tests;
