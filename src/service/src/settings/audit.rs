//! The collector of the audit trail, as it is set.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use scopewarden_core::time::{parse_duration, parse_size};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Tls;

/// The collector: where it keeps the log, and who may send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// The log, its checkpoints and, in SQLite, its index.
    pub directory: PathBuf,
    /// Where records arrive.
    pub listen: SocketAddr,
    /// TLS there. With `client_ca`, only senders with a certificate of that authority may connect.
    pub tls: Option<Tls>,
    /// Who may send, by a bearer token; without any, `client_ca` or loopback has to do.
    pub tokens: Vec<Sender>,
    /// `sqlite`, which is a file beside the log, or `postgres://USER@HOST/NAME`.
    pub index: String,
    /// The key that checkpoints are signed with: a JWK file, made when it does not exist.
    pub signing_key: PathBuf,
    /// The name of the log in its checkpoints.
    pub origin: String,
    /// Length of a segment in bytes, from which on a new one begins.
    #[serde(deserialize_with = "size")]
    pub segment_bytes: u64,
    /// A file, best on another disk, that every checkpoint is appended to.
    pub mirror: Option<PathBuf>,
    /// How long records are kept, in milliseconds; forever without it.
    #[serde(deserialize_with = "duration")]
    pub keep: Option<u64>,
    /// The scope that lets people read the log.
    pub read_scope: String,
}

/// Somebody who may send records.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sender {
    /// What it is called in this service's log.
    pub name: String,
    /// A file with its token.
    pub file: PathBuf,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            directory: "audit".into(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4318)),
            tls: None,
            tokens: Vec::new(),
            index: "sqlite".to_owned(),
            signing_key: "audit-key.json".into(),
            origin: "scopewarden-audit".to_owned(),
            segment_bytes: 64 << 20,
            mirror: None,
            keep: None,
            read_scope: "scopewarden:audit:read".to_owned(),
        }
    }
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bytes(u64),
        Text(String),
    }
    match Written::deserialize(deserializer) {
        Ok(Written::Bytes(bytes)) => Ok(bytes),
        Ok(Written::Text(text)) => parse_size(&text).map_err(D::Error::custom),
        Err(_) => Err(D::Error::custom("not a size")),
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(D::Error::custom)
}
