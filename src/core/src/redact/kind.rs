//! What a body is read as.

/// May stand before any text.
pub const BOM: &[u8] = b"\xef\xbb\xbf";
/// What lines begin with that have a part of a text each, as Ollama writes them.
const OLLAMA: &[u8] = b"{\"model\":\"";
/// How far a body is looked into for what it is.
const MAX_BEGUN: usize = 256;

/// What a body is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JSON document, or several in a row.
    Json,
    /// JSON documents on lines of their own (NDJSON).
    Lines,
    /// Server-sent events.
    Sse,
    /// Anything else.
    Text,
    /// The frames that a server sends over a WebSocket.
    WebSocket,
}

impl Kind {
    /// What a body of this `content-type` is read as.
    pub fn of(content_type: &[u8]) -> Self {
        let essence = content_type.split(|b| *b == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        match essence.as_slice() {
            b"text/event-stream" => Self::Sse,
            b"application/json" | b"text/json" | b"application/json-seq" => Self::Json,
            b"application/x-ndjson" | b"application/ndjson" | b"application/jsonl" => Self::Lines,
            other if other.ends_with(b"+json") => Self::Json,
            _ => Self::Text,
        }
    }
}

/// What a body is that was announced as `announced` and begins like this. `None`: more has to come.
pub fn seen(announced: Kind, begun: &[u8]) -> Option<Kind> {
    // The same, however much of it is here.
    let whole = begun.get(..MAX_BEGUN);
    let begun = whole.unwrap_or(begun);
    if BOM.starts_with(begun) && whole.is_none() {
        return None;
    }
    let text = begun.strip_prefix(BOM).unwrap_or(begun).trim_ascii_start();
    let kind = match text.first() {
        Some(b'{') if announced == Kind::Lines || text.starts_with(OLLAMA) => Some(Kind::Lines),
        Some(_) if OLLAMA.starts_with(text) && whole.is_none() => None,
        Some(b'{' | b'[' | b'"') => Some(Kind::Json),
        Some(_) if announced == Kind::Sse => Some(announced),
        // What is announced as JSON and is none is a text; numbers as well, for they may be one in groups.
        Some(_) => events(text).map(|events| if events { Kind::Sse } else { Kind::Text }),
        None => None,
    };
    kind.or(whole.map(|_| announced))
}

/// Whether these are events with JSON in them. `None`: more has to come.
fn events(text: &[u8]) -> Option<bool> {
    let names: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    for line in text.split_inclusive(|b| matches!(b, b'\r' | b'\n')) {
        let ended = line.ends_with(b"\r") || line.ends_with(b"\n");
        if line.trim_ascii().is_empty() && ended {
            continue;
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            let value = data.trim_ascii_start();
            return match value.first() {
                None if !ended => None,
                first => Some(matches!(first, Some(b'{' | b'['))),
            };
        }
        if !names.iter().any(|name| name.starts_with(line) || line.starts_with(name)) {
            return Some(false);
        }
        if !ended {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_says_what_it_is() {
        for (content_type, kind) in [
            ("application/json", Kind::Json),
            ("Application/JSON; charset=utf-8", Kind::Json),
            ("application/problem+json", Kind::Json),
            ("application/x-ndjson", Kind::Lines),
            ("text/event-stream;charset=utf-8", Kind::Sse),
            ("text/plain", Kind::Text),
            ("", Kind::Text),
        ] {
            assert_eq!(Kind::of(content_type.as_bytes()), kind, "{content_type}");
        }
    }

    #[test]
    fn what_it_begins_with_says_more() {
        let (json, lines) = (Some(Kind::Json), Some(Kind::Lines));
        let (sse, text) = (Some(Kind::Sse), Some(Kind::Text));
        for (announced, begun, kind) in [
            (Kind::Text, " { ", json),
            (Kind::Sse, "\n[", json),
            (Kind::Sse, "\u{feff}{\n", json),
            (Kind::Lines, "{", lines),
            (Kind::Lines, "[", json),
            (Kind::Lines, "x", text),
            (Kind::Text, "{\"mode", None),
            (Kind::Text, "{\"mode\"", json),
            (Kind::Json, "{\"model\":\"m", lines),
            (Kind::Json, "data: {", sse),
            (Kind::Text, ": ping\n\nevent: x\r\ndata:[", sse),
            (Kind::Text, "data: x", text),
            (Kind::Text, "data:\n", text),
            (Kind::Text, "event: x", None),
            (Kind::Text, "dat", None),
            (Kind::Text, "dab", text),
            (Kind::Json, "4111 1111", text),
            (Kind::Json, "", None),
            (Kind::Sse, "d", sse),
            (Kind::Sse, "\u{feff}", None),
        ] {
            assert_eq!(seen(announced, begun.as_bytes()), kind, "{announced:?} {begun:?}");
        }
        assert_eq!(seen(Kind::Json, &[b' '; MAX_BEGUN]), json);
        assert_eq!(seen(Kind::Text, &[b':'; MAX_BEGUN]), text);
    }
}
