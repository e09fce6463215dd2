//! What JSON looks like afterwards, however it was cut.
#![expect(clippy::arithmetic_side_effects, reason = "on generated text")]

use proptest::prelude::*;
use serde_json::Value;

use super::super::{Detectors, PERSONAL, Paths, Tally, secrets};
use super::*;

fn rules(paths: &[&str]) -> Rules {
    let known = secrets();
    let mut fields = Paths::default();
    paths.iter().for_each(|p| fields.add(p).unwrap());
    let names = known.iter().map(|k| k.name).chain(PERSONAL);
    Rules { fields, ..Rules::new(Detectors::new(names, Vec::new())) }
}

fn masked<'t>(rules: &Rules, pieces: impl IntoIterator<Item = &'t [u8]>) -> String {
    let mut json = Json::new(rules);
    let (mut out, mut tally) = (Vec::new(), Tally::default());
    for piece in pieces {
        json.feed(piece, &mut Sink::new(rules, &mut tally, &mut out)).unwrap();
    }
    json.finish(&mut Sink::new(rules, &mut tally, &mut out));
    String::from_utf8_lossy(&out).into_owned()
}

fn whole(rules: &Rules, text: &str) -> String {
    masked(rules, [text.as_bytes()])
}

#[test]
fn what_is_not_masked_stays_as_it_came() {
    let rules = rules(&["secret"]);
    for text in [
        r#"{ "a" : [1, -2.50e+3, true,null ],  "b\u0061":"x\/\u00e9\ud83d\ude00\n" }"#,
        "[]\n{}\n",
        "\"text\"",
        "1 2 3",
        "  ",
        "[[[]], {\"a\": {}}]",
        r#"{"a":"\ud800x", "b":"\ud800\ud800"}"#,
    ] {
        assert_eq!(whole(&rules, text), text);
    }
}

