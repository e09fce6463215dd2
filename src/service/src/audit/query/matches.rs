//! A query and one record.

use serde_json::Value;

use super::{Query, Term, Test, words};
use crate::audit::time;

impl Query {
    /// Whether the record is one that is looked for.
    ///
    /// `session=` goes by what the record itself says; that a session goes on from another record only the index knows.
    pub fn matches(&self, record: &Value) -> bool {
        self.terms.iter().all(|term| term.matches(record))
    }
}

impl Term {
    fn matches(&self, record: &Value) -> bool {
        let holds = match &self.test {
            Test::Field(field, pattern) => {
                field.values(record).iter().any(|value| pattern.matches(value))
            }
            Test::Since(at) => time::of(record).is_some_and(|time| time >= *at),
            Test::Until(at) => time::of(record).is_some_and(|time| time < *at),
            Test::Phrase { words, open } => phrase(words, *open, &words::of(record)),
        };
        holds != self.negated
    }
}

fn phrase(wanted: &[String], open: bool, found: &[String]) -> bool {
    let Some((last, before)) = wanted.split_last() else { return true };
    found.windows(wanted.len()).any(|window| {
        let Some((end, start)) = window.split_last() else { return false };
        start == before && if open { end.starts_with(&**last) } else { end == last }
    })
}
