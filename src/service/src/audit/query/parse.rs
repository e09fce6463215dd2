//! Reading a query.

use scopewarden_core::diag::closest;
use scopewarden_core::time::{UnixMillis, parse_duration};

use super::{Field, Pattern, Query, Term, Test, words};
use crate::audit::time;

/// Longest query, in bytes.
const MAX_BYTES: usize = 4096;
/// Most terms.
const MAX_TERMS: usize = 32;
/// Most stars in one value: each is a search of its own.
const MAX_STARS: usize = 8;

/// What is wrong with a query, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the query, at character {at}: {what}")]
pub struct QueryError {
    /// Which character, from 1.
    pub at: usize,
    /// What is wrong, for people.
    pub what: String,
}

impl Query {
    /// Reads a query; an empty one is for every record. `now` is what `since=2h` counts back from.
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn parse(text: &str, now: UnixMillis) -> Result<Self, QueryError> {
        let mut reader = Reader { text, rest: text };
        if text.len() > MAX_BYTES {
            return Err(reader.error(format!("it is longer than {MAX_BYTES} bytes")));
        }
        let mut terms = Vec::new();
        loop {
            reader.rest = reader.rest.trim_start();
            if reader.rest.is_empty() {
                return Ok(Self { terms });
            }
            if terms.len() == MAX_TERMS {
                return Err(reader.error(format!("it has more than {MAX_TERMS} terms")));
            }
            terms.push(reader.term(now)?);
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

/// A value as it was written.
struct Raw {
    /// What stands between stars; a star in quotes is an ordinary character.
    pieces: Vec<String>,
}

impl Raw {
    fn plain(&self) -> String {
        self.pieces.join("*")
    }
}

impl<'a> Reader<'a> {
    fn error(&self, what: impl Into<String>) -> QueryError {
        let read = self.text.len().saturating_sub(self.rest.len());
        let at = self.text.get(..read).unwrap_or_default().chars().count();
        QueryError { at: at.saturating_add(1), what: what.into() }
    }

    fn term(&mut self, now: UnixMillis) -> Result<Term, QueryError> {
        let Some((key, negated, value)) = key(self.rest) else { return self.phrase() };
        let field = Field::named(key);
        if field.is_none() && !matches!(key, "since" | "until") {
            return Err(self.error(unknown(key)));
        }
        let begin = self.rest;
        self.rest = value;
        let raw = self.value()?;
        if raw.plain().is_empty() {
            return Err(
                self.error(format!("`{key}` has no value; `{key}=*` finds those that have one"))
            );
        }
        let Some(field) = field else {
            let test = moment(key, &raw.plain(), now).map_err(|what| {
                self.rest = value;
                self.error(what)
            })?;
            if negated {
                self.rest = begin;
                return Err(self.error(format!("write `{key}=`; a time has no `!=`")));
            }
            return Ok(Term { test, negated });
        };
        Ok(Term { test: Test::Field(field, Pattern::from_pieces(raw.pieces)), negated })
    }

    fn phrase(&mut self) -> Result<Term, QueryError> {
        let begin = self.rest;
        let raw = self.value()?;
        let open = raw.pieces.last().is_some_and(String::is_empty) && raw.pieces.len() > 1;
        let words: Vec<_> = words(&raw.plain()).collect();
        if words.is_empty() {
            self.rest = begin;
            return Err(self.error("there is no letter or digit to look for"));
        }
        // `a/*` is after all words that stand before the star; only `a*` goes on with one.
        let open = open
            && raw.pieces.iter().rev().nth(1).is_some_and(|p| p.ends_with(char::is_alphanumeric));
        Ok(Term { test: Test::Phrase { words, open }, negated: false })
    }

    /// Up to the next space outside of quotes.
    fn value(&mut self) -> Result<Raw, QueryError> {
        let (mut pieces, mut piece) = (Vec::new(), String::new());
        let begin = self.rest;
        let mut characters = begin.char_indices();
        let mut quoted: Option<usize> = None;
        let mut end = begin.len();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' if quoted.is_some() => quoted = None,
                '"' => quoted = Some(at),
                '\\' if quoted.is_some() => match characters.next() {
                    Some((_, c @ ('"' | '\\'))) => piece.push(c),
                    Some((_, c)) => piece.extend(['\\', c]),
                    None => break,
                },
                '*' if quoted.is_none() => pieces.push(std::mem::take(&mut piece)),
                c if c.is_whitespace() && quoted.is_none() => {
                    end = at;
                    break;
                }
                c => piece.push(c),
            }
        }
        if let Some(at) = quoted {
            self.rest = begin.get(at..).unwrap_or_default();
            return Err(self.error("this quote does not end"));
        }
        if pieces.len() > MAX_STARS {
            return Err(self.error(format!("there are more than {MAX_STARS} stars in one value")));
        }
        pieces.push(piece);
        self.rest = begin.get(end..).unwrap_or_default();
        Ok(Raw { pieces })
    }
}

/// `key=` or `key!=`, and what follows. A URL in a bare word has no key: `https://a/?b=c`.
fn key(text: &str) -> Option<(&str, bool, &str)> {
    let (key, value) = text.split_once('=')?;
    let (key, negated) = key.strip_suffix('!').map_or((key, false), |key| (key, true));
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    is_key.then_some((key, negated, value))
}

fn names() -> impl Iterator<Item = &'static str> {
    Field::ALL.into_iter().map(Field::name).chain(["since", "until"])
}

fn unknown(key: &str) -> String {
    if let Some(close) = closest(key, names()) {
        return format!("unknown key `{key}`; did you mean `{close}`?");
    }
    let known: Vec<_> = names().map(|name| format!("`{name}`")).collect();
    format!("unknown key `{key}`; there are {}; put text with `=` in quotes", known.join(", "))
}

fn moment(key: &str, text: &str, now: UnixMillis) -> Result<Test, String> {
    let back = parse_duration(text).ok().map(|ms| UnixMillis(now.0.saturating_sub(ms)));
    let at = time::parse(text).or(back).ok_or_else(|| {
        format!("`{text}` is no time; write `2026-11-24`, `2026-11-24T10:00:00Z`, or how long ago: `30m`, `2h`, `7d`")
    })?;
    Ok(if key == "since" { Test::Since(at) } else { Test::Until(at) })
}
