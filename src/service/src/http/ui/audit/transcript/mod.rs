//! What was said in an exchange, read from the bodies that its record keeps.
//!
//! A record has bodies as they went over the wire: JSON, or a stream of events that carries a text in pieces. Read here they
//! become turns of a conversation again. What is not understood, or was cut, is shown as it is: nothing is guessed.

mod events;
mod openai;
mod rpc;
mod studio;

use serde_json::Value;

/// Longest text of a piece that is shown, in characters. The record's page has all of it.
const LONGEST_TEXT: usize = 20_000;
/// Most turns of one body.
const MOST_TURNS: usize = 500;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Instructions, from whoever wrote the program.
    System,
    /// Whoever asks.
    User,
    /// The model, or an agent.
    Assistant,
    /// What a tool gave back.
    Tool,
}

/// A part of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Said.
    Text(String),
    /// A tool, or a method, is called.
    Call {
        /// Its name.
        name: String,
        /// What it is given, usually JSON.
        arguments: String,
    },
    /// What a call gave.
    Result(String),
    /// What cannot be shown as text, or went wrong, in a few words.
    Note(String),
}

/// What one speaker says before the next one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who, as far as it is known.
    pub speaker: Speaker,
    /// What the body calls them.
    pub name: String,
    /// What they say.
    pub pieces: Vec<Piece>,
}

impl Turn {
    fn new(speaker: Speaker, name: &str, pieces: Vec<Piece>) -> Self {
        Self { speaker, name: name.to_owned(), pieces }
    }

    fn text(speaker: Speaker, name: &str, text: &str) -> Self {
        Self::new(speaker, name, vec![said(text)])
    }

    fn note(text: impl Into<String>) -> Self {
        Self::new(Speaker::Assistant, "", vec![Piece::Note(text.into())])
    }
}

/// The turns of a request's body; none when it is not one of the known kinds.
pub fn request(body: &str) -> Vec<Turn> {
    let turns = match serde_json::from_str::<Value>(body) {
        Ok(document) => openai::request(&document)
            .or_else(|| rpc::request(&document))
            .or_else(|| studio::request(&document)),
        Err(_) => None,
    };
    finish(turns)
}

/// The turns of a response's body; none when it is not one of the known kinds.
pub fn response(body: &str) -> Vec<Turn> {
    let documents = match serde_json::from_str::<Value>(body) {
        Ok(document) => {
            return finish(
                openai::response(&document)
                    .or_else(|| rpc::response(std::slice::from_ref(&document)))
                    .or_else(|| studio::messages(&document)),
            );
        }
        Err(_) => events::documents(body),
    };
    finish(
        openai::stream(&documents)
            .or_else(|| rpc::response(&documents))
            .or_else(|| studio::stream(&documents)),
    )
}

fn finish(turns: Option<Vec<Turn>>) -> Vec<Turn> {
    let mut turns = turns.unwrap_or_default();
    turns.retain(|turn| !turn.pieces.is_empty());
    if turns.len() > MOST_TURNS {
        turns.truncate(MOST_TURNS);
        turns.push(Turn::note("more follows: the record has all of it"));
    }
    turns
}

/// Text, cut where it is longer than a page can bear.
fn said(text: &str) -> Piece {
    Piece::Text(cut(text))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}… (cut: the record has all of it)", text.get(..end).unwrap_or_default())
        }
    }
}

/// A value as text: a text as it is, everything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cut(text),
        value => cut(&serde_json::to_string_pretty(value).unwrap_or_default()),
    }
}

/// A member that is a text.
fn member<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// The items of a member that is an array.
fn items<'v>(value: &'v Value, name: &str) -> Option<&'v [Value]> {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice)
}

/// What went wrong, where a body is an error: `{"error": {"message": …}}`, or a problem document.
fn error(document: &Value) -> Option<Turn> {
    let error = document.get("error").filter(|error| !error.is_null())?;
    let text = member(error, "message").or(error.as_str());
    Some(Turn::note(format!("error: {}", text.map_or_else(|| shown(error), cut))))
}

#[cfg(test)]
mod tests;
