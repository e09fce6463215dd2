//! Typed access to a document. Every finding is collected with its path; nothing stops at the first.

use super::codes;
use crate::diag::{Diagnostics, Path, closest};
use crate::node::Node;
use crate::time::{parse_duration, parse_size};

/// A kind of object: what its members may be called.
#[derive(Debug)]
pub(super) struct Kind {
    /// What it is, for messages: `a rule`.
    pub what: &'static str,
    /// The names of its members.
    pub keys: &'static [&'static str],
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Field<'n> {
    node: &'n Node,
    path: Path,
}

/// An object of a known [`Kind`].
#[derive(Debug)]
pub(super) struct Object<'n> {
    members: &'n [(String, Node)],
    path: Path,
}

impl<'n> Field<'n> {
    /// The whole document.
    pub fn root(node: &'n Node) -> Self {
        Self { node, path: Path::root() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn node(&self) -> &'n Node {
        self.node
    }

    /// An object whose members are all known.
    pub fn object(&self, kind: &Kind, out: &mut Diagnostics) -> Option<Object<'n>> {
        let Node::Object(members) = self.node else {
            self.wrong_type("an object", out);
            return None;
        };
        for (name, _) in members {
            if !kind.keys.contains(&name.as_str()) {
                let path = self.path.key(name);
                let finding = out.error(
                    codes::UNKNOWN_KEY,
                    &path,
                    format!("unknown key `{name}` in {}", kind.what),
                );
                match closest(name, kind.keys.iter().copied()) {
                    Some(known) => finding.help(format!("did you mean `{known}`?")),
                    None => finding.help(format!("its keys are {}", list(kind.keys, "and"))),
                }
            }
        }
        Some(Object { members, path: self.path.clone() })
    }

