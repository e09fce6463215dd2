//! The OpenAI API: chat completions, responses, completions, embeddings.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Piece, Speaker, Turn, cut, error, items, member, said, shown};

/// A request's turns.
pub(super) fn request(document: &Value) -> Option<Vec<Turn>> {
    if let Some(messages) = items(document, "messages") {
        return Some(messages.iter().map(message).collect());
    }
    // A JSON-RPC request has members of these names as well, further down.
    if document.get("jsonrpc").is_some() {
        return None;
    }
    let mut turns = Vec::new();
    if let Some(text) = member(document, "instructions") {
        turns.push(Turn::text(Speaker::System, "instructions", text));
    }
    match document.get("input").or_else(|| document.get("prompt")) {
        Some(Value::String(text)) => turns.push(Turn::text(Speaker::User, "user", text)),
        Some(Value::Array(inputs)) => turns.extend(inputs.iter().map(item)),
        _ => return None,
    }
    Some(turns)
}

/// The turns of a response that is one document.
pub(super) fn response(document: &Value) -> Option<Vec<Turn>> {
    if let Some(choices) = items(document, "choices") {
        return Some(choices.iter().map(choice).collect());
    }
    if let Some(output) = items(document, "output") {
        return Some(output.iter().map(item).collect());
    }
    let is_rpc = document.get("jsonrpc").is_some();
    error(document).filter(|_| !is_rpc).map(|turn| vec![turn])
}

fn choice(choice: &Value) -> Turn {
    match (choice.get("message"), member(choice, "text")) {
        (Some(said), _) => message(said),
        (None, Some(text)) => Turn::text(Speaker::Assistant, "assistant", text),
        (None, None) => Turn::new(Speaker::Assistant, "assistant", Vec::new()),
    }
}

/// A message of a chat.
fn message(message: &Value) -> Turn {
    let role = member(message, "role").unwrap_or("assistant");
    let speaker = speaker(role);
    let mut pieces = content(message.get("content"), speaker);
    pieces.extend(
        member(message, "refusal").map(|text| Piece::Note(format!("refused: {}", cut(text)))),
    );
    for call in items(message, "tool_calls").unwrap_or_default() {
        let function = call.get("function").or_else(|| call.get("custom")).unwrap_or(call);
        pieces.push(Piece::Call {
            name: member(function, "name").unwrap_or_default().to_owned(),
            arguments: function
                .get("arguments")
                .or_else(|| function.get("input"))
                .map(shown)
                .unwrap_or_default(),
        });
    }
    Turn::new(speaker, member(message, "name").unwrap_or(role), pieces)
}

/// An item of a response, or of what a response is asked with.
fn item(item: &Value) -> Turn {
    match (item, member(item, "type")) {
        (Value::String(text), _) => Turn::text(Speaker::User, "user", text),
        (_, Some("function_call" | "custom_tool_call" | "mcp_call")) => {
            let name = member(item, "name").unwrap_or_default().to_owned();
            let given = item.get("arguments").or_else(|| item.get("input"));
            let arguments = given.map(shown).unwrap_or_default();
            let mut pieces = vec![Piece::Call { name, arguments }];
            pieces.extend(member(item, "output").map(|text| Piece::Result(cut(text))));
            Turn::new(Speaker::Assistant, "assistant", pieces)
        }
        (_, Some("function_call_output" | "custom_tool_call_output")) => {
            let output = item.get("output").map(shown).unwrap_or_default();
            Turn::new(Speaker::Tool, "tool", vec![Piece::Result(output)])
        }
        (_, Some("reasoning")) => {
            let pieces = content(item.get("summary"), Speaker::Assistant);
            Turn::new(Speaker::Assistant, "reasoning", pieces)
        }
        (Value::Object(_), None | Some("message")) => message(item),
        (_, kind) => Turn::note(kind.unwrap_or("something else")),
    }
}

