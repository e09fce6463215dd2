//! Policies as people write them: what is taken, what is refused, and in which words.
//!
//! A fixture lists what is found in it in its first lines, `# expect: ` and the finding. In `good/` that is
//! severity, code and place of each warning; in `bad/` the whole finding.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: stopping is how it reports")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use scopewarden_cli::source::Source;
use scopewarden_core::diag::{Diagnostic, Severity};
use scopewarden_core::node::Node;
use scopewarden_core::policy::{CODES, Policy, SCHEMA};
use scopewarden_core::redact::{builtin, secrets};

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/policies").join(kind);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn expected(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("# expect: ")).map(str::to_owned).collect()
}

fn tree(name: &str, text: &str) -> Node {
    let source = Source::from_bytes(name, text.as_bytes()).unwrap();
    source.node().unwrap_or_else(|| panic!("{name}: {:#?}", source.problems))
}

/// `warning[shadow] mode`.
fn head(finding: &Diagnostic) -> String {
    let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
    format!("{severity}[{}] {}", finding.code, finding.path)
}

fn schema() -> jsonschema::Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

#[test]
fn good_policies_compile() {
    for file in fixtures("good") {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let (policy, warnings) = match Policy::compile(&tree(&name, &text)) {
            Ok(compiled) => compiled,
            Err(findings) => panic!("{name}: {findings:#?}"),
        };
        let mut found: Vec<String> = warnings.iter().map(head).collect();
        let mut wanted = expected(&text);
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{name}");
        assert!(policy.hash.starts_with("sha256:") && policy.hash.len() == 71, "{name}");
    }
}

#[test]
fn bad_policies_say_what_is_wrong() {
    let mut wrong = BTreeMap::new();
    for file in fixtures("bad") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        let findings = Policy::compile(&tree(&name, &text)).err().unwrap_or_default();
        let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        if found.is_empty() || found != expected(&text) {
            let shown: Vec<String> = found.iter().map(|f| format!("# expect: {f}\n")).collect();
            wrong.insert(name, shown.concat());
        }
    }
    let report: Vec<String> =
        wrong.iter().map(|(name, found)| format!("{name}\n{found}")).collect();
    assert!(wrong.is_empty(), "\n{}", report.join("\n"));
}

#[test]
fn every_code_has_a_fixture() {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    for file in fixtures("good").into_iter().chain(fixtures("bad")) {
        let text = fs::read_to_string(file).unwrap();
        for finding in expected(&text) {
            let code = finding.split(['[', ']']).nth(1).unwrap();
            reached.extend(CODES.iter().map(|(known, _)| *known).find(|known| *known == code));
        }
    }
    let all: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(reached, all);
}

#[test]
fn findings_are_written_for_people() {
    for file in fixtures("bad") {
        let text = fs::read_to_string(&file).unwrap();
        for finding in expected(&text) {
            let (_, sentence) = finding.split_once(": ").unwrap();
            assert!(!sentence.ends_with('.'), "{finding}");
            assert!(!sentence.starts_with(|c: char| c.is_ascii_uppercase()), "{finding}");
            assert_eq!(sentence.matches('`').count() % 2, 0, "{finding}");
        }
    }
}

