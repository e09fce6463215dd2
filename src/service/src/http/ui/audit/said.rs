//! What a request said, and what it was answered, as pages show it.

use serde_json::Value;

use super::entry::text;
use super::transcript::{self, Piece, Speaker, Turn};
use crate::http::ui::text::Visible;

/// Longest laid-out JSON, in bytes.
const MAX_LAYOUT: usize = 64 * 1024;

/// Longest body that a session shows without being asked, in bytes.
const SHORT: u64 = 1024;

/// Both sides of an exchange.
#[derive(Debug)]
pub struct Said {
    /// What was asked.
    pub request: Option<Payload>,
    /// What was answered.
    pub response: Option<Payload>,
}

impl Said {
    /// Whether nothing was kept of either.
    pub const fn is_empty(&self) -> bool {
        self.request.is_none() && self.response.is_none()
    }
}

/// A body, as far as it was kept.
#[derive(Debug)]
pub struct Payload {
    /// How long it was, in bytes.
    pub bytes: u64,
    /// SHA-256 of all of it, before it was masked.
    pub sha256: Visible,
    /// What it says it is.
    pub content_type: Visible,
    /// Whether only its beginning was kept.
    pub cut: bool,
    /// The conversation in it, if it has one.
    pub turns: Vec<Turn>,
    /// The text that was kept.
    pub body: Option<Visible>,
}

impl Payload {
    /// Whether a conversation was found in it.
    pub fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Whether it is no conversation, and short enough to be read among others.
    pub fn is_short(&self) -> bool {
        self.turns.is_empty() && self.body.is_some() && self.bytes <= SHORT
    }

    /// The conversation.
    pub fn shown(&self) -> Vec<Shown> {
        self.turns.iter().map(Shown::from).collect()
    }
}

/// `request` or `response` of a record.
pub fn payload(record: &Value, name: &str) -> Option<Payload> {
    let kept = record.get(name).filter(|kept| kept.is_object())?;
    let body = kept.get("body").and_then(Value::as_str);
    let read = if name == "request" { transcript::request } else { transcript::response };
    Some(Payload {
        bytes: kept.get("bytes").and_then(Value::as_u64).unwrap_or_default(),
        sha256: Visible::line(text(kept, "sha256")),
        content_type: Visible::line(text(kept, "content_type")),
        cut: kept.get("cut").and_then(Value::as_bool).unwrap_or_default(),
        turns: body.map(read).unwrap_or_default(),
        body: body.map(laid_out),
    })
}

/// JSON with one member a line, where it is short enough; everything else as it is.
fn laid_out(text: &str) -> Visible {
    let pretty = serde_json::from_str::<Value>(text).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    Visible::block(pretty.as_deref().filter(|p| p.len() <= MAX_LAYOUT).unwrap_or(text))
}

/// A turn, ready to be shown.
#[derive(Debug)]
pub struct Shown {
    /// How it is drawn.
    pub class: &'static str,
    /// Who speaks.
    pub name: Visible,
    /// What they say.
    pub pieces: Vec<ShownPiece>,
}

/// A piece of a turn, ready to be shown.
#[derive(Debug)]
pub struct ShownPiece {
    /// How it is drawn: `text`, `call`, `result`, `note`.
    pub class: &'static str,
    /// What is called; empty for everything else.
    pub name: Visible,
    /// What is said.
    pub text: Visible,
}

impl From<&Turn> for Shown {
    fn from(turn: &Turn) -> Self {
        let class = match turn.speaker {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
            Speaker::Tool => "tool",
        };
        let pieces = turn.pieces.iter().map(ShownPiece::from).collect();
        Self { class, name: Visible::line(&turn.name), pieces }
    }
}

impl From<&Piece> for ShownPiece {
    fn from(piece: &Piece) -> Self {
        let (class, name, text) = match piece {
            Piece::Text(text) => ("text", "", text),
            Piece::Call { name, arguments } => ("call", &**name, arguments),
            Piece::Result(text) => ("result", "", text),
            Piece::Note(text) => ("note", "", text),
        };
        Self { class, name: Visible::line(name), text: Visible::block(&laid(text, class)) }
    }
}

/// Arguments and results are often JSON in one line.
fn laid(text: &str, class: &str) -> String {
    let looks = matches!(class, "call" | "result") && text.starts_with(['{', '[']);
    let value = looks.then(|| serde_json::from_str::<Value>(text).ok()).flatten();
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    pretty.filter(|p| p.len() <= MAX_LAYOUT).unwrap_or_else(|| text.to_owned())
}
