//! Classes of characters.

/// A set of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    ranges: Vec<(char, char)>,
    kinds: Vec<(Kind, bool)>,
    negated: bool,
}

/// A class that has a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `\d`: 0 to 9.
    Digit,
    /// `\w`: letters, digits and `_`.
    Word,
    /// `\s`: white space.
    Space,
}

impl Class {
    /// One character.
    pub fn one(c: char) -> Self {
        Self { ranges: vec![(c, c)], ..Self::default() }
    }

    /// `.`: any character but a line feed.
    pub fn any() -> Self {
        Self { negated: true, ..Self::one('\n') }
    }

    /// `\d` and its like; `\D` and its like are the others.
    pub fn kind(kind: Kind, is: bool) -> Self {
        Self { kinds: vec![(kind, is)], ..Self::default() }
    }

    /// Adds what is between two characters, and both.
    pub fn add(&mut self, from: char, to: char) {
        self.ranges.push((from, to));
    }

    /// Adds all of another that is not negated.
    pub fn join(&mut self, other: Self) {
        self.ranges.extend(other.ranges);
        self.kinds.extend(other.kinds);
    }

    /// Makes it what it was not.
    pub const fn negate(&mut self) {
        self.negated = true;
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.kinds.is_empty()
    }

    /// Whether a character is in it, in any case when `fold` says so.
    pub fn has(&self, c: char, fold: bool) -> bool {
        let mut named = self.names(c);
        if fold && !named {
            named = c.to_lowercase().chain(c.to_uppercase()).any(|c| self.names(c));
        }
        named != self.negated
    }

    /// Whether there can be characters beyond ASCII in it.
    pub fn is_wide(&self, fold: bool) -> bool {
        // Folding makes ASCII letters of two others: `\u{17f}` and `\u{212a}`.
        fold || self.negated
            || self.ranges.iter().any(|(_, to)| !to.is_ascii())
            || self.kinds.iter().any(|kind| *kind != (Kind::Digit, true))
    }

    fn names(&self, c: char) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c))
            || self.kinds.iter().any(|(kind, is)| kind.has(c) == *is)
    }
}

impl Kind {
    fn has(self, c: char) -> bool {
        match self {
            Self::Digit => c.is_ascii_digit(),
            Self::Word => is_word(c),
            Self::Space => c.is_whitespace(),
        }
    }
}

/// What words are made of: `\b` is where it begins or ends.
pub fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
