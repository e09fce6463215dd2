//! `detectors` and `patterns`: what is looked for.

use std::collections::BTreeMap;

use super::super::codes;
use super::super::fields::{Field, Object};
use super::super::kinds;
use super::{Shown, visible_to};
use crate::diag::{Diagnostics, closest};
use crate::limits;
use crate::node::Node;
use crate::redact::{About, Action, Group, Pattern, Wanted, builtin};

/// Where the detectors there are can be seen.
pub(super) const LIST: &str = "list the detectors there are with `scopewarden redact --list`";

/// A detector whose matches are masked, until an action says otherwise.
pub(super) fn want(name: &str, visible_to: Option<&str>) -> Wanted {
    Wanted {
        name: name.to_owned(),
        pattern: None,
        visible_to: visible_to.map(str::to_owned),
        action: Action::Mask,
    }
}

pub(super) fn of_group(group: Group) -> impl Iterator<Item = &'static str> {
    builtin().filter(move |about| about.group == group).map(|about| about.name)
}

/// The names of patterns as far as they can be told, for the sake of those who list them as detectors.
pub(super) fn pattern_names<'n>(object: &Object<'n>) -> Vec<&'n str> {
    let patterns = object.get("patterns");
    let Some(Node::Array(items)) = patterns.as_ref().map(Field::node) else { return Vec::new() };
    let name = |item: &'n Node| match item.get("name") {
        Some(Node::String(name)) => Some(name.as_str()),
        _ => None,
    };
    items.iter().filter_map(name).collect()
}

/// `detectors`: groups and single ones. What is said of a single one counts, whatever is said of its group.
pub(super) fn detectors<'n>(
    field: &Field<'n>,
    patterns: &[&str],
    shown: &mut Vec<Shown<'n>>,
    out: &mut Diagnostics,
) -> Vec<Wanted> {
    let mut groups: Vec<(Group, Option<&str>)> = Vec::new();
    let mut single: Vec<(&str, Option<&str>)> = Vec::new();
    for item in field.list(out) {
        let (names, visible_to) = match item.node() {
            Node::Object(_) => {
                let Some(object) = item.object(&kinds::DETECTOR, out) else { continue };
                let names = object.need("use", out).map(|f| f.one_or_more(out));
                (names.unwrap_or_default(), visible_to(&object, shown, out))
            }
            _ => (vec![item], None),
        };
        for name in names {
            let Some(text) = name.text(out) else { continue };
            let twice = match (Group::parse(text), About::of(text)) {
                (Some(group), _) => {
                    let twice = groups.iter().any(|(other, _)| *other == group);
                    groups.push((group, visible_to));
                    twice
                }
                (None, Some(about)) => {
                    let twice = single.iter().any(|(other, _)| *other == about.name);
                    single.push((about.name, visible_to));
                    twice
                }
                (None, None) => {
                    unknown(text, patterns, &name, out);
                    false
                }
            };
            if twice {
                out.error(codes::DUPLICATE, name.path(), format!("`{text}` is listed twice"))
                    .help("remove one of the two");
            }
        }
    }
    let mut wanted: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for (group, visible_to) in groups {
        wanted.extend(of_group(group).map(|name| (name, visible_to)));
    }
    wanted.extend(single);
    builtin().filter_map(|about| Some(want(about.name, *wanted.get(about.name)?))).collect()
}

fn unknown(text: &str, patterns: &[&str], item: &Field<'_>, out: &mut Diagnostics) {
    if patterns.contains(&text) {
        out.error(
            codes::UNKNOWN_DETECTOR,
            item.path(),
            format!("`{text}` is one of `patterns`, which are on without being listed here"),
        )
        .help("remove it here; who sees through it is said by its own `visible_to`");
        return;
    }
    let finding =
        out.error(codes::UNKNOWN_DETECTOR, item.path(), format!("there is no detector `{text}`"));
    let names = builtin().map(|about| about.name).chain(["secrets", "personal", "pii"]);
    match closest(text, names) {
        Some(known) => finding.help(format!("did you mean `{known}`?")),
        None => finding.help(LIST),
    }
}

/// An entry of `patterns`.
pub(super) fn pattern<'n>(
    field: &Field<'n>,
    others: &[Wanted],
    shown: &mut Vec<Shown<'n>>,
    out: &mut Diagnostics,
) -> Option<Wanted> {
    let object = field.object(&kinds::PATTERN, out)?;
    let name = object.need("name", out).and_then(|f| pattern_name(&f, others, out));
    let pattern = object.need("pattern", out).and_then(|f| {
        let text = f.text(out)?;
        Pattern::new(text)
            .map_err(|message| {
                out.error(codes::INVALID_PATTERN, f.path(), message);
            })
            .ok()
    });
    let visible_to = visible_to(&object, shown, out);
    Some(Wanted { pattern: Some(pattern?), ..want(name?, visible_to) })
}

/// Names go into the masked text, `[masked:employee_id]`, where nothing has to be escaped.
fn pattern_name<'n>(
    field: &Field<'n>,
    others: &[Wanted],
    out: &mut Diagnostics,
) -> Option<&'n str> {
    let name = field.text(out)?;
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if name.len() > limits::MAX_PATTERN_NAME_BYTES || !name.bytes().all(plain) {
        out.error(
            codes::INVALID_VALUE,
            field.path(),
            format!("`{name}` is not the name of a pattern"),
        )
        .help(format!(
            "a name has small letters, digits and `_`, at most {} of them: `employee_id`",
            limits::MAX_PATTERN_NAME_BYTES
        ));
        return None;
    }
    if About::of(name).is_some() || Group::parse(name).is_some() {
        out.error(
            codes::DUPLICATE,
            field.path(),
            format!("`{name}` is the name of a built-in detector"),
        )
        .help("give the pattern a name of its own");
        return None;
    }
    if others.iter().any(|other| other.name == name) {
        out.error(codes::DUPLICATE, field.path(), format!("another pattern has the name `{name}`"))
            .help("give each pattern a name of its own");
        return None;
    }
    Some(name)
}
