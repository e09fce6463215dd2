//! The user's own patterns: a small regular language that runs in bounded time and memory on text that comes in pieces.
//!
//! Literals, `.`, classes (`[a-z0-9_-]`, `[^,]`, `\d`, `\w`, `\s`), groups, `|`, `?`, `{n}`, `{n,m}`, `\b`, and `(?i)` in front. What has no
//! end (`*`, `+`, `{n,}`) is refused: until it ends, nothing behind its beginning could be let go. A pattern is looked for everywhere, and
//! what any match covers is found: where alternatives and repetitions leave a choice, every choice counts.
//!
//! It is compiled to its positions (Glushkov 1961), one for each character that it is written with once repetitions are written out.
//! A match can pass each position once, so that their number also bounds how long a match is and what a character costs.

mod class;
mod compile;
mod matcher;
mod parse;

pub use matcher::Patterns;

use super::set::Set;
use compile::Program;

/// Most positions of a pattern, and with that the most characters of a match.
pub const MAX_POSITIONS: usize = 256;

/// A pattern to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Program);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Why it is none, and how to write it instead.
    pub fn new(text: &str) -> Result<Self, String> {
        let parsed = parse::parse(text)
            .and_then(|(tree, fold)| compile::compile(&tree, fold))
            .map_err(|why| format!("the pattern `{text}` cannot be used: {why}"))?;
        Ok(Self(parsed))
    }

    /// The bytes that a match can begin with.
    pub const fn first(&self) -> &Set {
        &self.0.begins
    }

    /// Bytes of the shortest match.
    pub const fn shortest(&self) -> usize {
        self.0.shortest
    }
}

#[cfg(test)]
mod tests;