/// What a message holds: a text, or parts.
fn content(content: Option<&Value>, speaker: Speaker) -> Vec<Piece> {
    let text = |text: &str| match speaker {
        Speaker::Tool => Piece::Result(cut(text)),
        _ => said(text),
    };
    match content {
        Some(Value::String(whole)) if !whole.is_empty() => vec![text(whole)],
        Some(Value::Array(parts)) => parts
            .iter()
            .map(|part| match (member(part, "text"), member(part, "refusal")) {
                (Some(words), _) => text(words),
                (None, Some(why)) => Piece::Note(format!("refused: {}", cut(why))),
                (None, None) => Piece::Note(member(part, "type").unwrap_or("a part").to_owned()),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn speaker(role: &str) -> Speaker {
    match role {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "tool" | "function" => Speaker::Tool,
        _ => Speaker::Assistant,
    }
}

/// A turn that arrives in pieces.
#[derive(Default)]
struct Arriving {
    name: String,
    text: String,
    refusal: String,
    calls: BTreeMap<u64, (String, String)>,
}

impl Arriving {
    fn turn(self) -> Turn {
        let mut pieces = Vec::new();
        if !self.text.is_empty() {
            pieces.push(said(&self.text));
        }
        if !self.refusal.is_empty() {
            pieces.push(Piece::Note(format!("refused: {}", cut(&self.refusal))));
        }
        let calls = self.calls.into_values();
        pieces.extend(calls.map(|(name, text)| Piece::Call { name, arguments: cut(&text) }));
        let name = if self.name.is_empty() { "assistant" } else { &self.name };
        Turn::new(Speaker::Assistant, name, pieces)
    }

    fn call(&mut self, at: u64) -> &mut (String, String) {
        self.calls.entry(at).or_default()
    }
}

/// The turns of a response that arrived as events; `None` when they are none of this API.
pub(super) fn stream(events: &[Value]) -> Option<Vec<Turn>> {
    let mut turns: BTreeMap<u64, Arriving> = BTreeMap::new();
    let (mut ours, mut whole, mut failed) = (false, None, None);
    for event in events {
        if let Some(choices) = items(event, "choices") {
            ours = true;
            for choice in choices {
                let turn = turns.entry(number(choice, "index")).or_default();
                chunk(turn, choice);
            }
        } else if let Some(kind) = member(event, "type").filter(|k| k.starts_with("response.")) {
            ours = true;
            piece(&mut turns, kind, event);
            whole = event.get("response").filter(|r| items(r, "output").is_some()).or(whole);
        } else if event.get("jsonrpc").is_none() {
            failed = error(event).or(failed);
        }
    }
    let mut turns: Vec<Turn> = turns.into_values().map(Arriving::turn).collect();
    if turns.iter().all(|turn| turn.pieces.is_empty())
        && let Some(output) = whole.and_then(|response| items(response, "output"))
    {
        turns = output.iter().map(item).collect();
    }
    ours |= failed.is_some();
    turns.extend(failed);
    ours.then_some(turns)
}

/// A chunk of a chat completion, or of a completion.
fn chunk(turn: &mut Arriving, choice: &Value) {
    turn.text.push_str(member(choice, "text").unwrap_or_default());
    let Some(delta) = choice.get("delta") else { return };
    turn.text.push_str(member(delta, "content").unwrap_or_default());
    turn.refusal.push_str(member(delta, "refusal").unwrap_or_default());
    for part in items(delta, "tool_calls").unwrap_or_default() {
        let (name, arguments) = turn.call(number(part, "index"));
        if let Some(function) = part.get("function") {
            name.push_str(member(function, "name").unwrap_or_default());
            arguments.push_str(member(function, "arguments").unwrap_or_default());
        }
    }
}

/// An event of the responses API.
fn piece(turns: &mut BTreeMap<u64, Arriving>, kind: &str, event: &Value) {
    let at = number(event, "output_index");
    let delta = member(event, "delta").unwrap_or_default();
    match kind {
        "response.output_text.delta" => turns.entry(at).or_default().text.push_str(delta),
        "response.refusal.delta" => turns.entry(at).or_default().refusal.push_str(delta),
        "response.reasoning_summary_text.delta" => {
            let turn = turns.entry(at).or_default();
            "reasoning".clone_into(&mut turn.name);
            turn.text.push_str(delta);
        }
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            turns.entry(at).or_default().call(0).1.push_str(delta);
        }
        "response.output_item.added" => {
            if let Some(name) = event.get("item").and_then(|item| member(item, "name")) {
                name.clone_into(&mut turns.entry(at).or_default().call(0).0);
            }
        }
        _ => {}
    }
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}
