//! The search form: a query taken apart into fields, and put together again.
//!
//! The query's text is what counts and what an address carries. The form has a field for what is asked most; the rest of a query
//! travels along unchanged.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Keys that have a field of their own, in the form's order.
const KEYS: [&str; 7] = ["principal", "operation", "decision", "tier", "surface", "since", "until"];

/// The form's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Values of [`KEYS`], as they are written in the query.
    values: [String; KEYS.len()],
    /// Words that are looked for.
    pub text: String,
    /// Terms that have no field.
    pub rest: String,
}

impl Filters {
    /// Takes a query apart. A key that comes twice has the first in its field.
    pub fn read(query: &str) -> Self {
        let mut filters = Self::default();
        let (mut text, mut rest) = (Vec::new(), Vec::new());
        for term in terms(query).0 {
            let at = |key: &str| KEYS.iter().position(|known| *known == key);
            match term.split_once('=') {
                Some((key, value)) if is_key(key) => {
                    let field = at(key).and_then(|at| filters.values.get_mut(at));
                    match field.filter(|field| field.is_empty()) {
                        Some(field) => value.clone_into(field),
                        None => rest.push(term),
                    }
                }
                Some((key, _)) if key.strip_suffix('!').is_some_and(is_key) => rest.push(term),
                _ => text.push(term),
            }
        }
        filters.text = text.join(" ");
        filters.rest = rest.join(" ");
        filters
    }

    /// From a form that was sent: pairs of name and value.
    pub fn sent(pairs: &[(String, String)]) -> Self {
        let one = |name: &str| {
            let found = pairs.iter().find(|(n, _)| n == name);
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        Self { values: KEYS.map(one), text: one("text"), rest: one("rest") }
    }

    /// Whether a form was sent at all.
    pub fn is_sent(pairs: &[(String, String)]) -> bool {
        pairs.iter().any(|(name, _)| KEYS.contains(&&**name) || name == "text" || name == "rest")
    }

    /// The query that says the same.
    pub fn query(&self) -> String {
        let fields = KEYS.iter().zip(&self.values).filter(|(_, value)| !value.is_empty());
        let mut terms: Vec<String> =
            fields.map(|(key, value)| format!("{key}={}", written(value))).collect();
        terms.extend([&self.text, &self.rest].into_iter().filter(|t| !t.is_empty()).cloned());
        terms.join(" ")
    }

    /// The same, of these times only.
    pub fn between(mut self, since: &str, until: &str) -> Self {
        for (key, time) in [("since", since), ("until", until)] {
            let at = KEYS.iter().position(|known| *known == key);
            if let Some(value) = at.and_then(|at| self.values.get_mut(at)) {
                time.clone_into(value);
            }
        }
        self
    }

    /// A field's value.
    pub fn get(&self, key: &str) -> &str {
        let at = KEYS.iter().position(|known| *known == key);
        at.and_then(|at| self.values.get(at)).map_or("", String::as_str)
    }

    /// Whether any field is filled in.
    pub fn are_used(&self) -> bool {
        self.values.iter().any(|value| !value.is_empty())
    }
}

/// The query's terms, which is what stands between spaces that are not in quotes; and whether a quote is left open.
fn terms(query: &str) -> (Vec<&str>, bool) {
    let (mut terms, mut begin) = (Vec::new(), None);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in query.char_indices() {
        if c.is_whitespace() && !quoted {
            terms.extend(begin.take().and_then(|begin| query.get(begin..at)));
            continue;
        }
        begin.get_or_insert(at);
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    terms.extend(begin.and_then(|begin| query.get(begin..)));
    (terms, quoted)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// A value as it has to be written: what a person typed, in quotes where it would not be one term.
fn written(value: &str) -> String {
    match terms(value) {
        (terms, false) if terms.len() <= 1 => value.to_owned(),
        _ => quoted(value),
    }
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The term that finds exactly this value.
pub fn exactly(key: &str, value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b);
    let value = if value.bytes().all(plain) { value.to_owned() } else { quoted(value) };
    format!("{key}={value}")
}

/// The address of a search, or of the page of it that begins after the record `before`.
pub fn address(query: &str, before: Option<u64>) -> String {
    let address = format!("/audit?q={}", encoded(query));
    match before {
        Some(before) => format!("{address}&before={before}"),
        None => address,
    }
}

/// What has no meaning of its own anywhere in an address.
const PLAIN: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'*');

/// A text as a part of an address, whatever is in it.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use scopewarden_core::time::UnixMillis;

    use super::*;
    use crate::audit::query::Query;

    const NOW: UnixMillis = UnixMillis(1_795_514_400_000);

    fn sorted(query: &str) -> Vec<String> {
        let parsed = Query::parse(query, NOW).unwrap_or_else(|e| panic!("{query}: {e}"));
        let mut terms: Vec<_> = parsed.terms.iter().map(|term| format!("{term:?}")).collect();
        terms.sort();
        terms
    }

    #[test]
    fn a_query_that_was_taken_apart_is_the_same_query() {
        for query in [
            "",
            "principal=alice operation=openai.models.* decision=deny since=2h deletion",
            "principal=\"a b\" principal=c status=403 path=\"/v1/\"*",
            "principal!=alice tier!=read",
            "\"two words\" https://a/?b=c",
            "subject  =x principal=\"with \\\"quote\\\" and \\\\ in it\"",
        ] {
            let Ok(_) = Query::parse(query, NOW) else { continue };
            assert_eq!(sorted(&Filters::read(query).query()), sorted(query), "{query}");
        }
        let filters = Filters::read("tier=admin principal=a principal!=b x status=403 \"y z\"");
        assert_eq!(
            (filters.get("tier"), filters.get("principal"), filters.get("since")),
            ("admin", "a", "")
        );
        assert_eq!((&*filters.text, &*filters.rest), ("x \"y z\"", "principal!=b status=403"));
        assert!(filters.are_used() && !Filters::read("x status=403").are_used());
    }

    #[test]
    fn what_is_typed_into_a_field_stays_one_term() {
        for value in [
            "alice",
            "Alice Liddell",
            "a\"b",
            "a\\b c",
            "sub tier=admin",
            "\"already quoted\"",
            "gpt-*",
            "例 え",
        ] {
            let sent = Filters::sent(&[("principal".to_owned(), value.to_owned())]);
            assert_eq!(sorted(&sent.query()).len(), 1, "{value}");
            assert_eq!(Filters::read(&sent.query()).query(), sent.query(), "{value}");
        }
    }

    #[test]
    fn a_value_is_found_whatever_it_is() {
        for value in ["alice", "a b", "*", "a\"b\\", "x=y", "\u{202e}", "https://idp/", "' OR 1=1"]
        {
            let parsed = Query::parse(&exactly("principal", value), NOW).unwrap();
            let record = serde_json::json!({"principal": {"subject": value}});
            assert!(parsed.matches(&record), "{value}");
            assert!(
                !parsed
                    .matches(&serde_json::json!({"principal": {"subject": format!("{value}x")}}))
            );
        }
        assert_eq!(address("a=b c&d", Some(7)), "/audit?q=a%3Db%20c%26d&before=7");
    }
}
