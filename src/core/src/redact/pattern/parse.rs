//! Reads a pattern.

use std::iter::Peekable;
use std::str::Chars;

use super::MAX_POSITIONS;
use super::class::{Class, Kind};

/// Deepest groups.
const MAX_DEPTH: usize = 32;

/// A pattern as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A character.
    Class(Class),
    /// `\b`.
    Boundary,
    /// One after the other.
    Row(Vec<Tree>),
    /// Any of them.
    Any(Vec<Tree>),
    /// So often at least, and at most.
    Times(Box<Tree>, usize, usize),
}

/// The pattern, and whether capital and small letters are the same in it.
///
/// # Errors
/// Why it is none.
pub fn parse(text: &str) -> Result<(Tree, bool), String> {
    let (rest, fold) = match text.strip_prefix("(?i)") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut parser = Parser { rest: rest.chars().peekable(), depth: 0 };
    let tree = parser.alternatives()?;
    match parser.rest.next() {
        None => Ok((tree, fold)),
        Some(_) => Err("a `)` closes no group; a bracket that is meant is written `\\)`".into()),
    }
}

struct Parser<'t> {
    rest: Peekable<Chars<'t>>,
    depth: usize,
}

impl Parser<'_> {
    fn alternatives(&mut self) -> Result<Tree, String> {
        let mut any = vec![self.row()?];
        while self.rest.next_if_eq(&'|').is_some() {
            any.push(self.row()?);
        }
        Ok(match any.len() {
            1 => any.remove(0),
            _ => Tree::Any(any),
        })
    }

    fn row(&mut self) -> Result<Tree, String> {
        let mut row = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            let atom = self.atom(c)?;
            let times = self.times(&atom)?;
            row.push(match times {
                None => atom,
                Some((least, most)) => Tree::Times(Box::new(atom), least, most),
            });
        }
        Ok(Tree::Row(row))
    }

    fn atom(&mut self, c: char) -> Result<Tree, String> {
        Ok(match c {
            '.' => Tree::Class(Class::any()),
            '[' => Tree::Class(self.class()?),
            '(' => return self.group(),
            '\\' if self.rest.next_if_eq(&'b').is_some() => Tree::Boundary,
            '\\' => Tree::Class(self.escape()?),
            '*' | '+' | '?' | '{' => {
                return Err(format!(
                    "there is nothing before the `{c}` that it repeats; a character that is meant is written `\\{c}`"
                ));
            }
            '^' | '$' => {
                return Err(format!(
                    "`{c}` means nothing in a text that has no beginning or end to speak of; use `\\b` for where a word begins or ends, and `\\{c}` for the character"
                ));
            }
            c => Tree::Class(Class::one(c)),
        })
    }

    fn group(&mut self) -> Result<Tree, String> {
        if self.rest.next_if_eq(&'?').is_some() {
            let kind: String = self.rest.clone().take(2).collect();
            match (kind.chars().next(), &*kind) {
                (Some(':'), _) => drop(self.rest.next()),
                (Some('=' | '!'), _) | (_, "<=" | "<!") => {
                    return Err("it looks ahead or back (`(?=`, `(?!`, `(?<=`, `(?<!`), which cannot be done on a stream; write what has to stand there as part of the pattern, or use `\\b`".into());
                }
                (Some('i'), _) => {
                    return Err(
                        "`(?i)` is for the whole pattern, and stands at its beginning".into()
                    );
                }
                _ => return Err("a group is written `(..)`, and needs no name and no flags".into()),
            }
        }
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(format!("its groups are more than {MAX_DEPTH} deep"));
        }
        let tree = self.alternatives()?;
        self.depth = self.depth.saturating_sub(1);
        match self.rest.next() {
            Some(_) => Ok(tree),
            None => Err("a `(` is not closed; a bracket that is meant is written `\\(`".into()),
        }
    }

    /// `?`, `{n}` or `{n,m}`.
    fn times(&mut self, atom: &Tree) -> Result<Option<(usize, usize)>, String> {
        let times = match self.rest.next_if(|c| matches!(c, '?' | '{' | '*' | '+')) {
            None => return Ok(None),
            Some('?') => (0, 1),
            Some('{') => self.counts()?,
            Some(c) => {
                let least = if c == '+' { 1 } else { 0 };
                return Err(endless(&format!("`{c}`"), least));
            }
        };
        match self.rest.peek() {
            Some('?') => return Err("`?` behind a repetition (as little as possible) makes no difference, as whatever can match is masked; leave it out".into()),
            Some('+' | '*' | '{') => return Err("it repeats a repetition; put the first one in a group, or write it as one".into()),
            _ => {}
        }
        match atom {
            Tree::Boundary => Err("`\\b` is a place, and cannot be repeated".into()),
            _ => Ok(Some(times)),
        }
    }

    fn counts(&mut self) -> Result<(usize, usize), String> {
        let mut inner = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) if inner.len() < 16 => inner.push(c),
                _ => {
                    return Err(
                        "a `{` is not closed; a brace that is meant is written `\\{`".into()
                    );
                }
            }
        }
        let wrong =
            || format!("`{{{inner}}}` is no number of times; write it like `{{6}}` or `{{1,64}}`");
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
        let (least, most) = match inner.split_once(',') {
            None => (number(&inner)?, number(&inner)?),
            Some((least, "")) => return Err(endless(&format!("`{{{inner}}}`"), number(least)?)),
            Some((least, most)) => (number(least)?, number(most)?),
        };
        match most {
            0 => Err(wrong()),
            _ if least > most => Err(wrong()),
            _ if most > MAX_POSITIONS => Err(too_long()),
            _ => Ok((least, most)),
        }
    }

    /// What stands behind a `[`.
    fn class(&mut self) -> Result<Class, String> {
        let mut class = Class::default();
        let negated = self.rest.next_if_eq(&'^').is_some();
        loop {
            let from = match self.next_in_class()? {
                None => break,
                Some(Item::Kind(kind)) => {
                    class.join(kind);
                    continue;
                }
                Some(Item::One(c)) => c,
            };
            let mut ahead = self.rest.clone();
            let range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            if !range {
                class.add(from, from);
                continue;
            }
            self.rest.next();
            match self.next_in_class()? {
                Some(Item::One(to)) if from <= to => class.add(from, to),
                Some(Item::One(to)) => {
                    return Err(format!(
                        "the range `{from}-{to}` in a class runs backwards; write `{to}-{from}`"
                    ));
                }
                _ => return Err(
                    "a range in a class ends with a class; a `-` that is meant stands at the end"
                        .into(),
                ),
            }
        }
        if class.is_empty() {
            return Err("a class `[]` is empty; a `]` that is meant is written `\\]`".into());
        }
        if negated {
            class.negate();
        }
        Ok(class)
    }

    fn next_in_class(&mut self) -> Result<Option<Item>, String> {
        Ok(Some(match self.rest.next() {
            None => {
                return Err("a `[` is not closed; a bracket that is meant is written `\\[`".into());
            }
            Some(']') => return Ok(None),
            Some('[') => {
                return Err("a class has a `[` in it; write `\\[` when it is meant, and `a-z` or `\\d` in place of `[:alpha:]` or `[:digit:]`".into());
            }
            Some('\\') => match self.rest.peek() {
                Some('b') => return Err("`\\b` is a place, and cannot be in a class".into()),
                Some('d' | 'D' | 'w' | 'W' | 's' | 'S') => Item::Kind(self.escape()?),
                _ => Item::One(self.escaped()?),
            },
            Some(c) => Item::One(c),
        }))
    }

    fn escape(&mut self) -> Result<Class, String> {
        let (kind, is) = match self.rest.peek() {
            Some('d') => (Kind::Digit, true),
            Some('D') => (Kind::Digit, false),
            Some('w') => (Kind::Word, true),
            Some('W') => (Kind::Word, false),
            Some('s') => (Kind::Space, true),
            Some('S') => (Kind::Space, false),
            _ => return self.escaped().map(Class::one),
        };
        self.rest.next();
        Ok(Class::kind(kind, is))
    }

    /// The character that a `\` and what follows stand for.
    fn escaped(&mut self) -> Result<char, String> {
        match self.rest.next() {
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some(c @ ('1'..='9' | 'k')) => Err(format!(
                "`\\{c}` refers back to what a group has matched, which cannot be done in linear time; write out what it can be"
            )),
            Some(c) if c.is_alphanumeric() => Err(format!(
                "`\\{c}` is unknown; there are `\\d`, `\\w`, `\\s`, `\\D`, `\\W`, `\\S`, `\\b`, `\\n`, `\\r`, `\\t`, and `\\` before a character that is no letter or digit"
            )),
            Some(c) => Ok(c),
            None => Err("it ends with a `\\`; a backslash that is meant is written `\\\\`".into()),
        }
    }
}

enum Item {
    One(char),
    Kind(Class),
}

fn endless(what: &str, least: usize) -> String {
    format!(
        "{what} has no end, and until a match has ended nothing of it can be let go; write how many there can be at most, such as `{{{least},64}}`"
    )
}

/// What is wrong with a pattern that has too many positions.
pub fn too_long() -> String {
    format!(
        "it has more than {MAX_POSITIONS} characters once its repetitions are written out; let it repeat less, or describe only the beginning of what you look for"
    )
}