#[test]
fn secrets_are_read_through_escapes() {
    let rules = rules(&[]);
    for (text, expected) in [
        (r#"{"m":"bob@example.com"}"#, r#"{"m":"[masked:email]"}"#),
        (r#"{"m":"bob\u0040example.com, ok\n"}"#, r#"{"m":"[masked:email], ok\n"}"#),
        (r#"["\u0041KIAIOSFODNN7EXAMPLE"]"#, r#"["\u0041KIA[masked:aws]"]"#),
        (r#"{"bob@example.com":1}"#, r#"{"[masked:email]":1}"#),
        (r#"{"n":4111111111111111,"m":41}"#, r#"{"n":"[masked:card]","m":41}"#),
        (
            r#"{"k":"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----"}"#,
            r#"{"k":"-----BEGIN PRIVATE KEY-----[masked:private_key]-----END PRIVATE KEY-----"}"#,
        ),
        ("{\"a\":\"bob@example.com\"}\n{\"a\":1}\n", "{\"a\":\"[masked:email]\"}\n{\"a\":1}\n"),
        // Nothing joins across strings.
        (r#"["bob@","example.com"]"#, r#"["bob@","example.com"]"#),
    ] {
        assert_eq!(whole(&rules, text), expected);
    }
}

#[test]
fn json_in_strings_is_read_once_more() {
    let rules = rules(&["**.api_key"]);
    for (text, expected) in [
        (r#"{"t":"{\"m\": \"bob\\u0040example.com\"}"}"#, r#"{"t":"{\"m\": \"[masked:email]\"}"}"#),
        (
            r#"{"t":" [\"x\\nAKIAIOSFODNN7EXAMPLE\", 4111111111111111]\n"}"#,
            r#"{"t":" [\"x\\nAKIA[masked:aws]\", \"[masked:card]\"]\n"}"#,
        ),
        (
            r#"{"t":"{\"api_key\": {\"x\": 1}, \"b\": \"{\\\"api\\u005fkey\\\":1}\"}"}"#,
            r#"{"t":"{\"api_key\": \"[masked]\", \"b\": \"{\\\"api\\u005fkey\\\":\\\"[masked]\\\"}\"}"}"#,
        ),
        (r#"["\"bob\\u0040example.com\""]"#, r#"["\"[masked:email]\""]"#),
        // What looks like JSON and is not, is text.
        (r#"["[see bob@example.com]"]"#, r#"["[see [masked:email]]"]"#),
        (r#"["{\"a\":1} 4111 1111 1111 1111"]"#, r#"["{\"a\":1} [masked:card]"]"#),
        (r#"["[1,-4111111111111111 x]"]"#, r#"["[1,\"-[masked:card]\" x]"]"#),
        (r#"["[\u0034111111111111111]"]"#, r#"["[\"[masked:card]\"]"]"#),
    ] {
        assert_eq!(whole(&rules, text), expected);
        assert!(serde_json::from_str::<Value>(expected).is_ok());
    }
}

#[test]
fn what_is_called_a_secret_and_looks_like_one_is_one() {
    let rules = rules(&[]);
    for (text, expected) in [
        (r#"{"password":"q8Zx0;Lm2V x"}"#, r#"{"password":"[masked:assignment] x"}"#),
        (
            r#"{"a":{"api\u005fkey" : "q8\u005ax0Lm2Vt7\\"}}"#,
            r#"{"a":{"api\u005fkey" : "[masked:assignment]"}}"#,
        ),
        (
            r#"{"t":"{\"apiKey\":\"q8Zx0Lm2Vt7RwY5sKd\"}"}"#,
            r#"{"t":"{\"apiKey\":\"[masked:assignment]\"}"}"#,
        ),
        (
            r#"{"passwd":"postgres://a:s3cr3t@db"}"#,
            r#"{"passwd":"postgres://a:[masked:connection_string]@db"}"#,
        ),
    ] {
        assert_eq!(whole(&rules, text), expected);
        for cut in 0..text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            assert_eq!(masked(&rules, [a, b]), expected, "cut at {cut}");
        }
    }
    for text in [
        r#"{"password":"correct horse battery 1"}"#,
        r#"{"password":"Adgangskode"}"#,
        r#"{"password":{"type":"string"},"x":"q8Zx0Lm2Vt7RwY5sKd"}"#,
        r#"{"password":["q8Zx0Lm2Vt7RwY5sKd"]}"#,
        r#"{"password":"https://example.com/users/1/password?reset=q8Zx0Lm2Vt7"}"#,
        r#"{"api_key":null,"next_page_token":"q8Zx0Lm2Vt7RwY5sKd"}"#,
        r#"{"secret":"projects/123/secrets/db-password-2"}"#,
        r#"{"api_key":"2026-11-24T10:15:00.123Z"}"#,
        r#"["password","q8Zx0Lm2Vt7RwY5sKd"]"#,
    ] {
        assert_eq!(whole(&rules, text), text);
    }
}

#[test]
fn nothing_is_a_number_that_is_not_scanned() {
    let rules = rules(&[]);
    for (text, expected) in [
        ("token: \"q8Zx0Lm2Vt7RwY5sKd\"", "token: \"[masked:assignment]\""),
        ("nobody-bob@example.com", "[masked:email]"),
        ("1-4111111111111111x", "1-4111111111111111x"),
        ("2x203.0.113.7, 203.0.113.7", "2x203.0.113.7, [masked:ip]"),
    ] {
        assert_eq!(whole(&rules, text), expected);
    }
    let long = format!("[{}]", "3".repeat(5000));
    assert_eq!(whole(&rules, &long), long);
    let long = format!("[{} bob@example.com", "3".repeat(5000));
    assert!(whole(&rules, &long).ends_with("3 [masked:email]"));
}

#[test]
fn fields_are_replaced_whatever_they_hold() {
    let rules = rules(&["**.api_key", "data.env[*].value"]);
    for (text, expected) in [
        (r#"{"api_key": "x", "b": 1}"#, r#"{"api_key": "[masked]", "b": 1}"#),
        (
            r#"{"a": {"api_key": {"x": [1, "}"]}}, "b": 1}"#,
            r#"{"a": {"api_key": "[masked]"}, "b": 1}"#,
        ),
        (
            r#"[{"api_key":[1,2]},{"api_key":null},{"api_key":12}]"#,
            r#"[{"api_key":"[masked]"},{"api_key":"[masked]"},{"api_key":"[masked]"}]"#,
        ),
        (
            r#"{"data":{"env":[{"value":"a"},{"name":"b","value":"c"}]}}"#,
            r#"{"data":{"env":[{"value":"[masked]"},{"name":"b","value":"[masked]"}]}}"#,
        ),
        (r#"{"api\u005fkey":"x"}"#, r#"{"api\u005fkey":"[masked]"}"#),
        (r#"{"api_key":"a","api_key":"b"}"#, r#"{"api_key":"[masked]","api_key":"[masked]"}"#),
    ] {
        assert_eq!(whole(&rules, text), expected);
        assert!(serde_json::from_str::<Value>(expected).is_ok());
    }
}

#[test]
fn what_is_no_json_is_text() {
    let rules = rules(&["**.k"]);
    assert_eq!(whole(&rules, "oops bob@example.com"), "oops [masked:email]");
    assert_eq!(whole(&rules, r#"{"a":1]bob@example.com"#), r#"{"a":1][masked:email]"#);
    assert_eq!(whole(&rules, r#"{"k":{"a" "b"}"#), r#"{"k":"[masked]"[masked]"b"}"#);
    assert_eq!(whole(&rules, r#"{"a":"bob@example.com"#), r#"{"a":"[masked:email]"#);
    assert_eq!(whole(&rules, r#"{"a":"bob\u00"#), r#"{"a":"bob\u00"#);
}

#[test]
fn what_repeats_a_text_shows_no_more_than_it() {
    let rules = rules(&[]);
    for (text, expected) in [
        (
            r#"{"text":"AKIAIOSFODNN7EXAMPLE","logprobs":{"content":[{"token":"AKIA","bytes":[65]},{"token":"IOSFODNN"},{"token":"7EXAMPLE"}],"refusal":null},"a":1}"#,
            r#"{"text":"AKIA[masked:aws]","logprobs":null,"a":1}"#,
        ),
        (
            r#"[{"logprobs":[{"token":"bob@"},{"token":"ex\u0061mple.com"}]}]"#,
            r#"[{"logprobs":[]}]"#,
        ),
        (
            r#"{"logprobs":{"tokens":["bob","@example",".com"]},"b":2}"#,
            r#"{"logprobs":null,"b":2}"#,
        ),
    ] {
        assert_eq!(whole(&rules, text), expected);
        assert_eq!(masked(&rules, text.as_bytes().chunks(1)), expected);
    }
    for text in [
        r#"{"logprobs": {"content" :[{"token":"bob","top_logprobs":[{"token":"@example.com"}]}]} , "b":[2]}"#,
        r#"{"logprobs":null,"b":{"logprobs":[]}}"#,
        r#"["logprobs",["bob@","example.com"]]"#,
    ] {
        assert_eq!(whole(&rules, text), text);
        assert_eq!(masked(&rules, text.as_bytes().chunks(1)), text);
    }
    let long = format!(r#"{{"logprobs":[{}],"b":1}}"#, vec![r#"{"token":"a "}"#; 30_000].join(","));
    assert_eq!(whole(&rules, &long), r#"{"logprobs":[],"b":1}"#);
    assert_eq!(whole(&rules, r#"{"logprobs":[{"token":"bob@ "#), r#"{"logprobs":[{"token":"bob@ "#);
}

#[test]
fn nesting_has_an_end() {
    let rules = rules(&[]);
    let mut json = Json::new(&rules);
    let deep = "[".repeat(100_000);
    let (mut out, mut tally) = (Vec::new(), Tally::default());
    let fed = json.feed(deep.as_bytes(), &mut Sink::new(&rules, &mut tally, &mut out));
    assert_eq!(fed, Err(Stop::Uncertain(Uncertain::TooDeep)));
}

/// JSON, and what only begins as JSON, with things to find.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("\"bob@example.com\"".to_owned()),
        Just(r#""b\u006fb@example\u002ecom""#.to_owned()),
        Just(r#""AKIAIOSFODNN7EXAMPLE tail""#.to_owned()),
        Just(r#""\ud83d\ude00 \ud800 \udc00x \" \\\""#.to_owned()),
        Just("4111111111111111".to_owned()),
        Just("null".to_owned()),
        "-?[0-9]{1,20}",
        r#""[ -!#-\\[\\]-~é]{0,30}""#,
    ];
    let tree = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(", "))),
            prop::collection::vec(
                (prop::sample::select(vec!["a", "k", "api_key", "x"]), inner),
                0..4
            )
            .prop_map(|v| {
                let members: Vec<String> =
                    v.into_iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    (tree, any::<bool>(), any::<prop::sample::Index>()).prop_map(|(text, cut, at)| {
        if !cut {
            return text;
        }
        text.chars().take(at.index(text.chars().count() + 1)).collect()
    })
}

proptest! {
    #[test]
    fn the_stream_equals_the_whole(text in documents(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let rules = rules(&["**.api_key", "[0].k"]);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let expected = whole(&rules, &text);
        let pieces = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]);
        prop_assert_eq!(masked(&rules, pieces), expected.as_str());
        prop_assert_eq!(masked(&rules, text.as_bytes().chunks(1)), expected.as_str());
        if serde_json::from_str::<Value>(&text).is_ok() {
            prop_assert!(serde_json::from_str::<Value>(&expected).is_ok(), "{}", expected);
        }
        prop_assert!(!expected.contains("bob@example.com") && !expected.contains("IOSFODNN7EXAMPLE"));
    }
}
