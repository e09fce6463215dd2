//! The body that an approval is bound to.

use std::ops::Range;

use crate::digest::sha256;

/// Digest and length of a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundBody {
    /// `sha256:` and hex.
    pub digest: String,
    /// Bytes.
    pub bytes: u64,
}

impl BoundBody {
    /// A body as it is.
    pub fn exact(body: &[u8]) -> Self {
        Self { digest: sha256([body]), bytes: length(body) }
    }

    /// The body of a JSON-RPC request without the value of its `id`: an agent that repeats the call counts the id up, and
    /// nothing that runs depends on it. The body has been read as JSON before.
    pub fn without_rpc_id(body: &[u8]) -> Self {
        let Some(id) = rpc_id_span(body) else { return Self::exact(body) };
        let head = body.get(..id.start).unwrap_or(body);
        let tail = body.get(id.end..).unwrap_or_default();
        Self {
            digest: sha256([head, tail]),
            bytes: length(body).saturating_sub(length(body.get(id).unwrap_or_default())),
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Where the value of the top-level member that is written `"id"` stands, when it is a string or a number.
fn rpc_id_span(body: &[u8]) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    let mut at = 0;
    // The last string at the top level, and whether a colon has followed it.
    let mut name: &[u8] = b"";
    let mut value_follows = false;
    while let Some(byte) = body.get(at) {
        let wanted = depth == 1 && value_follows && name == br#""id""#;
        match byte {
            b'"' => {
                let end = string_end(body, at)?;
                if wanted {
                    return Some(at..end);
                }
                if depth == 1 && !value_follows {
                    name = body.get(at..end)?;
                }
                at = end;
                continue;
            }
            b'-' | b'0'..=b'9' if wanted => {
                let rest = body.get(at..)?;
                let digits = rest
                    .iter()
                    .position(|b| !matches!(b, b'-' | b'0'..=b'9'))
                    .unwrap_or(rest.len());
                return Some(at..at.checked_add(digits)?);
            }
            b':' if depth == 1 => value_follows = true,
            b',' if depth == 1 => value_follows = false,
            b'{' | b'[' => depth = depth.checked_add(1)?,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at = at.checked_add(1)?;
    }
    None
}

/// Behind the quotation mark that ends the string that starts at `start`.
fn string_end(body: &[u8], start: usize) -> Option<usize> {
    let mut at = start.checked_add(1)?;
    loop {
        match body.get(at)? {
            b'\\' => at = at.checked_add(2)?,
            b'"' => return at.checked_add(1),
            _ => at = at.checked_add(1)?,
        }
    }
}
