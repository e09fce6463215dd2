//! The secrets that a policy has: reports quote lines, and go into logs of others.

use std::ops::Range;

use super::Tree;

/// The sections with a secret, and its name there.
const SECRETS: [(&str, &str); 2] = [("redact", "hash_key"), ("audit", "token")];

/// `text` with asterisks for the bytes of the secrets, so that every other place stays where it is.
pub(super) fn hidden(text: String, tree: Option<&Tree>) -> String {
    let places = match tree {
        Some(tree) => {
            let span = |(section, name): (&str, &str)| {
                Some(tree.member(section)?.value.member(name)?.value.span.clone())
            };
            SECRETS.into_iter().filter_map(span).collect()
        }
        // No tree, no span: then what follows the name on its line is not shown.
        None => rests(&text),
    };
    if places.is_empty() {
        return text;
    }
    let hide = |(at, byte): (usize, u8)| {
        let kept = byte == b'\n' || !places.iter().any(|place: &Range<usize>| place.contains(&at));
        if kept { byte } else { b'*' }
    };
    let bytes: Vec<u8> = text.bytes().enumerate().map(hide).collect();
    // A span never ends inside a character.
    String::from_utf8(bytes).unwrap_or_default()
}

/// What follows each mention of a name, to the end of its line.
fn rests(text: &str) -> Vec<Range<usize>> {
    let mentions = SECRETS.into_iter().flat_map(|(_, name)| text.match_indices(name));
    let rest = |(at, name): (usize, &str)| {
        let start = at.saturating_add(name.len());
        let rest = text.get(at..).and_then(|rest| rest.find('\n'));
        start..rest.map_or(text.len(), |length| at.saturating_add(length))
    };
    mentions.map(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Source;

    fn shown(text: &str) -> String {
        Source::from_bytes("policy.yaml", text.as_bytes()).unwrap().text
    }

    #[test]
    fn the_key_is_not_shown() {
        for text in [
            "redact:\n  hash_key: SECRET\n  on: x\n",
            "audit: { token: SECRET, on: x }\n",
            "audit: { token: SECRET, \"on }\n",
            "redact: { hash_key: 'SECRET', on: x }\n",
            "a: &k SECRET\nredact: { hash_key: *k }\n",
            "redact:\n  hash_key: >-\n    SECRET\n    SECRET\n",
            "{\"redact\": {\"hash_key\": \"SECRET\"}}",
            "redact: { hash_key: [SECRET, {x: SECRET}] }\n",
            "redact:\n  hash_key: \"SECRET\n",
            "{\"redact\": {\"hash_key\": \"SECRET\", \"on\" }}",
            "redact: { hash_key: größe SECRET ü }\n",
            "redact: { hash_key: größe SECRET ü\n",
        ] {
            let shown = shown(text);
            assert!(!shown.contains("SECRET"), "{shown}");
            assert_eq!(shown.len(), text.len(), "places stay where they are");
            assert!(shown.contains("redact") || shown.contains("audit"), "{shown}");
        }
    }

    #[test]
    fn all_else_is_shown() {
        for text in ["redact: { on: [hash_key] }\n", "hash_key: x\n", "rules: []\n", "a: [\n"] {
            assert_eq!(shown(text), text);
        }
    }
}
