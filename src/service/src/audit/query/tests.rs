use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_514_400_000);

fn parse(text: &str) -> Query {
    Query::parse(text, NOW).unwrap()
}

fn record() -> serde_json::Value {
    json!({
        "v": 1, "stream": "0".repeat(32), "seq": 3, "kind": "decision", "time": "2026-11-24T09:00:00.000Z",
        "record": "r-1", "principal": {"issuer": "https://idp", "subject": "alice"}, "operation": "openai.models.delete",
        "tier": "destroy", "decision": "deny", "reason": "scope_missing", "method": "DELETE", "path": "/v1/models/ft-1",
        "status": 403, "facts": {"model": "ft-1", "prompt": "Drop the Tables"}, "masked": {"email": 2, "card": 1},
        "approval": {"id": "apr_1", "status": "approved", "approvers": [{"issuer": "i", "subject": "bob"}, {"issuer": "i", "subject": "eve"}]},
        "session": {"trace": "4b".repeat(16), "run": "7"}, "surface": null, "message": "needs `models:delete`",
        "request": {"bytes": 9, "body": "{\"note\":\"ÄRGER straße\"}"},
    })
}

#[test]
fn a_record_is_found_by_what_it_says() {
    for query in [
        "",
        "  ",
        "principal=alice",
        "principal!=bob issuer=https://idp",
        "operation=openai.models.* tier=destroy decision=deny reason=scope_missing",
        "operation=*.models.* path=/v1/*/ft-1 path=*ft*",
        "status=403 status=4* status!=5*",
        "approval=apr_1 approver=bob approver=eve approver!=alice masked=email masked=c*",
        "session=run:7 trace=4b* record=r-1 kind=decision model=ft-1 method=DELETE",
        "surface!=* surface!=openai",
        "since=2h until=30m since=2026-11-24 until=2026-11-24T09:00:00.001Z since=2026-11-24T09:00:00Z",
        "drop THE tables",
        "\"the tables\" tab* models/ft ft-1",
        "ärger STRAßE Ärg*",
        "models:delete",
        "principal=\"alice\" principal=a\"lic\"*",
    ] {
        let matches = parse(query).matches(&record());
        assert!(matches, "{query}");
    }
    for query in [
        "principal=alic",
        "principal=Alice",
        "principal!=alice",
        "principal=\"a*\"",
        "surface=*",
        "surface=\"*\"",
        "approver!=bob",
        "status=40",
        "since=30m",
        "until=2h",
        "until=2026-11-24T09:00:00Z",
        "table",
        "\"drop tables\"",
        "tables*x",
        "principal=alice decision=allow",
    ] {
        assert!(!parse(query).matches(&record()), "{query}");
    }
    assert!(!parse("since=1970-01-01").matches(&json!({})));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (query, expected) in [
        (
            "a principle=x",
            "the query, at character 3: unknown key `principle`; did you mean `principal`?",
        ),
        (
            "ä  tier=",
            "the query, at character 9: `tier` has no value; `tier=*` finds those that have one",
        ),
        ("tier=\"a b", "the query, at character 6: this quote does not end"),
        (
            "since=yesterday",
            "the query, at character 7: `yesterday` is no time; write `2026-11-24`, `2026-11-24T10:00:00Z`, or how long ago: `30m`, `2h`, `7d`",
        ),
        ("since!=2h", "the query, at character 1: write `since=`; a time has no `!=`"),
        ("a --", "the query, at character 3: there is no letter or digit to look for"),
        (
            "path=*a*a*a*a*a*a*a*a*",
            "the query, at character 6: there are more than 8 stars in one value",
        ),
    ] {
        assert_eq!(Query::parse(query, NOW).unwrap_err().to_string(), expected);
    }
    let far = Query::parse("zzzzzzzzzzzz=1", NOW).unwrap_err().what;
    for field in Field::ALL {
        assert!(far.contains(&format!("`{}`", field.name())), "{far}");
        assert_eq!(Field::named(field.name()), Some(field));
    }
    assert!(Query::parse(&"a ".repeat(33), NOW).unwrap_err().what.contains("32 terms"));
    assert!(Query::parse(&"a".repeat(5000), NOW).unwrap_err().what.contains("4096 bytes"));
}

#[test]
fn stars_stand_for_anything() {
    for (query, yes, no) in [
        ("path=a*", &["a", "ab"][..], &["", "ba"][..]),
        ("path=*a", &["a", "ba"], &["ab"]),
        ("path=a*a", &["aa", "aba"], &["a", "ab"]),
        ("path=a*b*c", &["abc", "aXbYc", "abbcc"], &["acb", "ac", "bc"]),
        ("path=*b*b*", &["bb", "abab"], &["b"]),
        ("path=\"*\"", &["*"], &["a"]),
    ] {
        let [Term { test: Test::Field(_, pattern), .. }] = &*parse(query).terms else { panic!() };
        assert!(yes.iter().all(|text| pattern.matches(text)), "{query}");
        assert!(!no.iter().any(|text| pattern.matches(text)), "{query}");
    }
}

/// What a pattern means, slowly.
fn slow(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) if slow(rest, text) => true,
        (['*', ..], [_, more @ ..]) => slow(pattern, more),
        ([p, rest @ ..], [t, more @ ..]) if p == t && *p != '*' => slow(rest, more),
        _ => false,
    }
}

proptest! {
    #[test]
    fn no_query_breaks_anything(text in "\\PC{0,60}", hostile in "[a-z=!*\"\\\\ \u{85}\u{130}]{0,60}") {
        for text in [text, hostile.clone(), format!("path={hostile}"), format!("since={hostile}")] {
            if let Ok(query) = Query::parse(&text, NOW) {
                query.matches(&record());
            }
        }
    }

    #[test]
    fn stars_mean_what_they_mean(pattern in "[ab*]{1,8}", text in "[ab]{0,10}") {
        let query = format!("path={pattern}");
        let [Term { test: Test::Field(_, read), .. }] = &*parse(&query).terms else { panic!() };
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(read.matches(&text), slow(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn any_value_can_be_asked_for(value in "\\PC{1,30}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let query = parse(&format!("principal=\"{quoted}\""));
        let record = json!({"principal": {"subject": value}});
        prop_assert!(query.matches(&record));
    }

    #[test]
    fn words_of_a_record_find_it(text in "[ -~äßİΣ]{0,40}") {
        let record = json!({"message": text});
        for word in words(&text) {
            prop_assert!(parse(&format!("\"{word}\"")).matches(&record), "{}", word);
        }
    }
}
