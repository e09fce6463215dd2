use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;

/// Sends one request; the status, and the body as text.
async fn send(api: &Router, method: &str, path: &str, body: &str) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn send_json(api: &Router, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (status, text) = send(api, method, path, body).await;
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn a_deleted_model_is_gone_for_everyone() {
    let api = router();
    let (_, list) = send_json(&api, "GET", "/v1/models", "").await;
    assert_eq!(list["data"].as_array().unwrap().len(), MODELS.len());

    let (status, deleted) = send_json(&api, "DELETE", "/v1/models/gpt-4o", "").await;
    assert_eq!((status, &deleted["deleted"]), (200, &Value::Bool(true)));

    let chat = r#"{"model":"gpt-4o","messages":[]}"#;
    for (method, path, body) in [
        ("GET", "/v1/models/gpt-4o", ""),
        ("DELETE", "/v1/models/gpt-4o", ""),
        ("POST", "/v1/chat/completions", chat),
    ] {
        let (status, answer) = send_json(&api, method, path, body).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &"model_not_found".into()), "{path}");
    }
}

#[tokio::test]
async fn a_completion_repeats_what_was_said() {
    let body = r#"{"model":"gpt-4o-mini","messages":[
        {"role":"system","content":"be brief"},
        {"role":"user","content":[{"type":"text","text":"hello there"}]}]}"#;
    let (status, answer) = send_json(&router(), "POST", "/v1/chat/completions", body).await;
    assert_eq!(status, 200);
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.ends_with("You said: hello there"), "{content}");
    assert_eq!(answer["usage"]["prompt_tokens"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_stream_holds_the_same_text() {
    let body =
        r#"{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi ho"}]}"#;
    let (status, text) = send(&router(), "POST", "/v1/chat/completions", body).await;
    assert_eq!(status, 200);
    let mut events: Vec<&str> = text.split("\n\n").filter(|e| !e.is_empty()).collect();
    assert_eq!(events.pop(), Some("data: [DONE]"));
    let joined: String = events
        .iter()
        .map(|e| serde_json::from_str::<Value>(e.strip_prefix("data: ").unwrap()).unwrap())
        .filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert!(joined.ends_with("You said: hi ho"), "{joined}");
}

#[tokio::test]
async fn files_are_kept_listed_and_deleted() {
    let api = router();
    let form = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
                --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n{\"a\":1}\r\n\r\n--b--\r\n";
    let request = Request::builder()
        .method("POST")
        .uri("/v1/files")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(Body::from(form))
        .unwrap();
    assert_eq!(api.clone().oneshot(request).await.unwrap().status(), 200);

    let (_, list) = send_json(&api, "GET", "/v1/files", "").await;
    let file = &list["data"][0];
    assert_eq!(
        (&file["filename"], &file["purpose"], &file["bytes"]),
        (&"a.jsonl".into(), &"batch".into(), &9.into())
    );
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    let (_, content) = send(&api, "GET", &format!("{path}/content"), "").await;
    assert_eq!(content, "{\"a\":1}\r\n");
    assert_eq!(send(&api, "DELETE", &path, "").await.0, 200);
    assert_eq!(send(&api, "GET", &path, "").await.0, 404);
}

#[tokio::test]
async fn what_is_missing_is_said_as_openai_says_it() {
    for (method, path, body, code) in [
        ("POST", "/v1/chat/completions", "{}", "missing_required_parameter"),
        ("POST", "/v1/embeddings", "{}", "missing_required_parameter"),
        ("POST", "/v1/files", "{}", "invalid_content_type"),
        ("GET", "/v1/nothing", "", "unknown_url"),
    ] {
        let (status, answer) = send_json(&router(), method, path, body).await;
        assert!((400..500).contains(&status), "{path}");
        assert_eq!(answer["error"]["code"], code, "{path}");
    }
}

#[tokio::test]
async fn embeddings_have_one_vector_per_input() {
    let body = r#"{"model":"text-embedding-3-small","input":["a","bb"]}"#;
    let (_, answer) = send_json(&router(), "POST", "/v1/embeddings", body).await;
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!(data[0]["embedding"].as_array().unwrap().len(), 8);
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
}
