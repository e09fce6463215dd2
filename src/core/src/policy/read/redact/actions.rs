//! `actions` and `hash_key`: what happens with what is found.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::codes;
use super::super::fields::{Field, Object};
use super::super::kinds;
use super::detectors::LIST;
use crate::diag::{Diagnostics, closest};
use crate::limits;
use crate::node::Node;
use crate::redact::{About, Action, Group, MIN_HASH_KEY, Wanted};

const ACTIONS: [(&str, Action); 4] = [
    ("mask", Action::Mask),
    ("hash", Action::Hash),
    ("drop", Action::Drop),
    ("block", Action::Block),
];

/// `actions`: by detector, pattern, or group. What is said of a single one counts, whatever is said of its group.
pub(super) fn actions(
    field: &Field<'_>,
    patterns: &[&str],
    wanted: &mut [Wanted],
    out: &mut Diagnostics,
) {
    let mut entries = field.map(out);
    entries.sort_by_key(|(name, _)| Group::parse(name).is_none());
    let mut groups = Vec::new();
    for (name, value) in &entries {
        let name = *name;
        let action = action(value, out);
        let group = Group::parse(name);
        if let Some(group) = group {
            if groups.contains(&group) {
                out.error(codes::DUPLICATE, value.path(), format!("`{name}` is listed twice"))
                    .help("`pii` is another name of `personal`; remove one of the two");
            }
            groups.push(group);
        }
        let meant = |wanted: &Wanted| match group {
            Some(group) => About::of(&wanted.name).is_some_and(|about| about.group == group),
            None => wanted.name == name,
        };
        // A pattern that has an error of its own is not among those that are on.
        let mut any = patterns.contains(&name);
        for detector in wanted.iter_mut().filter(|w| meant(w)) {
            any = true;
            detector.action = action.unwrap_or_default();
        }
        if !any {
            not_on(name, value, wanted, out);
        }
    }
    for detector in wanted.iter() {
        let Err(message) = detector.check() else { continue };
        // The last entry about it is the one that counts.
        let group = About::of(&detector.name).map(|about| about.group);
        let about =
            |name: &str| name == detector.name || group.is_some() && Group::parse(name) == group;
        if let Some((_, value)) = entries.iter().rev().find(|(name, _)| about(name)) {
            out.error(codes::OUT_OF_RANGE, value.path(), message);
        }
    }
}

/// An action for a detector that is not on, or that does not exist.
fn not_on(name: &str, value: &Field<'_>, wanted: &[Wanted], out: &mut Diagnostics) {
    if About::of(name).is_some() || Group::parse(name).is_some() {
        out.error(
            codes::UNKNOWN_DETECTOR,
            value.path(),
            format!("`{name}` is not on, so nothing has this action"),
        )
        .help("add it to `detectors`, or remove its action");
        return;
    }
    let message = format!("there is no detector or pattern `{name}`");
    let finding = out.error(codes::UNKNOWN_DETECTOR, value.path(), message);
    let on = wanted.iter().map(|w| w.name.as_str());
    match closest(name, on.chain(["secrets", "personal", "pii"])) {
        Some(known) => finding.help(format!("did you mean `{known}`?")),
        None => finding.help(LIST),
    }
}

fn action(field: &Field<'_>, out: &mut Diagnostics) -> Option<Action> {
    if let Node::Object(_) = field.node() {
        let object = field.object(&kinds::ACTION, out)?;
        let most = i64::from(limits::MAX_PARTIAL);
        let shown = object.need("partial", out)?.integer(1, most, out)?;
        return u8::try_from(shown).ok().map(Action::Partial);
    }
    if *field.node() == Node::String("partial".to_owned()) {
        out.error(codes::INVALID_VALUE, field.path(), "`partial` does not say how much is shown")
            .help("say how much of the end is: `{partial: 4}`");
        return None;
    }
    field.choice(&ACTIONS, out)
}

/// `hash_key`. Nothing of it goes into a finding.
pub(super) fn hash_key(
    object: &Object<'_>,
    wanted: &[Wanted],
    out: &mut Diagnostics,
) -> Option<Vec<u8>> {
    let hashed = wanted.iter().find(|w| w.action == Action::Hash);
    let Some(field) = object.get("hash_key") else {
        if let Some(hashed) = hashed {
            out.error(
                codes::MISSING_KEY,
                object.path(),
                format!("`{}` is hashed, and `hash_key` is missing", hashed.name),
            )
            .help("add one, such as the output of `openssl rand -base64 32`");
        }
        return None;
    };
    let text = field.text(out)?;
    // Either alphabet, with or without padding: there is no second reading of it.
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = [STANDARD, URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok());
    match decoded {
        None => {
            out.error(codes::INVALID_VALUE, field.path(), "the hash key is not base64")
                .help("make one with `openssl rand -base64 32`");
            None
        }
        Some(key) if key.len() < MIN_HASH_KEY => {
            out.error(
                codes::OUT_OF_RANGE,
                field.path(),
                format!("the hash key has {} bytes, fewer than {MIN_HASH_KEY}", key.len()),
            )
            .help("make one with `openssl rand -base64 32`");
            None
        }
        Some(key) => {
            if hashed.is_none() {
                out.warning(
                    codes::UNREACHABLE,
                    field.path(),
                    "no action is `hash`, so this key is not used",
                )
                .help("remove it, or give a detector the action: `actions: {email: hash}`");
            }
            Some(key)
        }
    }
}