    /// The members of an object whose names are the user's own, at least one.
    pub fn map(&self, out: &mut Diagnostics) -> Vec<(&'n str, Self)> {
        let Node::Object(members) = self.node else {
            self.wrong_type("an object", out);
            return Vec::new();
        };
        if members.is_empty() {
            out.error(codes::EMPTY, &self.path, "this object has no members")
                .help("remove the key, or say what it is about");
        }
        let field = |(name, node): &'n (String, Node)| {
            (name.as_str(), Self { node, path: self.path.key(name) })
        };
        members.iter().map(field).collect()
    }

    /// The elements of a list, which may be empty.
    pub fn list(&self, out: &mut Diagnostics) -> Vec<Self> {
        let Node::Array(items) = self.node else {
            self.wrong_type("a list", out);
            return Vec::new();
        };
        let field = |(n, node)| Self { node, path: self.path.index(n) };
        items.iter().enumerate().map(field).collect()
    }

    /// The elements of a list with at least one.
    pub fn some_list(&self, out: &mut Diagnostics) -> Vec<Self> {
        let items = self.list(out);
        if items.is_empty() && matches!(self.node, Node::Array(_)) {
            out.error(codes::EMPTY, &self.path, "this list is empty")
                .help("remove the key, or list at least one value");
        }
        items
    }

    /// One value, or the elements of a list with at least one.
    pub fn one_or_more(&self, out: &mut Diagnostics) -> Vec<Self> {
        match self.node {
            Node::Array(_) => self.some_list(out),
            _ => vec![self.clone()],
        }
    }

    /// A string that says something.
    pub fn text(&self, out: &mut Diagnostics) -> Option<&'n str> {
        let Node::String(text) = self.node else {
            self.wrong_type("a string", out);
            return None;
        };
        if text.is_empty() || text.chars().any(char::is_control) {
            out.error(
                codes::INVALID_VALUE,
                &self.path,
                if text.is_empty() {
                    "this string is empty"
                } else {
                    "this string has a control character"
                },
            );
            return None;
        }
        Some(text)
    }

    /// A list of strings with at least one, none twice.
    pub fn texts(&self, out: &mut Diagnostics) -> Vec<&'n str> {
        let mut texts = Vec::new();
        for item in self.some_list(out) {
            if let Some(text) = item.text(out) {
                item.refuse_twice(text, &texts, out);
                texts.push(text);
            }
        }
        texts
    }

    /// Reports `value` when it is among `seen`.
    pub fn refuse_twice(&self, value: &str, seen: &[&str], out: &mut Diagnostics) {
        if seen.contains(&value) {
            out.error(codes::DUPLICATE, &self.path, format!("`{value}` is listed twice"))
                .help("remove one of the two");
        }
    }

    pub fn boolean(&self, out: &mut Diagnostics) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(*value),
            _ => {
                self.wrong_type("`true` or `false`", out);
                None
            }
        }
    }

    /// A string out of a closed list.
    pub fn choice<T: Copy>(&self, known: &[(&str, T)], out: &mut Diagnostics) -> Option<T> {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        known.get(self.chosen(&names, out)?).map(|(_, value)| *value)
    }

    /// Which of `names` is written.
    fn chosen(&self, names: &[&str], out: &mut Diagnostics) -> Option<usize> {
        let text = self.text(out)?;
        let chosen = names.iter().position(|name| *name == text);
        if chosen.is_none() {
            let message = format!("`{text}` is not {}", list(names, "or"));
            let finding = out.error(codes::INVALID_VALUE, &self.path, message);
            let respelt = names.iter().copied().find(|name| name.eq_ignore_ascii_case(text));
            if let Some(known) = respelt.or_else(|| closest(text, names.iter().copied())) {
                finding.help(format!("did you mean `{known}`?"));
            }
        }
        chosen
    }

    /// An integer, inclusive bounds.
    pub fn integer(&self, least: i64, most: i64, out: &mut Diagnostics) -> Option<i64> {
        let Some(value) = whole(self.node) else {
            if let Node::Number(_) = self.node {
                let message = format!("expected a whole number, found {}", shown(self.node));
                out.error(codes::WRONG_TYPE, &self.path, message);
            } else {
                self.wrong_type("a whole number", out);
            }
            return None;
        };
        if value < least || value > most {
            out.error(
                codes::OUT_OF_RANGE,
                &self.path,
                format!("{value} is not between {least} and {most}"),
            );
            return None;
        }
        Some(value)
    }

    /// A duration in milliseconds, inclusive bounds.
    pub fn duration(&self, least: u64, most: u64, out: &mut Diagnostics) -> Option<u64> {
        let text = match self.node {
            Node::Number(_) => {
                out.error(codes::WRONG_TYPE, &self.path, "expected a duration, found a number")
                    .help(format!("add a unit, such as `{}s`", shown(self.node)));
                return None;
            }
            _ => self.text(out)?,
        };
        match parse_duration(text) {
            Err(message) => {
                out.error(codes::INVALID_VALUE, &self.path, message);
                None
            }
            Ok(ms) if ms < least => {
                let message =
                    format!("`{text}` is less than {}, the least there can be", span(least));
                out.error(codes::OUT_OF_RANGE, &self.path, message);
                None
            }
            Ok(ms) if ms > most => {
                let message =
                    format!("`{text}` is more than {}, the most there can be", span(most));
                out.error(codes::OUT_OF_RANGE, &self.path, message);
                None
            }
            Ok(ms) => Some(ms),
        }
    }

    /// A size in bytes, inclusive bounds.
    pub fn size(&self, least: usize, most: usize, out: &mut Diagnostics) -> Option<usize> {
        let size = match (self.node, whole(self.node)) {
            (Node::Number(_), Some(size)) => u64::try_from(size).unwrap_or_default(),
            (Node::Number(_), None) => {
                self.wrong_type("a size in bytes", out);
                return None;
            }
            _ => match parse_size(self.text(out)?) {
                Ok(size) => size,
                Err(message) => {
                    out.error(codes::INVALID_VALUE, &self.path, message);
                    return None;
                }
            },
        };
        let size = usize::try_from(size).ok().filter(|size| (least..=most).contains(size));
        if size.is_none() {
            let message =
                format!("the size is not between `{}` and `{}`", bytes(least), bytes(most));
            out.error(codes::OUT_OF_RANGE, &self.path, message);
        }
        size
    }

    /// `expected a list, found a string`.
    pub fn wrong_type(&self, expected: &str, out: &mut Diagnostics) {
        let finding = out.error(
            codes::WRONG_TYPE,
            &self.path,
            format!("expected {expected}, found {}", self.node.kind()),
        );
        if *self.node == Node::Null {
            finding.help("write a value, or remove the key");
        }
    }
}

