//! An accepted query has the parameters that the URL standard's parser finds.

use scopewarden_core::operation::Query;

/// What follows a `?`.
pub fn check(raw: &[u8]) {
    let Ok(query) = Query::parse(raw) else { return };
    let expected: Vec<(String, String)> = form_urlencoded::parse(raw).into_owned().collect();
    assert_eq!(query.pairs(), expected, "parameters are what the URL standard finds");
    for (name, value) in query.pairs() {
        assert!(!name.contains(char::is_control) && !value.contains(char::is_control));
        let sent = expected.iter().filter(|(n, _)| n == name).count();
        match query.one(name) {
            Ok(found) => assert_eq!((sent, found), (1, Some(value.as_str()))),
            Err(_) => assert!(sent > 1, "`{name}` was sent once"),
        }
    }
}
