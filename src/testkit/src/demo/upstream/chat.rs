//! `/v1/chat/completions` and `/v1/embeddings`.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::{CREATED, Shared, error, lock};

/// Between two events of a stream: slow enough to be seen, fast enough not to bore.
const PACE: Duration = Duration::from_millis(40);

/// Most characters of a token.
const TOKEN: usize = 8;

/// How many numbers an embedding has.
const DIMENSIONS: usize = 8;

pub(super) async fn completions(State(store): State<Shared>, Json(body): Json<Value>) -> Response {
    let Some(model) = body.get("model").and_then(Value::as_str) else {
        return error(StatusCode::BAD_REQUEST, "missing_required_parameter", "`model` is missing");
    };
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        let message = "`messages` is missing";
        return error(StatusCode::BAD_REQUEST, "missing_required_parameter", message);
    };
    let id = {
        let mut store = lock(&store);
        if !store.models.contains_key(model) {
            let message = format!("The model `{model}` does not exist");
            return error(StatusCode::NOT_FOUND, "model_not_found", &message);
        }
        store.id("chatcmpl")
    };
    let reply = reply(model, messages);
    if body.get("stream").and_then(Value::as_bool) == Some(true) {
        return streamed(&id, model, &reply);
    }
    Json(json!({
        "id": id,
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": reply, "refusal": null },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": usage(messages, &reply),
    }))
    .into_response()
}

/// The answer: what was asked, said back.
fn reply(model: &str, messages: &[Value]) -> String {
    let asked = messages.last().map(text).unwrap_or_default();
    format!("This is {model} (a demonstration, no model is running). You said: {asked}")
}

/// A message's text, be its content a string or a list of parts.
fn text(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|p| p.get("text")?.as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// Words stand in for tokens.
fn usage(messages: &[Value], reply: &str) -> Value {
    let prompt: usize = messages.iter().map(|m| text(m).split_whitespace().count()).sum();
    let completion = reply.split_whitespace().count();
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
    })
}

/// An answer in pieces as a model gives it: words, and long ones in parts.
fn tokens(reply: &str) -> Vec<String> {
    let words = reply.split_inclusive(' ').map(|word| word.chars().collect::<Vec<_>>());
    words.flat_map(|w| w.chunks(TOKEN).map(String::from_iter).collect::<Vec<_>>()).collect()
}

/// The answer token by token, as server-sent events.
fn streamed(id: &str, model: &str, reply: &str) -> Response {
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        })
        .to_string()
    };
    let mut events = vec![chunk(json!({ "role": "assistant", "content": "" }), None)];
    events.extend(tokens(reply).into_iter().map(|token| chunk(json!({ "content": token }), None)));
    events.push(chunk(json!({}), Some("stop")));
    events.push("[DONE]".to_owned());
    let stream = stream::unfold(events.into_iter(), async |mut rest| {
        let data = rest.next()?;
        tokio::time::sleep(PACE).await;
        Some((Ok::<_, Infallible>(Event::default().data(data)), rest))
    });
    Sse::new(Box::pin(stream)).into_response()
}

pub(super) async fn embeddings(Json(body): Json<Value>) -> Response {
    let inputs = match body.get("input") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => {
            items.iter().map(|i| i.as_str().unwrap_or_default().to_owned()).collect()
        }
        _ => {
            return error(
                StatusCode::BAD_REQUEST,
                "missing_required_parameter",
                "`input` is missing",
            );
        }
    };
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": embed(text) }))
        .collect();
    let words: usize = inputs.iter().map(|t| t.split_whitespace().count()).sum();
    Json(json!({
        "object": "list",
        "data": data,
        "model": body.get("model"),
        "usage": { "prompt_tokens": words, "total_tokens": words },
    }))
    .into_response()
}

/// A few numbers that depend on the text: the shares of its bytes by their low bits.
fn embed(text: &str) -> Vec<f64> {
    let mut counts = [0_u32; DIMENSIONS];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte).wrapping_rem(DIMENSIONS)) {
            *count = count.saturating_add(1);
        }
    }
    let total = f64::from(counts.iter().copied().fold(0, u32::saturating_add).max(1));
    counts.iter().map(|count| f64::from(*count) / total).collect()
}
