//! Key sets (RFC 7517): loaded with suspicion, compiled once.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Algorithms};
use super::error::shown;
use super::key::PublicKey;
use super::{roca, strict};
use crate::limits;

/// The usable keys of an issuer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// A key of the document that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its `kid`, or its place in the document such as `#3` (from 0).
    pub key: String,
    /// Why, as a clause.
    pub why: String,
}

/// Why no key answers for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// No key has this `kid`.
    Unknown,
    /// The key with this `kid` is not for this algorithm.
    OtherAlgorithm,
    /// The token names no key, and not exactly one key fits its algorithm.
    Ambiguous,
}

impl KeySet {
    /// Reads a key set, keeping what can be used and saying why the rest cannot.
    ///
    /// # Errors
    /// The document is no key set at all: too large, not JSON, a member twice, too many keys.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Vec<Dropped>), String> {
        if bytes.len() > limits::MAX_JWKS_BYTES {
            return Err(format!("the key set is larger than {} bytes", limits::MAX_JWKS_BYTES));
        }
        let document = strict::object(bytes).map_err(|e| format!("the key set is {e}"))?;
        Self::from_members(&document)
    }

    /// Reads a key set that is already a tree without repeated members, such as one written
    /// inside a policy.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_members(document: &Map<String, Value>) -> Result<(Self, Vec<Dropped>), String> {
        let Some(Value::Array(entries)) = document.get("keys") else {
            return Err("the key set has no `keys` list".to_owned());
        };
        if entries.len() > limits::MAX_JWKS_KEYS {
            return Err(format!("the key set has more than {} keys", limits::MAX_JWKS_KEYS));
        }
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for kid in entries.iter().filter_map(|e| e.get("kid")?.as_str()) {
            let count = uses.entry(kid).or_default();
            *count = count.saturating_add(1);
        }
        let mut set = Self::default();
        let mut dropped = Vec::new();
        for (n, entry) in entries.iter().enumerate() {
            let repeated = |kid: &str| uses.get(kid).is_some_and(|count| *count > 1);
            match read(entry) {
                Ok(key) if key.kid().is_some_and(repeated) => dropped.push(Dropped {
                    key: name(entry, n),
                    why: "another key has the same `kid`, and a token could mean either".to_owned(),
                }),
                Ok(key) => set.keys.push(key),
                Err(why) => dropped.push(Dropped { key: name(entry, n), why }),
            }
        }
        Ok((set, dropped))
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The usable keys, in document order.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The key for a token: the one it names, or without a name the only one that fits.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&PublicKey, NoKey> {
        let Some(kid) = kid else {
            let mut fitting = self.keys.iter().filter(|k| k.algorithms().contains(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                _ => Err(NoKey::Ambiguous),
            };
        };
        let key = self.keys.iter().find(|k| k.kid() == Some(kid)).ok_or(NoKey::Unknown)?;
        if key.algorithms().contains(algorithm) { Ok(key) } else { Err(NoKey::OtherAlgorithm) }
    }
}

fn name(entry: &Value, place: usize) -> String {
    match entry.get("kid").and_then(Value::as_str) {
        Some(kid) => shown(kid),
        None => format!("#{place}"),
    }
}

/// Members that only a private or symmetric key has.
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn read(entry: &Value) -> Result<PublicKey, String> {
    let members = entry.as_object().ok_or("not an object")?;
    let text = |member: &str| match members.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(format!("`{member}` is {}, not a string", strict::kind(other))),
    };
    let kty = text("kty")?.ok_or("it has no `kty`")?;
    if kty == "oct" {
        return Err("a symmetric key: whoever can verify with it can also sign".to_owned());
    }
    if let Some(secret) = SECRET.into_iter().find(|m| members.contains_key(*m)) {
        return Err(format!(
            "it has `{secret}`, which is part of a private key: treat that key as lost"
        ));
    }
    usable(members, text("use")?)?;
    let kid = kid(text("kid")?)?;
    let named = match text("alg")? {
        None => None,
        Some(name) => Some(
            Algorithm::parse(name)
                .ok_or_else(|| format!("algorithm {} is not accepted", shown(name)))?,
        ),
    };
    let crv = || text("crv")?.ok_or_else(|| "it has no `crv`".to_owned());
    let key = match kty {
        "RSA" => rsa(kid, named, &octets(members, "n")?, &octets(members, "e")?)?,
        "EC" => match crv()? {
            "P-256" => PublicKey::p256(kid, &point(members, 32)?)?,
            "P-384" => PublicKey::p384(kid, &point(members, 48)?)?,
            other => return Err(format!("curve {} is not accepted", shown(other))),
        },
        "OKP" => match crv()? {
            "Ed25519" => PublicKey::ed25519(kid, &octets(members, "x")?)?,
            other => return Err(format!("curve {} is not accepted", shown(other))),
        },
        other => return Err(format!("key type {} is not accepted", shown(other))),
    };
    match named {
        Some(named) if !key.algorithms().contains(named) => {
            Err(format!("its `alg` is {named}, which is not for such a key"))
        }
        _ => Ok(key),
    }
}

/// `use` and `key_ops`, when present, must allow verification.
fn usable(members: &Map<String, Value>, usage: Option<&str>) -> Result<(), String> {
    if let Some(usage) = usage.filter(|u| *u != "sig") {
        return Err(format!("its `use` is {}, not `sig`", shown(usage)));
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => Ok(()),
        Some(_) => Err("its `key_ops` lack `verify`".to_owned()),
    }
}

fn kid(kid: Option<&str>) -> Result<Option<String>, String> {
    match kid {
        Some(kid) if kid.len() > limits::MAX_KID_BYTES => {
            Err(format!("its `kid` is longer than {} bytes", limits::MAX_KID_BYTES))
        }
        kid => Ok(kid.map(str::to_owned)),
    }
}

fn rsa(
    kid: Option<String>,
    named: Option<Algorithm>,
    n: &[u8],
    e: &[u8],
) -> Result<PublicKey, String> {
    if roca::is_vulnerable(n) {
        return Err("its modulus can be factored (ROCA, CVE-2017-15361)".to_owned());
    }
    let algorithms = match named {
        None => Algorithms::RSA,
        Some(named) if Algorithms::RSA.contains(named) => Algorithms::only(named),
        Some(named) => return Err(format!("its `alg` is {named}, which is not for such a key")),
    };
    PublicKey::rsa(kid, algorithms, n, e)
}

/// A base64url member as bytes; unpadded and canonical.
fn octets(members: &Map<String, Value>, member: &str) -> Result<Vec<u8>, String> {
    let text = members
        .get(member)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("it has no `{member}` string"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its `{member}` is not base64url"))
}

/// The uncompressed point `04 || x || y`; coordinates are of full length (RFC 7518 6.2.1.2).
fn point(members: &Map<String, Value>, len: usize) -> Result<Vec<u8>, String> {
    let mut point = vec![4];
    for member in ["x", "y"] {
        let coordinate = octets(members, member)?;
        if coordinate.len() != len {
            return Err(format!("its `{member}` is not {len} bytes long"));
        }
        point.extend(coordinate);
    }
    Ok(point)
}