#[test]
fn the_schema_agrees_about_shapes() {
    let schema = schema();
    for file in fixtures("good") {
        let text = fs::read_to_string(&file).unwrap();
        let document = serde_json::Value::from(&tree("good", &text));
        let errors: Vec<String> = schema
            .iter_errors(&document)
            .map(|e| format!("{e} at {}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
    }
    for file in fixtures("bad") {
        let text = fs::read_to_string(&file).unwrap();
        let shapes =
            ["[unknown-key]", "[missing-key]", "[wrong-type]", "[empty]", "[invalid-scope]"];
        let structural =
            expected(&text).iter().any(|f| shapes.iter().any(|shape| f.contains(shape)));
        let document = serde_json::Value::from(&tree("bad", &text));
        assert!(!structural || !schema.is_valid(&document), "{}", file.display());
    }
}

/// A page of the documentation.
fn page(name: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    fs::read_to_string(page).unwrap()
}

/// The policy reference.
fn reference() -> String {
    page("policy.md")
}

/// What an example leaves out: an example shows one section.
const AROUND_AN_EXAMPLE: &str = r"
policy: example
identity:
  issuers:
    - issuer: https://idp.example.com/
      audiences: [agents]
      groups_claim: groups
      jwks: { cluster: idp, url: https://idp.example.com/keys }
surfaces:
  - { use: openai, mount: /v1 }
  - { use: autogen-grpc, mount: / }
";

#[test]
fn examples_of_the_reference_compile() {
    let page = reference();
    let examples: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .collect();
    assert!(examples.len() >= 8, "{}", examples.len());
    for example in examples {
        let (Node::Object(mut members), Node::Object(around)) =
            (tree("example", example), tree("around", AROUND_AN_EXAMPLE))
        else {
            panic!("{example}")
        };
        for (name, node) in around {
            if members.iter().all(|(other, _)| *other != name) {
                members.push((name, node));
            }
        }
        if let Err(findings) = Policy::compile(&Node::Object(members)) {
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            panic!("{example}\n{}", findings.join("\n"));
        }
    }
}

#[test]
fn the_reference_names_every_key_and_code() {
    let page = reference();
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    for (kind, definition) in schema["$defs"].as_object().unwrap() {
        if definition["additionalProperties"] != false {
            continue;
        }
        for (key, _) in definition["properties"].as_object().unwrap() {
            let shown =
                ["`", "[`", "."].iter().any(|before| page.contains(&format!("{before}{key}`")));
            assert!(shown, "{kind}: {key}");
        }
    }
    for (code, meaning) in CODES {
        let line = format!("| `{code}` | {} |\n", meaning.trim());
        assert!(page.contains(&line), "{line}");
    }
}

#[test]
fn the_page_about_redaction_names_every_detector() {
    let page = page("redaction.md");
    for about in builtin() {
        let row = format!("| `{}` | {} |", about.name, about.finds);
        assert!(page.contains(&row), "{row}");
    }
    // What is described in words there: a place between two known things, or a long list.
    let in_words = ["jwt", "private_key", "connection_string", "assignment", "authorization"];
    for known in secrets().into_iter().filter(|known| !in_words.contains(&known.name)) {
        let start = format!("| `{}` | ", known.name);
        let row = page.lines().find(|line| line.starts_with(&start)).unwrap();
        for literal in known.shapes.iter().flat_map(|shape| &shape.literals) {
            let literal = std::str::from_utf8(literal).unwrap();
            assert!(row.contains(&format!("`{literal}`")), "{row} lacks `{literal}`");
        }
    }
}

/// Visits every value of a document until `act` says that it is done.
fn places(node: &mut Node, act: &mut dyn FnMut(&mut Node) -> bool) -> bool {
    if act(node) {
        return true;
    }
    match node {
        Node::Array(items) => items.iter_mut().any(|item| places(item, act)),
        Node::Object(members) => members.iter_mut().any(|(_, value)| places(value, act)),
        _ => false,
    }
}

/// Whatever stands anywhere in a policy, it is compiled, or refused with an error; and what the compiler
/// takes, the schema takes.
#[test]
fn nothing_in_any_place_goes_unanswered() {
    let text = fs::read_to_string(fixtures("good").remove(0)).unwrap();
    let original = tree("everything", &text);
    let schema = schema();
    let mut count = 0_usize;
    places(&mut original.clone(), &mut |_| {
        count += 1;
        false
    });
    assert!(count > 200, "{count}");
    let strange = [
        Node::Null,
        Node::Bool(true),
        Node::Number(-1.5),
        Node::String("*".to_owned()),
        Node::String("/\u{e9}{~ `".to_owned()),
        Node::Array(vec![Node::Array(Vec::new())]),
        Node::Object(vec![("*".to_owned(), Node::Null)]),
    ];
    // Every value everywhere takes a minute; each place gets one of them.
    for (place, value) in (0..count).zip(strange.iter().cycle()) {
        let mut document = original.clone();
        let mut at = 0_usize;
        places(&mut document, &mut |node| {
            let here = at == place;
            at += 1;
            if here {
                *node = value.clone();
            }
            here
        });
        let written = serde_json::Value::from(&document);
        match Policy::compile(&document) {
            Ok(_) => assert!(schema.is_valid(&written), "{written}"),
            Err(findings) => {
                assert!(findings.iter().any(|f| f.severity == Severity::Error), "{written}");
            }
        }
    }
}
