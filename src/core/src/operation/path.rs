//! The request target as segments: decoded once, or refused.
//!
//! A path that a server behind the filter could read in a second way is refused, never repaired:
//! the proxy forwards the bytes it received, so a repaired path would be judged and another one
//! served. Envoy's own normalisation, when it is on, has run before.

use std::fmt;

use super::percent;
use crate::limits::{MAX_SEGMENTS, MAX_TARGET_BYTES};
use crate::reason::Reason;

/// Splits a request target at its first `?`.
///
/// An empty query (`/a?`) is `Some`, because it is another target than `/a`.
pub fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = target.splitn(2, |&b| b == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

/// A path that can be read in one way only.
///
/// Kept as one decoded string: a segment never holds a `/`, so splitting it again is exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath {
    /// `/` and the decoded segments joined by `/`, and the slash at the end.
    sent: String,
    trailing_slash: bool,
}

impl CanonicalPath {
    /// The decoded segments, in order; none for `/`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.rest().into_iter().flat_map(|rest| rest.split('/'))
    }

    /// The decoded path, such as `/v1/models/ft:gpt`; a trailing slash is left out.
    pub fn decoded(&self) -> &str {
        if self.trailing_slash {
            self.sent.strip_suffix('/').unwrap_or(&self.sent)
        } else {
            &self.sent
        }
    }

    /// Whether the path was sent with a slash at its end. It names the same operation either way.
    pub const fn trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// The segments as one string, without the leading slash; `None` for the root.
    pub(super) fn rest(&self) -> Option<&str> {
        self.decoded().strip_prefix('/').filter(|rest| !rest.is_empty())
    }

    /// `rest`, which the path ends in, with the slash that may follow it.
    pub(super) fn with_slash<'p>(&'p self, rest: &'p str) -> &'p str {
        let end = self.decoded().len();
        end.checked_sub(rest.len()).and_then(|start| self.sent.get(start..)).unwrap_or(rest)
    }
}

/// The canonical form as it would be sent: unreserved characters and `! $ & ' ( ) * + , = : @` as
/// they are, all others percent-encoded in upper case.
impl fmt::Display for CanonicalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rest().is_none() {
            return f.write_str("/");
        }
        for segment in self.segments() {
            f.write_str("/")?;
            for &byte in segment.as_bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte) {
                    write!(f, "{}", char::from(byte))?;
                } else {
                    write!(f, "%{byte:02X}")?;
                }
            }
        }
        if self.trailing_slash { f.write_str("/") } else { Ok(()) }
    }
}

/// Reads the path of a request target (without its query).
///
/// # Errors
/// - [`Reason::PathTooLong`]: longer, or more segments, than [`crate::limits`] allows.
/// - [`Reason::PathMalformed`]: no leading slash (which includes `*`, `host:port` and
///   `http://...`), a byte that is not visible ASCII, `#`, `?`, or half an escape.
/// - [`Reason::PathControlByte`]: a control character, raw or escaped.
/// - [`Reason::PathEncodedSeparator`]: `%2f`, `%5c`, a backslash, or a Unicode look-alike of them.
/// - [`Reason::PathNotUtf8`]: a segment that is not UTF-8 once decoded.
/// - [`Reason::PathDoubleEncoded`]: a segment that a second decoding would change.
/// - [`Reason::PathParameter`]: a `;`.
/// - [`Reason::PathNotCanonical`]: an empty, `.` or `..` segment.
pub fn canonicalize(raw: &[u8]) -> Result<CanonicalPath, Reason> {
    if raw.len() > MAX_TARGET_BYTES {
        return Err(Reason::PathTooLong);
    }
    let body = raw.strip_prefix(b"/").ok_or(Reason::PathMalformed)?;
    if let Some(reason) = body.iter().find_map(|&b| raw_byte(b)) {
        return Err(reason);
    }
    let (body, trailing_slash) = match body.strip_suffix(b"/") {
        Some(rest) => (rest, true),
        None => (body, false),
    };
    if body.is_empty() && !trailing_slash {
        return Ok(CanonicalPath { sent: "/".to_owned(), trailing_slash: false });
    }
    let mut sent = String::with_capacity(raw.len());
    for (n, raw_segment) in body.split(|&b| b == b'/').enumerate() {
        if n >= MAX_SEGMENTS {
            return Err(Reason::PathTooLong);
        }
        sent.push('/');
        if raw_segment.contains(&b'%') {
            let bytes = percent::decode(raw_segment, false).ok_or(Reason::PathMalformed)?;
            let segment = str::from_utf8(&bytes).map_err(|_| Reason::PathNotUtf8)?;
            check_segment(segment)?;
            sent.push_str(segment);
        } else {
            let segment = str::from_utf8(raw_segment).map_err(|_| Reason::PathNotUtf8)?;
            check_segment(segment)?;
            sent.push_str(segment);
        }
    }
    if trailing_slash {
        sent.push('/');
    }
    Ok(CanonicalPath { sent, trailing_slash })
}

/// Why a raw byte does not belong in a path.
const fn raw_byte(byte: u8) -> Option<Reason> {
    match byte {
        0..0x20 | 0x7f => Some(Reason::PathControlByte),
        b'\\' => Some(Reason::PathEncodedSeparator),
        b' ' | b'#' | b'?' | 0x80.. => Some(Reason::PathMalformed),
        _ => None,
    }
}

/// Whether one decoded segment can be read in one way only; templates keep to the same rule, so
/// that none can be written that no request reaches.
pub(super) fn check_segment(segment: &str) -> Result<(), Reason> {
    for c in segment.chars() {
        match c {
            // The last three become `/` or `\` under compatibility normalisation (NFKC).
            '/' | '\\' | '\u{ff0f}' | '\u{ff3c}' | '\u{fe68}' => {
                return Err(Reason::PathEncodedSeparator);
            }
            ';' => return Err(Reason::PathParameter),
            _ if percent::is_control(c) => return Err(Reason::PathControlByte),
            _ => {}
        }
    }
    if percent::has_escape(segment.as_bytes()) {
        return Err(Reason::PathDoubleEncoded);
    }
    if is_dots(segment) {
        return Err(Reason::PathNotCanonical);
    }
    Ok(())
}

/// Empty, `.`, `..`, or what compatibility normalisation turns into one of them.
fn is_dots(segment: &str) -> bool {
    let dots = segment.chars().map(|c| match c {
        '.' | '\u{ff0e}' | '\u{fe52}' | '\u{2024}' => 1_usize,
        '\u{2025}' => 2,
        _ => 3,
    });
    dots.sum::<usize>() <= 2
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
