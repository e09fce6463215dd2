//! AutoGen: messages of agents, as Studio and `autogenstudio serve` send them.

use serde_json::Value;

use super::{Piece, Speaker, Turn, member, said, shown};

/// How deep messages are looked for.
const DEPTH: usize = 8;

/// What a team is asked to do.
pub(super) fn request(document: &Value) -> Option<Vec<Turn>> {
    let task =
        document.get("task").or_else(|| document.get("data").and_then(|data| data.get("task")))?;
    match task {
        Value::String(text) => Some(vec![Turn::text(Speaker::User, "user", text)]),
        Value::Object(_) => message(task).map(|turn| vec![turn]),
        _ => None,
    }
}

/// The messages in a document, wherever they are in it.
pub(super) fn messages(document: &Value) -> Option<Vec<Turn>> {
    let mut found = Vec::new();
    collect(document, DEPTH, &mut found);
    (!found.is_empty()).then_some(found)
}

/// The messages of a stream.
pub(super) fn stream(documents: &[Value]) -> Option<Vec<Turn>> {
    let mut found = Vec::new();
    for document in documents {
        collect(document, DEPTH, &mut found);
    }
    (!found.is_empty()).then_some(found)
}

fn collect(value: &Value, depth: usize, found: &mut Vec<Turn>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(members) => match message(value) {
            Some(turn) => found.push(turn),
            None => members.values().for_each(|member| collect(member, depth, found)),
        },
        Value::Array(values) => values.iter().for_each(|value| collect(value, depth, found)),
        _ => {}
    }
}

/// A message of an agent: it has a `source` and a `content`.
fn message(value: &Value) -> Option<Turn> {
    let source = member(value, "source")?;
    let content = value.get("content")?;
    let kind = member(value, "type").unwrap_or_default();
    let pieces = match content {
        Value::String(text) => vec![said(text)],
        Value::Array(parts) => parts.iter().map(part).collect(),
        other => vec![Piece::Result(shown(other))],
    };
    let speaker = match (source, kind) {
        ("user", _) => Speaker::User,
        ("system", _) => Speaker::System,
        (_, "ToolCallExecutionEvent" | "ToolCallSummaryMessage") => Speaker::Tool,
        _ => Speaker::Assistant,
    };
    Some(Turn::new(speaker, source, pieces))
}

/// A part of a message: text, a tool that is called, or what it gave.
fn part(part: &Value) -> Piece {
    match (part, member(part, "name"), part.get("arguments")) {
        (Value::String(text), _, _) => said(text),
        (_, Some(name), Some(arguments)) => {
            Piece::Call { name: name.to_owned(), arguments: shown(arguments) }
        }
        (_, _, _) => match part.get("content") {
            Some(result) => Piece::Result(shown(result)),
            None => Piece::Note(member(part, "type").unwrap_or("a part").to_owned()),
        },
    }
}
