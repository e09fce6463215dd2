//! Which requests belong together.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Hash, veil};
use crate::http::Headers;

/// What ties a request to others, each member when there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The trace id of W3C `traceparent`.
    pub trace: Option<String>,
    /// A digest of the MCP session id: who has the id itself can use the session.
    pub mcp: Option<String>,
    /// A run, as AutoGen and the assistants have it.
    pub run: Option<String>,
    /// A conversation or thread.
    pub conversation: Option<String>,
    /// The response that this request goes on from (`previous_response_id`).
    pub previous: Option<String>,
    /// The id of this request's response.
    pub response: Option<String>,
}

/// Longest id, in characters.
const LONGEST: usize = 128;

impl Session {
    /// What the head says.
    pub fn of_head(headers: &Headers) -> Self {
        let one = |name| headers.one(name).ok().flatten();
        Self {
            trace: one("traceparent").and_then(trace),
            mcp: one("mcp-session-id").filter(|id| !id.is_empty()).map(digest),
            ..Self::default()
        }
    }

    /// Adds what the path says.
    pub fn path(&mut self, params: &[(String, String)]) {
        for (name, value) in params {
            match name.as_str() {
                "run_id" => self.run = id(value),
                "conversation_id" | "thread_id" | "session_id" => self.conversation = id(value),
                _ => {}
            }
        }
    }

    /// Adds what a JSON body says.
    pub fn body(&mut self, body: &[u8]) {
        #[derive(Deserialize)]
        struct Links {
            previous_response_id: Option<Value>,
            conversation: Option<Value>,
        }
        let says = |name: &str| memchr::memmem::find(body, name.as_bytes()).is_some();
        if !says("previous_response_id") && !says("conversation") {
            return;
        }
        let Ok(links) = serde_json::from_slice::<Links>(body) else { return };
        let text = |value: Option<Value>| match value? {
            Value::String(text) => id(&text),
            Value::Object(mut members) => match members.remove("id")? {
                Value::String(text) => id(&text),
                _ => None,
            },
            _ => None,
        };
        self.previous = text(links.previous_response_id);
        self.conversation = text(links.conversation).or_else(|| self.conversation.take());
    }

    /// Adds what the beginning of a response says: the id of a response of the Responses API.
    pub fn response(&mut self, begun: &[u8]) {
        let begun = begun.get(..4096).unwrap_or(begun);
        let Some(at) = memchr::memmem::find(begun, b"\"resp_") else { return };
        let text = begun.get(at.saturating_add(1)..).unwrap_or_default();
        let ends = text.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'));
        let text = ends.and_then(|end| text.get(..end)).map(String::from_utf8_lossy);
        self.response = text.and_then(|text| id(&text));
    }

    /// As a member of a record; `None` when nothing is known.
    pub fn value(&self) -> Option<Value> {
        let members = [
            ("trace", &self.trace),
            ("mcp", &self.mcp),
            ("run", &self.run),
            ("conversation", &self.conversation),
            ("previous", &self.previous),
            ("response", &self.response),
        ];
        let known = members.into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str())))
        });
        let known: Map<String, Value> = known.collect();
        (!known.is_empty()).then_some(Value::Object(known))
    }
}

fn id(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| veil(text).chars().take(LONGEST).collect())
}

/// The second field of `00-<trace id>-<parent id>-<flags>`.
fn trace(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let id = text.split('-').nth(1)?;
    let hex = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (hex && id.bytes().any(|b| b != b'0')).then(|| id.to_owned())
}

fn digest(value: &[u8]) -> String {
    Hash::of(value).to_string().chars().take(16).collect()
}
