//! JSON text to a [`Tree`]. serde_json judges the syntax; this only finds the places.

use std::collections::BTreeMap;
use std::ops::Range;

use scopewarden_core::limits;
use scopewarden_core::node::Node;
use serde::de::IgnoredAny;

use super::tree::{Member, Shape, Tree};
use super::{Problem, scalar};

/// Reads one JSON document.
pub(super) fn read(text: &str) -> Result<Tree, Vec<Problem>> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|e| vec![syntax(text, &e)])?;
    let mut scan = Scan { text, at: 0, depth: 0, problems: Vec::new() };
    match scan.value() {
        Ok(tree) if scan.problems.is_empty() => Ok(tree),
        Ok(_) => Err(scan.problems),
        Err(fatal) => {
            scan.problems.push(fatal);
            Err(scan.problems)
        }
    }
}

fn syntax(text: &str, error: &serde_json::Error) -> Problem {
    let line_start: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = line_start.saturating_add(error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    let end = text.get(at..).and_then(|t| t.chars().next()).filter(|c| *c != '\n');
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    Problem::new("json-syntax", at..at.saturating_add(end.map_or(0, char::len_utf8)), message)
}

/// Walks text that is known to be JSON.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    problems: Vec<Problem>,
}

impl Scan<'_> {
    fn value(&mut self) -> Result<Tree, Problem> {
        let start = self.peek_at();
        let shape = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Shape::Scalar(Node::String(self.string().0)),
            _ => Shape::Scalar(self.literal()),
        };
        Ok(Tree { span: start..self.at, shape })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Shape, Problem>) -> Result<Shape, Problem> {
        if self.depth >= limits::MAX_JSON_DEPTH {
            let message = format!("nested deeper than {} levels", limits::MAX_JSON_DEPTH);
            return Err(Problem::new("json-depth", self.at..self.at.saturating_add(1), message));
        }
        self.depth = self.depth.saturating_add(1);
        self.bump();
        let shape = read(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(shape)
    }

    fn list(&mut self) -> Result<Shape, Problem> {
        let mut items = Vec::new();
        loop {
            match self.peek() {
                Some(b',') => self.bump(),
                Some(b']') | None => {
                    self.bump();
                    return Ok(Shape::List(items));
                }
                Some(_) => items.push(self.value()?),
            }
        }
    }

    fn object(&mut self) -> Result<Shape, Problem> {
        let mut members = Vec::new();
        let mut names: BTreeMap<String, Range<usize>> = BTreeMap::new();
        loop {
            match self.peek() {
                Some(b',') => self.bump(),
                Some(b'"') => {
                    let (name, name_span) = self.string();
                    if self.peek() == Some(b':') {
                        self.bump();
                    }
                    let value = self.value()?;
                    if let Some(first) = names.get(&name) {
                        self.problems.push(Problem::twice(&name, name_span, first.clone()));
                        continue;
                    }
                    names.insert(name.clone(), name_span.clone());
                    members.push(Member { name, name_span, value });
                }
                _ => {
                    self.bump();
                    return Ok(Shape::Object(members));
                }
            }
        }
    }

    fn string(&mut self) -> (String, Range<usize>) {
        let start = self.at;
        let mut escaped = false;
        let rest = self.text.as_bytes().get(start.saturating_add(1)..).unwrap_or_default();
        let inner = rest
            .iter()
            .position(|byte| {
                let end = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                end
            })
            .unwrap_or(rest.len());
        self.at = start.saturating_add(inner).saturating_add(2).min(self.text.len());
        let token = self.text.get(start..self.at).unwrap_or("\"\"");
        match serde_json::from_str(token) {
            Ok(text) => (text, start..self.at),
            Err(error) => {
                self.problems.push(Problem::new("json-syntax", start..self.at, error.to_string()));
                (String::new(), start..self.at)
            }
        }
    }

    /// A number, `true`, `false` or `null`, which YAML's core schema spells the same.
    fn literal(&mut self) -> Node {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or("");
        let len = rest
            .find(|c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace())
            .unwrap_or(rest.len())
            .max(1);
        self.at = start.saturating_add(len).min(self.text.len());
        scalar::plain(self.text.get(start..self.at).unwrap_or("")).unwrap_or_else(
            |(message, help)| {
                let problem = Problem::new("json-number", start..self.at, message).help(help);
                self.problems.push(problem);
                Node::Null
            },
        )
    }

    /// Skips blanks; the offset of what follows.
    fn peek_at(&mut self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        self.at = self.at.saturating_add(blanks);
        self.at
    }

    fn peek(&mut self) -> Option<u8> {
        let at = self.peek_at();
        self.text.as_bytes().get(at).copied()
    }

    fn bump(&mut self) {
        self.at = self.at.saturating_add(1).min(self.text.len());
    }
}
