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

    /// Whether some text matches both.
    pub fn meets(&self, other: &Self) -> bool {
        let other: Vec<char> = other.text.chars().collect();
        // For every end of `other`: whether what is read of `self` so far and that end meet.
        let mut row = vec![false; other.len().saturating_add(1)];
        let stars = other.iter().take_while(|c| **c == '*').count();
        row.iter_mut().take(stars.saturating_add(1)).for_each(|cell| *cell = true);
        for a in self.text.chars() {
            let mut diagonal = row.first().copied().unwrap_or(false);
            let mut left = diagonal && a == '*';
            if let Some(first) = row.first_mut() {
                *first = left;
            }
            for (cell, b) in row.iter_mut().skip(1).zip(&other) {
                let above = *cell;
                *cell = match (a, *b) {
                    ('*', _) | (_, '*') => above || left,
                    _ => diagonal && a == *b,
                };
                diagonal = above;
                left = *cell;
            }
        }
        row.last().copied().unwrap_or(false)
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
    fn globs_meet_when_a_text_matches_both() {
        for (a, b, expected) in [
            ("get_*", "get_issue", true),
            ("get_*", "*_issue", true),
            ("get_*", "list_*", false),
            ("a", "a", true),
            ("a", "b", false),
            ("a", "ab", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "ab*", true),
            ("a*c", "*d", false),
            ("*a*", "*b*", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(Glob::new(a).meets(&Glob::new(b)), expected, "{a} {b}");
            assert_eq!(Glob::new(b).meets(&Glob::new(a)), expected, "{b} {a}");
        }
    }

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
