//! What somebody looks for: `principal=alice operation=openai.models.* since=2h deletion`.
//!
//! Terms are separated by spaces, and all have to hold. [`Query::parse`] reads them, [`Query::matches`] asks one record; the
//! index does the same for millions.

mod field;
mod matches;
mod parse;
mod pattern;
mod words;

pub use field::Field;
pub use parse::QueryError;
pub use pattern::Pattern;
pub(super) use words::of;
pub use words::{MAX_WORDS, words};

use scopewarden_core::time::UnixMillis;

/// All of these have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In the order in which they were written.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What is asked.
    pub test: Test,
    /// Whether it must not hold.
    pub negated: bool,
}

/// What can be asked of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A member has such a value.
    Field(Field, Pattern),
    /// It was written at this time, or later.
    Since(UnixMillis),
    /// It was written before this time.
    Until(UnixMillis),
    /// These words stand next to each other in what it says.
    Phrase {
        /// As [`words`] cuts them.
        words: Vec<String>,
        /// The last is the beginning of a word only.
        open: bool,
    },
}

#[cfg(test)]
mod tests;
