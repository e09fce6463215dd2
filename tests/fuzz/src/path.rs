//! An accepted path is read as a plain decoder reads it, and in no other way by a second one.

use percent_encoding::percent_decode;
use scopewarden_core::operation::{canonicalize, split_target};

/// One request target.
pub fn check(target: &[u8]) {
    let (raw, query) = split_target(target);
    let parts = query.map_or_else(|| raw.to_vec(), |query| [raw, b"?", query].concat());
    assert_eq!(parts, target, "a target is split without loss");

    let Ok(path) = canonicalize(raw) else { return };
    let decoded = percent_decode(raw).decode_utf8().expect("an accepted path is UTF-8");
    let plain = decoded.strip_prefix('/').expect("an accepted path starts with a slash");
    let plain = plain.strip_suffix('/').unwrap_or(plain);
    let expected: Vec<&str> =
        if plain.is_empty() { Vec::new() } else { plain.split('/').collect() };
    assert_eq!(path.segments().collect::<Vec<_>>(), expected, "segments are what was sent");

    for segment in path.segments() {
        assert!(!matches!(segment, "" | "." | ".."), "a server would walk: {segment:?}");
        assert!(!segment.contains(['/', '\\', ';']), "a server would split: {segment:?}");
        assert!(!segment.contains(char::is_control), "a server would cut: {segment:?}");
        let again = percent_decode(segment.as_bytes()).collect::<Vec<u8>>();
        assert_eq!(again, segment.as_bytes(), "a server would decode it once more");
    }

    let printed = path.to_string();
    let again = canonicalize(printed.as_bytes()).expect("what is printed is canonical");
    assert_eq!(again, path, "the canonical form means the same");
    assert_eq!(again.to_string(), printed, "the canonical form is a fixed point");
}
