//! Scopes as tokens carry them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::claims::{invalid, is, strings};
use super::config::ClaimName;
use super::error::TokenError;
use crate::limits;

/// Reads the one configured claim: a string (RFC 6749 section 3.3: tokens with single spaces
/// between them) or a list with one token each. Absent, or not made of such tokens, is no scope.
///
/// `scope` and `scp` are two spellings of one thing. When a token has both and they differ, some
/// reader takes the one and some the other, so it is refused.
///
/// # Errors
/// Wrong type, too many, or two sources that differ.
pub fn read(
    members: &Map<String, Value>,
    source: &ClaimName,
) -> Result<BTreeSet<String>, TokenError> {
    let scopes = source.find(members).map(|v| parse(source.as_str(), v)).transpose()?;
    for (own, twin) in [("scope", "scp"), ("scp", "scope")] {
        if is(source, own)
            && let Some(value) = members.get(twin)
            && Some(parse(twin, value)?) != scopes
        {
            return Err(invalid("`scope` and `scp` differ"));
        }
    }
    Ok(scopes.unwrap_or_default())
}

fn parse(name: &str, value: &Value) -> Result<BTreeSet<String>, TokenError> {
    let tokens: Vec<&str> = match value {
        Value::String(text) => text.split(' ').collect(),
        list => strings(name, list)?,
    };
    if tokens.len() > limits::MAX_SCOPES {
        return Err(invalid(format!("`{name}` has more than {} scopes", limits::MAX_SCOPES)));
    }
    if tokens.iter().all(|t| is_token(t)) {
        Ok(tokens.into_iter().map(str::to_owned).collect())
    } else {
        Ok(BTreeSet::new())
    }
}

/// `scope-token` of RFC 6749: printable ASCII but space, `"` and `\`.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~'))
}
