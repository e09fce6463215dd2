//! What a JSON body says, read in one pass without building a tree.
//!
//! Only the members that the policy reads are kept. Everything that two parsers could read in two ways
//! refuses: a member twice at any depth, another spelling of a member that is read, bytes that are not UTF-8.

mod envelope;
mod reader;

pub use envelope::{Envelope, RpcId};

use crate::limits;
use crate::policy::{Plan, PointerId};
use crate::reason::Reason;

/// Why a body was not read: the reason, and what a person needs to find the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// The stable reason.
    pub reason: Reason,
    /// Where or what, such as `line 1, column 17`; never a value of the body.
    pub detail: String,
}

impl BodyError {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// One value that the policy reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A string of at most [`limits::MAX_FACT_BYTES`].
    Text(String),
    /// An integer within `i64`.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// Anything rules cannot compare: an object, an array, a fraction, an integer beyond `i64`, an over-long string.
    Other,
}

impl Fact {
    /// The string, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The values met, by the pointer that met them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    values: Vec<(PointerId, Fact)>,
}

impl Facts {
    /// Every value at `pointer`, in document order; one at most unless the pointer has a `*`.
    pub fn all(&self, pointer: PointerId) -> impl Iterator<Item = &Fact> {
        self.values.iter().filter(move |(id, _)| *id == pointer).map(|(_, fact)| fact)
    }

    /// The only value at `pointer`; `None` when there is none or more than one.
    pub fn one(&self, pointer: PointerId) -> Option<&Fact> {
        let mut all = self.all(pointer);
        let first = all.next();
        if all.next().is_some() { None } else { first }
    }
}

/// Reads a JSON object.
///
/// # Errors
/// [`BodyError`] with a `json_*` or `field_invalid` reason.
pub fn read(body: &[u8], plan: &Plan) -> Result<Facts, BodyError> {
    let (facts, _) = reader::read(body, plan, false)?;
    Ok(facts)
}

/// Reads one JSON-RPC 2.0 message. On failure the id is returned when it was met, so that the refusal can carry it.
///
/// # Errors
/// [`BodyError`] with a `json_*` or `jsonrpc_*` reason.
pub fn read_rpc(body: &[u8], plan: &Plan) -> Result<(Facts, Envelope), BodyError> {
    let (facts, parts) = reader::read(body, plan, true)?;
    Ok((facts, parts.finish()?))
}

/// The id of a JSON-RPC request, for a refusal that is decided without reading the rest.
pub fn rpc_id(body: &[u8]) -> Option<RpcId> {
    reader::read(body, &Plan::default(), true).ok().and_then(|(_, parts)| parts.id())
}

/// Whether a body of this `content-type` and `content-encoding` is JSON in UTF-8.
///
/// # Errors
/// `ContentType`, `BodyEncoded`, or `HeaderAmbiguous` for more than one content type.
pub fn check_content(content_type: Option<&[u8]>, encoding: Option<&[u8]>) -> Result<(), Reason> {
    if !encoding.is_none_or(|e| e.is_empty() || e.eq_ignore_ascii_case(b"identity")) {
        return Err(Reason::BodyEncoded);
    }
    let text = content_type.and_then(|v| std::str::from_utf8(v).ok()).ok_or(Reason::ContentType)?;
    // Proxies join repeated fields with a comma, and no parameter of JSON has one.
    if text.contains(',') {
        return Err(Reason::HeaderAmbiguous);
    }
    let mut parts = text.split(';');
    let media = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let structured = media.starts_with("application/") && media.ends_with("+json");
    if media != "application/json" && !structured {
        return Err(Reason::ContentType);
    }
    let mut charsets = 0_usize;
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.trim().eq_ignore_ascii_case("charset") {
            charsets = charsets.saturating_add(1);
            let value = value.trim().trim_matches('"');
            if !value.eq_ignore_ascii_case("utf-8") && !value.eq_ignore_ascii_case("utf8") {
                return Err(Reason::ContentType);
            }
        }
    }
    if charsets > 1 { Err(Reason::ContentType) } else { Ok(()) }
}

/// A text fact within the cap, or [`Fact::Other`].
fn text_fact(text: &str) -> Fact {
    if text.len() <= limits::MAX_FACT_BYTES { Fact::Text(text.to_owned()) } else { Fact::Other }
}

#[cfg(test)]
mod tests;
