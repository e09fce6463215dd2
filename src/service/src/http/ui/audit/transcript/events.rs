//! The JSON documents of a stream: of server-sent events, or one a line.

use serde_json::Value;

/// Every document of the body, in order. What is none is left out: comments, `[DONE]`, and the last one where the body was cut.
pub(super) fn documents(body: &str) -> Vec<Value> {
    let mut documents = Vec::new();
    let mut data = String::new();
    let mut keep = |text: &str| {
        if let Ok(document @ Value::Object(_)) = serde_json::from_str(text) {
            documents.push(document);
        }
    };
    for line in body.lines() {
        match line.split_once(':') {
            _ if line.is_empty() => keep(&std::mem::take(&mut data)),
            Some(("data", text)) => {
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(text.strip_prefix(' ').unwrap_or(text));
            }
            _ if line.starts_with('{') => keep(line),
            _ => {}
        }
    }
    keep(&data);
    documents
}
