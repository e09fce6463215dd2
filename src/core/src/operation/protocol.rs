//! The dialect in which a surface's clients understand a refusal.

use std::fmt;

/// The dialect in which a surface's clients understand a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// OpenAI's error object.
    OpenAi,
    /// MCP: a JSON-RPC error with HTTP status 200.
    Mcp,
    /// A2A: a JSON-RPC error, or its REST form.
    A2a,
    /// gRPC: trailers only, `grpc-status` 7.
    Grpc,
    /// RFC 9457 `application/problem+json`.
    Rest,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 5] = [Self::OpenAi, Self::Mcp, Self::A2a, Self::Grpc, Self::Rest];

    /// The name used in packs, policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
            Self::Grpc => "grpc",
            Self::Rest => "rest",
        }
    }

    /// The protocol of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == name)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
