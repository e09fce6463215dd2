//! Names with `*` in policies. Tokens and requests never carry wildcards.

use std::fmt;

/// A pattern in which `*` stands for any run of characters, and everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
}

impl Glob {
    /// Any text is a glob.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// Whether `value` matches, in time linear in both (a `*` never needs more than one step back).
    pub fn matches(&self, value: &str) -> bool {
        let mut parts = self.text.split('*');
        let Some(mut rest) = parts.next().and_then(|first| value.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern has no `*`.
    pub fn is_literal(&self) -> bool {
        !self.text.contains('*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, value, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("get_*", "get_", true),
            ("get_*", "forget_me", false),
            ("*_issue", "create_issue", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("**", "anything", true),
            ("a**b", "ab", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(value), expected, "{pattern} {value}");
        }
    }
}
