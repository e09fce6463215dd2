//! A key set holds keys that can be told apart, and reads the same as a tree.

use std::collections::BTreeSet;

use scopewarden_core::identity::KeySet;
use scopewarden_core::limits;
use scopewarden_core::node::Node;
use serde_json::Value;

/// One key set document.
pub fn check(document: &[u8]) {
    let read = KeySet::parse(document);
    if let Ok(Value::Object(members)) = serde_json::from_slice(document)
        && Node::from_json(document).is_ok()
        && let Ok(read) = &read
    {
        assert_eq!(KeySet::from_members(&members).as_ref(), Ok(read), "inline and fetched agree");
    }
    let Ok((set, dropped)) = read else { return };
    assert!(set.keys().len() + dropped.len() <= limits::MAX_JWKS_KEYS);
    assert_eq!(set.is_empty(), set.keys().is_empty());
    let mut names = BTreeSet::new();
    for key in set.keys() {
        assert!(key.algorithms().iter().next().is_some(), "a key that verifies nothing is kept");
        if let Some(kid) = key.kid() {
            assert!(names.insert(kid), "two keys answer for one `kid`");
            assert!(kid.len() <= limits::MAX_KID_BYTES);
        }
    }
}
