//! A tree written as YAML that YAML 1.1 and 1.2 readers take for the same tree.
//!
//! Kubernetes tools read YAML 1.1, where a plain `on` is a boolean; every string that could be
//! taken for anything else is quoted.

use std::fmt::Write as _;

use scopewarden_core::node::Node;

/// Longest list that is written on one line, in bytes.
const LINE: usize = 100;

/// Writes `node` as a block, every line indented by `indent` spaces.
pub fn block(node: &Node, indent: usize) -> String {
    let mut out = String::new();
    write_block(&mut out, node, indent);
    out
}

fn write_block(out: &mut String, node: &Node, indent: usize) {
    let pad = " ".repeat(indent);
    match node {
        Node::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                out.push_str(&pad);
                out.push_str(&string(name));
                out.push(':');
                write_after(out, value, indent);
            }
        }
        Node::Array(items) if !items.is_empty() => {
            for item in items {
                let mut below = String::new();
                write_block(&mut below, item, indent.saturating_add(2));
                out.push_str(&pad);
                out.push_str("- ");
                out.push_str(below.trim_start());
            }
        }
        other => {
            out.push_str(&pad);
            out.push_str(&flow(other));
            out.push('\n');
        }
    }
}

/// Writes a value after `name:`, on the same line where it fits.
fn write_after(out: &mut String, value: &Node, indent: usize) {
    let line = match value {
        Node::Object(members) if !members.is_empty() => None,
        Node::Array(items) if !items.iter().all(is_scalar) => None,
        other => Some(flow(other)),
    };
    match line {
        Some(line) if line.len() <= LINE || is_scalar(value) => {
            let _ = writeln!(out, " {line}");
        }
        _ => {
            out.push('\n');
            write_block(out, value, indent.saturating_add(2));
        }
    }
}

fn is_scalar(node: &Node) -> bool {
    !matches!(node, Node::Array(_) | Node::Object(_))
}

/// Writes a value on one line.
fn flow(node: &Node) -> String {
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(b) => b.to_string(),
        Node::Number(_) => serde_json::Value::from(node).to_string(),
        Node::String(text) => string(text),
        Node::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Node::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(n, v)| format!("{}: {}", string(n), flow(v))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// A string, plain where no reader can take it for anything else.
fn string(text: &str) -> String {
    let mut chars = text.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@'))
        && !is_word(text);
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Words that some YAML reads as a boolean or as nothing.
fn is_word(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    #[test]
    fn what_is_written_reads_back() {
        let json = r#"{
            "on": ["openai.*", "yes", "1", "30s", "0x1f", "a: b", " x", "", "é\n", "~"],
            "rules": [{"on": "x", "models": {"a:b": ["gpt-4o"]}}, [], {}, [[1, 2.5], {"k": null}]],
            "deep": {"a": {"b": {"c": true}}}, "n": -3, "none": null, "empty": {},
            "long": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]
        }"#;
        let node = Node::from_json(json.as_bytes()).unwrap();
        let written = block(&node, 4);
        let read = Source::from_bytes("x.yaml", written.as_bytes()).unwrap();
        assert_eq!(read.problems, [], "{written}");
        assert_eq!(read.node(), Some(node), "{written}");
        assert!(written.lines().all(|line| line.starts_with("    ")));
    }

    #[test]
    fn it_is_pleasant_to_read() {
        let json = r#"{"policy":"demo","rules":[{"on":"a.b","require":["x:y"]}],"count":30}"#;
        let node = Node::from_json(json.as_bytes()).unwrap();
        assert_eq!(
            block(&node, 0),
            "policy: demo\nrules:\n  - \"on\": a.b\n    require: [\"x:y\"]\ncount: 30\n"
        );
    }
}
