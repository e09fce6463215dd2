//! How much harm an operation can do.

use std::fmt;

/// How much harm an operation can do; the order is the order of harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Looks at something.
    Read,
    /// Spends model time on a prompt.
    Infer,
    /// Creates or changes something.
    Write,
    /// Runs code or calls a tool.
    Execute,
    /// Deletes something.
    Destroy,
    /// Changes credentials, permissions, or who may do what.
    Admin,
}

impl Tier {
    /// All tiers, least harm first.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Infer, Self::Write, Self::Execute, Self::Destroy, Self::Admin];

    /// The name used in policies, packs and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Infer => "infer",
            Self::Write => "write",
            Self::Execute => "execute",
            Self::Destroy => "destroy",
            Self::Admin => "admin",
        }
    }

    /// The tier of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == name)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
