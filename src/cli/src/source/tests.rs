#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "a place that is not in the text is a failed test"
)]

use scopewarden_core::diag::Diagnostics;

use super::*;

fn source(text: &str) -> Source {
    Source::from_bytes("p.yaml", text.as_bytes()).unwrap()
}

/// The problems of `text`, each as `code line:text: message`.
fn problems(text: &str) -> Vec<String> {
    let source = source(text);
    assert_eq!(source.tree.is_none(), !source.problems.is_empty());
    source
        .problems
        .iter()
        .map(|p| {
            let span = p.span.clone().unwrap();
            let line = source.text[..span.start].matches('\n').count() + 1;
            format!("{} {line}:{}: {}", p.code, &source.text[span], p.message)
        })
        .collect()
}

/// The text that a finding at `path` points at.
fn pointed(source: &Source, path: &Path, code: &'static str) -> String {
    let mut diagnostics = Diagnostics::default();
    diagnostics.error(code, path, "m");
    let finding = source.locate(diagnostics.into_vec()).remove(0);
    source.text[finding.span.unwrap()].to_owned()
}

const POLICY: &str = "\
policy: demo
roles:
  engineer: { groups: [ml-eng], scopes: [\"a:b\", c] }
rules:
  - operation: openai.*
    models:
      a:b: [gpt-4o]
  - operation: x
empty:
";

#[test]
fn yaml_and_json_give_the_same_tree() {
    let json = r#"{"policy": "demo",
        "roles": {"engineer": {"groups": ["ml-eng"], "scopes": ["a:b", "c"]}},
        "rules": [{"operation": "openai.*", "models": {"a:b": ["gpt-4o"]}}, {"operation": "x"}],
        "empty": null}"#;
    assert_eq!(source(POLICY).node(), source(json).node());
    assert_eq!(source(json).node(), Node::from_json(json.as_bytes()).ok());
}

#[test]
fn findings_point_at_what_they_are_about() {
    let source = source(POLICY);
    let root = Path::root();
    let rule = root.key("rules").index(0);
    for (path, code, expected) in [
        (root.key("policy"), "bad-value", "demo"),
        (root.key("policy"), "unknown-key", "policy"),
        (root.key("roles"), "bad-value", "roles"),
        (root.key("roles").key("engineer").key("scopes").index(0), "bad-value", "\"a:b\""),
        (root.key("roles").key("engineer").key("scopes").index(1), "bad-value", "c"),
        (rule.key("models").key("a:b"), "unknown-scope", "a:b"),
        (rule.key("operation"), "unknown-operation", "openai.*"),
        (root.key("rules").index(1), "bad-value", "operation: x"),
        // What is missing is missed where it should be.
        (rule.key("scope"), "missing-key", "operation: openai.*"),
        (root.key("empty"), "bad-value", "empty"),
        (root.clone(), "missing-key", "policy: demo"),
    ] {
        assert_eq!(pointed(&source, &path, code), expected, "{path} {code}");
    }
}

#[test]
fn json_places_are_found_too() {
    let source = source(r#"{ "a\u0062": [1, {"ü": "x\"y"}], "n": -1.5e1 }"#);
    let root = Path::root();
    assert_eq!(pointed(&source, &root.key("ab"), "unknown-key"), r#""a\u0062""#);
    assert_eq!(pointed(&source, &root.key("ab").index(0), "bad"), "1");
    assert_eq!(pointed(&source, &root.key("ab").index(1).key("ü"), "bad"), r#""x\"y""#);
    assert_eq!(pointed(&source, &root.key("n"), "bad"), "-1.5e1");
}

#[test]
fn characters_before_a_place_do_not_move_it() {
    let source = source("# größe 😀\nname: \"ü😀\"\nnext: [é, b]\n");
    let root = Path::root();
    assert_eq!(pointed(&source, &root.key("name"), "bad"), "\"ü😀\"");
    assert_eq!(pointed(&source, &root.key("next").index(1), "bad"), "b");
}

#[test]
fn what_cannot_be_read_in_one_way_is_refused() {
    for (text, expected) in [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key 3:a: `a` appears twice in one object"),
        ("a:\n\tb: 1\n", "yaml-tab 2:\t: a tab indents this line"),
        ("a: 1\n---\nb: 1\n", "yaml-documents 2:---: a second document starts here"),
        ("a: &x 1\nb:\n  <<: *x\n", "yaml-merge 3:<<: merge keys (`<<`) are not supported"),
        ("a: !!str 1\n", "yaml-tag 1:!!str 1: tags (`!`) are not supported"),
        ("? [a]\n: 1\n", "yaml-key 1:[: a name cannot be a list or an object"),
        ("a: &x [*x]\n", "yaml-alias 1:*x: this alias is inside the value it stands for"),
        ("a: .nan\n", "yaml-number 1:.nan: `.nan` is not a number that a policy can hold"),
        ("", "yaml-empty 1:: the document is empty"),
        ("# nothing\n", "yaml-empty 1:: the document is empty"),
        (
            "{\"a\": 1, \"\\u0061\": 2}",
            "duplicate-key 1:\"\\u0061\": `a` appears twice in one object",
        ),
    ] {
        assert_eq!(problems(text), [expected], "{text:?}");
    }
}

#[test]
fn a_second_name_shows_the_first() {
    let source = source("a: 1\nb: {c: 1, c: 2}\na: 3\n");
    let places: Vec<_> = source
        .problems
        .iter()
        .map(|p| (p.span.clone().unwrap(), p.related.clone().unwrap().span))
        .collect();
    assert_eq!(places, [(15..16, 9..10), (21..22, 0..1)]);
}

#[test]
fn syntax_errors_name_their_line() {
    for (text, line) in
        [("a: [1, 2\nb: 3\n", 2), ("a: 'x\n", 1), ("a: 1\n b: 2\n", 2), ("@a: 1", 1)]
    {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text:?}");
        assert!(found[0].starts_with(&format!("yaml-syntax {line}:")), "{text:?}: {found:?}");
    }
    let broken = Source::from_bytes("p.json", b"{\"a\": 1,\n \"b\" 2}").unwrap();
    assert_eq!(broken.problems[0].message, "expected `:`");
    assert_eq!(broken.problems[0].span, Some(14..15));
}

#[test]
fn aliases_stand_for_their_values_within_bounds() {
    let read = source("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n");
    let expected = r#"{"a":{"k":[1,2]},"b":{"k":[1,2]},"c":[{"k":[1,2]},{"k":[1,2]}]}"#;
    assert_eq!(read.node(), Node::from_json(expected.as_bytes()).ok());

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    let found = problems(&bomb);
    assert!(found[0].starts_with("yaml-size 5:"), "{found:?}");

    let mut deep = String::from("a0: &a0 [x]\n");
    for n in 1..100 {
        deep.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert!(problems(&deep)[0].starts_with("yaml-depth 64:"));
    assert!(problems(&"[".repeat(100_000))[0].starts_with("yaml-"));
    assert!(
        problems(&format!("{{\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70)))[0]
            .contains("-depth ")
    );
}

#[test]
fn text_that_is_not_text_is_said_to_be_so() {
    let error = Source::from_bytes("p.yaml", b"a: \xff").unwrap_err();
    assert_eq!(
        error,
        "`p.yaml` is not UTF-8 text: the byte at offset 3 is not part of any character"
    );
    assert_eq!(source("\u{feff}a: 1").node(), source("a: 1").node());
    let error = Source::open("/nonexistent/p.yaml").unwrap_err();
    assert_eq!(error, "cannot read `/nonexistent/p.yaml`: no such file or directory");
}
