#![expect(clippy::arithmetic_side_effects, reason = "offsets into a short constant")]

use super::*;

const TEXT: &str = "policy: demo\nrules:\n  - operation: \"ä\"\n    scop: x\n";

fn source() -> Source {
    Source::from_bytes("a,b.yaml", TEXT.as_bytes()).unwrap()
}

fn findings() -> Vec<Finding> {
    let at = TEXT.find("scop").unwrap();
    vec![
        Finding {
            severity: Severity::Error,
            code: "unknown-key",
            path: Some("rules[0].scop".to_owned()),
            span: Some(at..at + 4),
            message: "unknown key `scop`".to_owned(),
            help: Some("did you mean `scope`?".to_owned()),
            related: None,
        },
        Finding {
            severity: Severity::Warning,
            code: "no-rules",
            path: None,
            span: None,
            message: "100% of\nnothing".to_owned(),
            help: None,
            related: None,
        },
    ]
}

fn written(format: Format) -> String {
    let source = source();
    let mut out = anstream::StripStream::new(Vec::new());
    write(&mut out, format, &[(&source, findings())]).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

#[test]
fn people_see_the_line() {
    assert_eq!(
        written(Format::Human),
        "\
error[unknown-key]: unknown key `scop`
 --> a,b.yaml:4:5
  |
4 |     scop: x
  |     ^^^^ rules[0].scop
  |
  = help: did you mean `scope`?

warning[no-rules]: 100% of
                   nothing
--> a,b.yaml

1 error, 1 warning
"
    );
}

#[test]
fn programs_read_json() {
    let all: serde_json::Value = serde_json::from_str(&written(Format::Json)).unwrap();
    assert_eq!(
        all,
        serde_json::json!([
            {
                "severity": "error", "code": "unknown-key", "file": "a,b.yaml",
                "line": 4, "column": 5, "end_column": 9, "path": "rules[0].scop",
                "message": "unknown key `scop`", "help": "did you mean `scope`?"
            },
            {
                "severity": "warning", "code": "no-rules", "file": "a,b.yaml",
                "line": null, "column": null, "end_column": null, "path": null,
                "message": "100% of\nnothing", "help": null
            }
        ])
    );
}

#[test]
fn github_gets_escaped_commands() {
    assert_eq!(
        written(Format::Github),
        "\
::error file=a%2Cb.yaml,line=4,col=5,endColumn=9,title=unknown-key::rules[0].scop: unknown key `scop`%0Ahelp: did you mean `scope`?
::warning file=a%2Cb.yaml,title=no-rules::100%25 of%0Anothing
"
    );
}

#[test]
fn columns_count_characters() {
    let at = TEXT.find('ä').unwrap();
    assert_eq!(Place::of(TEXT, &(at..at + 2)), Place { line: 3, column: 17, end_column: 18 });
    assert_eq!(Place::of(TEXT, &(0..0)), Place { line: 1, column: 1, end_column: 1 });
    assert_eq!(Place::of("a\nbc\nd", &(2..6)), Place { line: 2, column: 1, end_column: 3 });
}
