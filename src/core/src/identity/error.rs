//! Why a token was refused, said so that it can be shown to its bearer.

use std::fmt;

use crate::reason::Reason;

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// The stable code.
    pub reason: Reason,
    /// One clause for people. Of the token it repeats at most `alg`, `kid`, `iss` and `typ`,
    /// shortened and escaped; never a claim's value.
    pub detail: String,
    /// The issuer (index into the policy's list) whose keys could be fetched to help: set with
    /// [`Reason::TokenKeyUnknown`] and [`Reason::KeysUnavailable`].
    pub issuer: Option<usize>,
}

impl TokenError {
    /// A refusal that fetching keys would not change.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), issuer: None }
    }
}

/// `token_expired: expired 14 min ago`.
impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.code(), self.detail)
    }
}

impl std::error::Error for TokenError {}

/// Most characters of a foreign word that are repeated in a message.
const SHOWN_CHARS: usize = 64;

/// A word from outside, in backticks: shortened, control and non-ASCII characters escaped.
pub(super) fn shown(word: &str) -> String {
    let mut out = String::from("`");
    for c in word.chars().take(SHOWN_CHARS) {
        match c {
            '`' => out.push('\''),
            ' '..='~' => out.push(c),
            _ => out.extend(c.escape_unicode()),
        }
    }
    if word.chars().nth(SHOWN_CHARS).is_some() {
        out.push_str("...");
    }
    out.push('`');
    out
}

/// A span of time for people: `45 s`, `14 min`, `3 h`, `2 d`; rounded down.
pub(super) fn span(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_are_short_and_plain() {
        assert_eq!(shown("RS256"), "`RS256`");
        assert_eq!(shown("a`b\n\u{e9}"), "`a'b\\u{a}\\u{e9}`");
        assert_eq!(shown(&"k".repeat(9000)).len(), 64 + 5);
    }

    #[test]
    fn spans() {
        for (ms, text) in [
            (45_000, "45 s"),
            (14 * 60_000, "14 min"),
            (3 * 3_600_000, "3 h"),
            (5 * 86_400_000, "5 d"),
        ] {
            assert_eq!(span(ms), text);
        }
    }
}
