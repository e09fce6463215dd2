use serde_json::{Value, json};

use super::read::{SETTINGS, Shape, read};
use super::*;

/// Everything that is found, a line each.
fn found(document: &Value) -> Vec<String> {
    read(document).map_or_else(
        |all| {
            assert!(all.iter().all(|d| d.help.is_some()), "{all:#?}");
            all.iter().map(|d| format!("{} {}: {}", d.code, d.path, d.message)).collect()
        },
        |_| Vec::new(),
    )
}

#[test]
fn nothing_is_needed() {
    assert_eq!(read(&json!({})).unwrap(), Settings::default());
    assert_eq!(read(&Value::Null).unwrap(), Settings::default());
}

#[test]
fn the_shape_is_that_of_the_types() {
    fn walk(shape: &Shape, wrap: &dyn Fn(Value) -> Value) {
        match shape {
            Shape::Leaf => {}
            Shape::List(shape) => walk(shape, &|value| wrap(json!([value]))),
            Shape::Members(known) => {
                let document = wrap(json!({"\u{1}": 0}));
                let error = serde_json::from_value::<Settings>(document).unwrap_err().to_string();
                let names: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
                let listed = match &*names {
                    [one, two] => format!("expected {one} or {two}"),
                    names => format!("expected one of {}", names.join(", ")),
                };
                assert!(error.contains(&listed), "{error}\n{listed}");
                for (name, shape) in *known {
                    walk(shape, &|value| wrap(json!({*name: value})));
                }
            }
        }
    }
    walk(&SETTINGS, &|value| value);
}

#[test]
fn all_mistakes_are_found_at_once() {
    let document = json!({
        "databse": "x",
        "colour": "red",
        "listen": {"questions": "8088", "persons": "x"},
        "issuers": [{"issuer": "https://a/", "audiences": "x", "jwks_url": "https://a/k"}, {"issuer": 1}],
        "open_per_caller": -1,
        "webhooks": [{"url": "https://a/"}, {"url": "https://a/", "secret_file": "s", "events": ["aproved"]}],
        "same_person": [[{"issuer": "a"}]],
        "dev_login": "yes",
    });
    let mut all = found(&document);
    all.sort();
    assert_eq!(
        all,
        [
            "missing-key same_person[0][0]: missing field `subject`",
            "missing-key webhooks[0]: missing field `secret_file`",
            "unknown-key colour: unknown key `colour`",
            "unknown-key databse: unknown key `databse`",
            "unknown-key listen.persons: unknown key `persons`",
            "wrong-value dev_login: invalid type: string \"yes\", expected a boolean",
            "wrong-value issuers[0].audiences: invalid type: string \"x\", expected a list",
            "wrong-value listen.questions: invalid socket address syntax",
            "wrong-value open_per_caller: invalid value: integer `-1`, expected a whole number",
        ]
    );
    let Err(all) = read(&json!({"databse": 1})) else { panic!() };
    assert_eq!(all[0].help.as_deref(), Some("did you mean `database`?"));
    assert_eq!(found(&json!([])), ["wrong-value policy: settings are names and values"]);
}

#[test]
fn what_cannot_be_meant_is_said() {
    let person = |subject: &str| json!({"issuer": "https://a/", "subject": subject});
    let issuer = json!({"issuer": "https://a/", "audiences": [], "jwks_url": "http://idp/keys"});
    let hook = |url: &str| json!({"url": url, "secret_file": "/nowhere/secret"});
    for (document, expected) in [
        (
            json!({"database": "mysql://h/d"}),
            vec!["wrong-value database: neither SQLite nor PostgreSQL"],
        ),
        (
            json!({"public_url": "http://approvals.example.com"}),
            vec![
                "not-https public_url: everybody on the way could read and change what goes there",
            ],
        ),
        (json!({"public_url": "http://127.0.0.1:8089"}), vec![]),
        (json!({"public_url": "approvals"}), vec!["bad-url public_url: not a URL"]),
        (json!({"break_glass_scope": "a b"}), vec!["wrong-value break_glass_scope: not one scope"]),
        (
            json!({"open_per_caller": 0}),
            vec!["wrong-value open_per_caller: nobody could ask for anything"],
        ),
        (
            json!({"listen": {"questions": "127.0.0.1:1", "people": "127.0.0.1:1"}}),
            vec!["duplicate listen.people: proxies and people at one address"],
        ),
        (
            json!({"listen": {"people_tls": {"certificate": "/nowhere/c", "key": "/nowhere/k"}}}),
            vec![
                "bad-file listen.people_tls.certificate: cannot read `/nowhere/c`: no such file or directory",
                "bad-file listen.people_tls.key: cannot read `/nowhere/k`: no such file or directory",
            ],
        ),
        (
            json!({"issuers": [issuer, issuer]}),
            vec![
                "not-https issuers[0].jwks_url: everybody on the way could read and change what goes there",
                "empty issuers[0].audiences: tokens for anybody would be believed",
                "not-https issuers[1].jwks_url: everybody on the way could read and change what goes there",
                "empty issuers[1].audiences: tokens for anybody would be believed",
                "duplicate issuers[1].issuer: `https://a/` is `issuers[0]` already",
            ],
        ),
        (
            json!({"login": {"issuer": "https://idp/", "client_id": "c"}, "dev_login": true}),
            vec![
                "missing-key login: `login` needs `public_url`",
                "conflict dev_login: everybody could log in beside `login`",
            ],
        ),
        (
            json!({"listen": {"people": "0.0.0.0:8089"}, "dev_login": true}),
            vec![
                "conflict dev_login: everybody who reaches the service could log in under any name",
            ],
        ),
        (
            json!({"same_person": [[person("a")], [person("b"), person("b"), person("a")]]}),
            vec![
                "empty same_person[0]: one identity alone says nothing",
                "duplicate same_person[1][1]: `b` is `same_person[1][0]` already",
                "duplicate same_person[1][2]: `a` is `same_person[0][0]` already",
            ],
        ),
        (
            json!({"webhooks": [hook("http://hooks/secret"), hook("http://hooks/secret")]}),
            vec![
                "not-https webhooks[0].url: everybody on the way could read and change what goes there",
                "bad-file webhooks[0].secret_file: cannot read `/nowhere/secret`: no such file or directory",
                "not-https webhooks[1].url: everybody on the way could read and change what goes there",
                "duplicate webhooks[1].url: the same as `webhooks[0].url`",
                "bad-file webhooks[1].secret_file: cannot read `/nowhere/secret`: no such file or directory",
            ],
        ),
    ] {
        assert_eq!(found(&document), expected, "{document}");
    }
}

