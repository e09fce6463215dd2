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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m3_m4_only_the_exact_bytes_of_a_known_method_are_one() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
        }
        assert_eq!(Method::from_wire(b"DELETE"), Some(Method::Delete));
        let others: [&[u8]; 9] = [
            b"", b"get", b"XGET", b"GET ", b"CONNECT", b"TRACE", b"PURGE", b"G\xc9T",
            // A WebSocket is a `GET` with an upgrade; nobody can send it as a method.
            b"WS",
        ];
        for wire in others {
            assert_eq!(Method::from_wire(wire), None, "{wire:?}");
        }
    }
}
