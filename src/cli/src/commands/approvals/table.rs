//! What an approval says, in a few words.

use scopewarden_core::time::UnixMillis;
use serde_json::Value;

use crate::clock::Instant;
use crate::table::text;
use crate::text::printable;

/// `ana`, or `ana through agent`.
pub(super) fn who(approval: &Value) -> String {
    let subject = text(approval, "/call/principal/subject");
    match approval.pointer("/call/actors/0/subject").and_then(Value::as_str) {
        Some(actor) => format!("{subject} through {}", printable(actor)),
        None => subject,
    }
}

/// `openai.models.delete  DELETE /v1/models/m`
pub(super) fn what(approval: &Value) -> String {
    let [operation, method, path] =
        ["/call/operation", "/call/method", "/call/path"].map(|pointer| text(approval, pointer));
    format!("{operation}  {method} {path}")
}

/// What a person is called, with who vouches for them.
pub(super) fn person(party: &Value) -> String {
    format!("{} ({})", text(party, "/subject"), text(party, "/issuer"))
}

/// How long until `instant`: `9 min`, or `over`.
pub(super) fn left(instant: &str, now: UnixMillis) -> String {
    let Ok(Instant(at)) = instant.parse() else { return String::new() };
    match at.since(now) {
        0 => "over".to_owned(),
        ms => duration(ms),
    }
}

/// The largest unit that says enough: `50 s`, `9 min`, `3 h`.
pub(super) fn duration(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}
