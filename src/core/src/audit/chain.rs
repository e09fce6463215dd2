//! Links records to a chain.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// SHA-256 of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// 64 hex digits.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The last record of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The stream's id.
    pub stream: String,
    /// The record's sequence number.
    pub sequence: u64,
    /// The hash of its line.
    pub hash: Hash,
}

/// A stream that grows.
#[derive(Debug)]
pub struct Chain {
    stream: String,
    /// Of the next record.
    sequence: u64,
    previous: Hash,
}

impl Chain {
    /// The first record of a stream has the hash of nothing before it: zeros.
    pub const fn new(stream: String) -> Self {
        Self { stream, sequence: 0, previous: Hash([0; 32]) }
    }

    /// The stream's id.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// The line of the next record, and its sequence number. `record` is a JSON object on one line.
    pub fn link(&mut self, record: &str) -> (String, u64) {
        let record = &*one_line(record);
        let members = record.strip_prefix('{').unwrap_or("}");
        let separator = if members.starts_with('}') { "" } else { "," };
        let mut line = String::with_capacity(record.len().saturating_add(160));
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            r#"{{"v":1,"stream":"{}","seq":{},"prev":"{}"{separator}{members}"#,
            self.stream, self.sequence, self.previous
        );
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(1);
        self.previous = Hash::of(line.as_bytes());
        (line, sequence)
    }

    /// The last record; `None` before the first.
    pub fn head(&self) -> Option<Head> {
        let sequence = self.sequence.checked_sub(1)?;
        Some(Head { stream: self.stream.clone(), sequence, hash: self.previous })
    }
}

/// JSON without what some programs take for the end of a line, or for a command to a terminal: such characters are escaped.
fn one_line(json: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !json.contains(breaks) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len().saturating_add(64));
    for c in json.chars() {
        if breaks(c) {
            // Writing to a string cannot fail; none of these characters needs more than four digits.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}