impl<'n> Object<'n> {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The member `key`, when it is written.
    pub fn get(&self, key: &str) -> Option<Field<'n>> {
        let (_, node) = self.members.iter().find(|(name, _)| name == key)?;
        Some(Field { node, path: self.path.key(key) })
    }

    /// The member `key`; its absence is an error.
    pub fn need(&self, key: &str, out: &mut Diagnostics) -> Option<Field<'n>> {
        let field = self.get(key);
        if field.is_none() {
            out.error(codes::MISSING_KEY, &self.path, format!("`{key}` is missing"));
        }
        field
    }
}

/// The integer of a number, when it is one. Envoy writes 30 as `30.0`.
#[expect(clippy::cast_possible_truncation, reason = "guarded: integral and within 2^53")]
pub(super) fn whole(node: &Node) -> Option<i64> {
    match node {
        Node::Number(n) if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 => {
            Some(*n as i64)
        }
        _ => None,
    }
}

/// `` `a`, `b` and `c` ``, where `last` is `and`.
pub(super) fn list(names: &[&str], last: &str) -> String {
    let mut text = String::new();
    for (n, name) in names.iter().enumerate() {
        if n > 0 {
            let is_last = n.saturating_add(1) == names.len();
            text.push_str(if is_last { " " } else { ", " });
            if is_last {
                text.push_str(last);
                text.push(' ');
            }
        }
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    text
}

/// A scalar as JSON has it.
fn shown(node: &Node) -> String {
    serde_json::Value::from(node).to_string()
}

/// A bound as people write it: `5m`.
fn span(ms: u64) -> String {
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if ms >= size
            && ms.is_multiple_of(size)
            && let Some(count) = ms.checked_div(size)
        {
            return format!("{count}{unit}");
        }
    }
    format!("{ms}ms")
}

/// A bound as people write it: `64MiB`.
fn bytes(size: usize) -> String {
    for (unit, of) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if size >= of
            && size.is_multiple_of(of)
            && let Some(count) = size.checked_div(of)
        {
            return format!("{count}{unit}");
        }
    }
    size.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { what: "a thing", keys: &["scope", "models"] };

    fn findings(json: &str, read: impl Fn(&Field<'_>, &mut Diagnostics)) -> Vec<String> {
        let node = Node::from_json(json.as_bytes()).unwrap();
        let mut out = Diagnostics::default();
        read(&Field::root(&node), &mut out);
        out.into_vec().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unknown_keys_are_reported_with_the_closest() {
        let found = findings(r#"{"scop":1,"zebra":2,"scope":3}"#, |f, out| {
            assert!(f.object(&KIND, out).is_some());
        });
        assert_eq!(
            found,
            [
                "error[unknown-key] scop: unknown key `scop` in a thing; did you mean `scope`?",
                "error[unknown-key] zebra: unknown key `zebra` in a thing; its keys are `scope` and `models`",
            ]
        );
    }

    #[test]
    fn types_are_told() {
        assert_eq!(
            findings("[null,1,\"\",\"a\\n\"]", |f, out| {
                for item in f.list(out) {
                    item.text(out);
                }
            }),
            [
                "error[wrong-type] [0]: expected a string, found nothing; write a value, or remove the key",
                "error[wrong-type] [1]: expected a string, found a number",
                "error[invalid-value] [2]: this string is empty",
                "error[invalid-value] [3]: this string has a control character",
            ]
        );
    }

    #[test]
    fn doubles_are_whole_numbers_when_they_are() {
        let read = |json: &str| {
            let node = Node::from_json(json.as_bytes()).unwrap();
            whole(&node)
        };
        assert_eq!(read("30.0"), Some(30));
        assert_eq!(read("-2"), Some(-2));
        assert_eq!(read("0.5"), None);
        assert_eq!(read("1e300"), None);
        assert_eq!(read("\"3\""), None);
    }

    #[test]
    fn durations_have_bounds_and_units() {
        let read = |f: &Field<'_>, out: &mut Diagnostics| {
            f.duration(10_000, 86_400_000, out);
        };
        assert_eq!(
            findings("\"5s\"", read),
            ["error[out-of-range] policy: `5s` is less than 10s, the least there can be"]
        );
        assert_eq!(
            findings("30.0", read),
            [
                "error[wrong-type] policy: expected a duration, found a number; add a unit, such as `30s`"
            ]
        );
        assert!(findings("\"30s\"", read).is_empty());
    }
}
