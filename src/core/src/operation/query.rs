//! The query string, read as the common servers read it.

use super::percent;
use crate::limits::MAX_QUERY_PARAMS;
use crate::reason::Reason;

/// Query parameters in the order they were sent.
///
/// The same reading as Python's `urllib.parse.parse_qsl(query, keep_blank_values=True)`, which
/// Starlette uses: `&` separates, `;` does not, `+` is a space, names are decoded too. What
/// `parse_qsl` would guess at is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the `?` of a request target.
    ///
    /// # Errors
    /// - [`Reason::PathTooLong`]: more parameters than [`MAX_QUERY_PARAMS`].
    /// - [`Reason::QueryMalformed`]: a byte that is not visible ASCII, `#`, half an escape, a control
    ///   character, or text that is not UTF-8.
    pub fn parse(query: &[u8]) -> Result<Self, Reason> {
        if query.iter().any(|b| !b.is_ascii_graphic() || *b == b'#') {
            return Err(Reason::QueryMalformed);
        }
        let mut pairs = Vec::new();
        for part in query.split(|&b| b == b'&').filter(|part| !part.is_empty()) {
            if pairs.len() >= MAX_QUERY_PARAMS {
                return Err(Reason::PathTooLong);
            }
            let mut halves = part.splitn(2, |&b| b == b'=');
            let name = text(halves.next().unwrap_or_default())?;
            let value = text(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// All parameters, names and values decoded.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The value of `name`, when it was sent.
    ///
    /// # Errors
    /// [`Reason::QueryRepeated`] when it was sent more than once: servers differ in which they take.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Reason> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let first = values.next();
        match values.next() {
            Some(_) => Err(Reason::QueryRepeated),
            None => Ok(first),
        }
    }
}

fn text(raw: &[u8]) -> Result<String, Reason> {
    let bytes = percent::decode(raw, true).ok_or(Reason::QueryMalformed)?;
    let text = String::from_utf8(bytes).map_err(|_| Reason::QueryMalformed)?;
    if text.chars().any(percent::is_control) { Err(Reason::QueryMalformed) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `urllib.parse.parse_qsl(query, keep_blank_values=True)` of Python 3.11 answers.
    const AGREES: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("&", &[]),
        ("a=1", &[("a", "1")]),
        ("a=1&b=2", &[("a", "1"), ("b", "2")]),
        // Q1: both values are kept, in order.
        ("role=user&role=admin", &[("role", "user"), ("role", "admin")]),
        // Q2: `;` does not separate.
        ("role=user;role=admin", &[("role", "user;role=admin")]),
        // Q3: names are decoded.
        ("%72ole=admin", &[("role", "admin")]),
        // Q4: blanks, empty names, plus.
        ("role", &[("role", "")]),
        ("role=", &[("role", "")]),
        ("&&=x", &[("", "x")]),
        ("=", &[("", "")]),
        ("+", &[(" ", "")]),
        ("a+b=c+d", &[("a b", "c d")]),
        ("a%2Bb=%2B", &[("a+b", "+")]),
        ("a=b=c", &[("a", "b=c")]),
        ("a%3Db=c", &[("a=b", "c")]),
        ("a%26b=c%26d", &[("a&b", "c&d")]),
        ("a=%E2%82%AC", &[("a", "\u{20ac}")]),
        ("a=%2541", &[("a", "%41")]),
        // Q5: no proxy touches these.
        ("b=<>\"{}|\\^", &[("b", "<>\"{}|\\^")]),
        ("a=1?b=2", &[("a", "1?b=2")]),
        ("user_id=a%40b.c", &[("user_id", "a@b.c")]),
    ];

    #[test]
    fn agrees_with_parse_qsl() {
        for (query, expected) in AGREES {
            let parsed = Query::parse(query.as_bytes()).unwrap();
            let pairs: Vec<_> =
                parsed.pairs().iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(pairs, *expected, "{query}");
        }
    }

    #[test]
    fn what_servers_guess_at_is_refused() {
        let bad: [&[u8]; 12] = [
            b"a=%",
            b"a=%4",
            b"a=%zz",
            b"%=1",
            b"a=%ff",
            b"a=%c0%af",
            b"a=%00",
            b"a=%0a",
            b"a=\x00",
            b"a= b",
            b"a=\xff",
            b"a#b",
        ];
        for query in bad {
            assert_eq!(Query::parse(query), Err(Reason::QueryMalformed), "{query:?}");
        }
        let many = "a&".repeat(MAX_QUERY_PARAMS);
        assert_eq!(Query::parse(many.as_bytes()).map(|q| q.pairs().len()), Ok(MAX_QUERY_PARAMS));
        assert_eq!(Query::parse((many + "a").as_bytes()), Err(Reason::PathTooLong));
    }

    #[test]
    fn q1_a_repeated_parameter_has_no_single_value() {
        let query = Query::parse(b"role=user&%72ole=admin&x=1").unwrap();
        assert_eq!(query.one("role"), Err(Reason::QueryRepeated));
        assert_eq!(query.one("x"), Ok(Some("1")));
        assert_eq!(query.one("y"), Ok(None));
    }

    proptest! {
        #[test]
        fn any_pairs_survive_the_wire(
            pairs in proptest::collection::vec(("[^\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}]{1,8}",
                                                "[^\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}]{0,8}"), 0..6)
        ) {
            let wire: Vec<String> =
                pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
            let parsed = Query::parse(wire.join("&").as_bytes()).unwrap();
            prop_assert_eq!(parsed.pairs(), &pairs[..]);
        }

        #[test]
        fn any_bytes_give_text_without_controls_or_a_reason(
            bytes in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            if let Ok(query) = Query::parse(&bytes) {
                for (name, value) in query.pairs() {
                    prop_assert!(!name.chars().chain(value.chars()).any(percent::is_control));
                }
            }
        }
    }

    fn encode(text: &str) -> String {
        text.bytes().map(|b| format!("%{b:02x}")).collect()
    }
}
