//! JSON-RPC: tools of MCP servers, and agents of A2A.

use serde_json::Value;

use super::{Piece, Speaker, Turn, cut, error, items, member, said, shown};

/// A request's turn.
pub(super) fn request(document: &Value) -> Option<Vec<Turn>> {
    document.get("jsonrpc")?;
    let method = member(document, "method")?;
    let params = document.get("params").unwrap_or(&Value::Null);
    if let Some(message) = params.get("message")
        && let Some(parts) = items(message, "parts")
    {
        return Some(vec![Turn::new(Speaker::User, "user", spoken(parts))]);
    }
    let (name, arguments) = match (method, member(params, "name")) {
        ("tools/call" | "prompts/get", Some(name)) => {
            (name, params.get("arguments").unwrap_or(&Value::Null))
        }
        _ => (method, params),
    };
    let call = Piece::Call { name: name.to_owned(), arguments: shown(arguments) };
    Some(vec![Turn::new(Speaker::User, "caller", vec![call])])
}

/// The turns of a response: one document, or the messages of its events.
pub(super) fn response(documents: &[Value]) -> Option<Vec<Turn>> {
    let ours = documents.iter().filter(|document| document.get("jsonrpc").is_some());
    let turns: Vec<Turn> = ours.map(answer).collect();
    (!turns.is_empty()).then_some(turns)
}

fn answer(document: &Value) -> Turn {
    if let Some(turn) = error(document) {
        return turn;
    }
    let Some(result) = document.get("result") else {
        // A server's notification or request: progress, a log line, a question.
        let method = member(document, "method").unwrap_or("something else").to_owned();
        let arguments = document.get("params").map(shown).unwrap_or_default();
        return Turn::new(Speaker::Tool, "server", vec![Piece::Call { name: method, arguments }]);
    };
    if let Some(parts) = agent_parts(result) {
        return Turn::new(Speaker::Assistant, "agent", spoken(parts));
    }
    let mut pieces: Vec<Piece> = Vec::new();
    if result.get("isError").and_then(Value::as_bool) == Some(true) {
        pieces.push(Piece::Note("the tool failed".to_owned()));
    }
    match items(result, "content") {
        Some(parts) => pieces.extend(parts.iter().map(|part| match member(part, "text") {
            Some(text) => Piece::Result(cut(text)),
            None => Piece::Note(member(part, "type").unwrap_or("a part").to_owned()),
        })),
        None => pieces.push(Piece::Result(shown(result))),
    }
    Turn::new(Speaker::Tool, "tool", pieces)
}

/// What an agent says: a message, a task's status, or a piece of what it made.
fn agent_parts(result: &Value) -> Option<&[Value]> {
    let status = result.get("status").and_then(|status| status.get("message"));
    let artifact =
        result.get("artifact").or_else(|| items(result, "artifacts").and_then(<[Value]>::first));
    [Some(result), artifact, status].into_iter().flatten().find_map(|it| items(it, "parts"))
}

fn spoken(parts: &[Value]) -> Vec<Piece> {
    let piece = |part: &Value| match (member(part, "text"), part.get("data")) {
        (Some(text), _) => said(text),
        (None, Some(data)) => Piece::Result(shown(data)),
        (None, None) => Piece::Note(member(part, "kind").unwrap_or("a part").to_owned()),
    };
    parts.iter().map(piece).collect()
}