#[test]
fn a_collector_is_read() {
    let settings = read(&json!({"audit": {}})).unwrap();
    assert_eq!(settings.audit, Some(Audit::default()));
    let audit = json!({"segment_bytes": "1MiB", "keep": "90d", "index": "postgres://h/d"});
    let audit = read(&json!({"audit": audit})).unwrap().audit.unwrap();
    assert_eq!((audit.segment_bytes, audit.keep), (1 << 20, Some(7_776_000_000)));
    assert_eq!(
        read(&json!({"audit": {"segment_bytes": 65536}})).unwrap().audit.unwrap().segment_bytes,
        65536
    );
    assert_eq!(
        found(&json!({"audit": {"listen": "4318", "kep": "90d"}})),
        [
            "unknown-key audit.kep: unknown key `kep`",
            "wrong-value audit.listen: invalid socket address syntax",
        ]
    );
    for (audit, expected) in [
        (json!({"tls": {"key": "k"}}), "missing-key audit.tls: missing field `certificate`"),
        (json!({"tokens": [{"name": "a"}]}), "missing-key audit.tokens[0]: missing field `file`"),
        (
            json!({"segment_bytes": "64MB"}),
            "wrong-value audit.segment_bytes: `64MB` is not a size; write bytes, `KiB` or `MiB`, such as `4MiB`",
        ),
        (json!({"segment_bytes": []}), "wrong-value audit.segment_bytes: not a size"),
        (
            json!({"keep": "90"}),
            "wrong-value audit.keep: `90` is not a duration; write a number and a unit, such as `30s` or `5m`",
        ),
    ] {
        assert_eq!(found(&json!({"audit": audit})), [expected]);
    }
}

#[test]
fn a_collector_that_cannot_be_meant_is_told() {
    let file = |name: &str| json!({"name": name, "file": "/nowhere/token"});
    for (audit, expected) in [
        (
            json!({"listen": "0.0.0.0:4318"}),
            vec!["conflict audit.listen: everybody who reaches the service could write records"],
        ),
        (
            json!({"listen": "127.0.0.1:8089", "index": "mysql://h/d", "keep": "0s"}),
            vec![
                "duplicate audit.listen: another door is at this address",
                "wrong-value audit.index: neither SQLite nor PostgreSQL",
                "wrong-value audit.keep: nothing would be kept",
            ],
        ),
        (
            json!({"listen": "0.0.0.0:4318", "tokens": [file("a"), file("a")]}),
            vec![
                "bad-file audit.tokens[0].file: cannot read `/nowhere/token`: no such file or directory",
                "duplicate audit.tokens[1].name: `a` is `audit.tokens[0]` already",
                "bad-file audit.tokens[1].file: cannot read `/nowhere/token`: no such file or directory",
            ],
        ),
        (
            json!({"tls": {"certificate": "/nowhere/c", "key": "/nowhere/k"}}),
            vec![
                "bad-file audit.tls.certificate: cannot read `/nowhere/c`: no such file or directory",
                "bad-file audit.tls.key: cannot read `/nowhere/k`: no such file or directory",
            ],
        ),
        (
            json!({"signing_key": "scopewarden-verdict-key.json", "origin": "a+b", "segment_bytes": 1000}),
            vec![
                "duplicate audit.signing_key: the key that verdicts are signed with",
                "wrong-value audit.origin: not a name that checkpoints can have",
                "wrong-value audit.segment_bytes: not from 64KiB to 1024MiB",
            ],
        ),
        (
            json!({"read_scope": "a b", "directory": "log", "mirror": "log/mirror"}),
            vec![
                "wrong-value audit.read_scope: not one scope",
                "conflict audit.mirror: whoever changes the log can change this too",
            ],
        ),
    ] {
        assert_eq!(found(&json!({"audit": audit})), expected, "{audit}");
    }
}
