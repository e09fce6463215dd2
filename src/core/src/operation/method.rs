//! The closed list of methods.

use std::fmt;

/// A method that can be matched. Everything else is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
    /// A `GET` that upgrades to a WebSocket: never the same operation as the plain `GET`.
    WebSocket,
}

impl Method {
    /// All methods, as an own operation may name them.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::WebSocket,
    ];

    /// The exact bytes of a request line's method; case matters.
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|m| *m != Self::WebSocket && m.as_str().as_bytes() == bytes)
    }

    /// The name in packs and policies; `WS` for a WebSocket upgrade.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.as_str() == name)
    }

    /// The name in packs, policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::WebSocket => "WS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
