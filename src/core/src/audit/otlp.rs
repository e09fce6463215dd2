//! Batches as OTLP/HTTP logs in JSON (opentelemetry-proto 1.x, `ExportLogsServiceRequest`).

use std::fmt::Write as _;

use serde_json::Value;

use super::trail::Line;

/// Every line is the body of one log record. Numbers of 64 bits are strings, as Protobuf's JSON has them.
pub(super) fn request<'a>(
    instance: &str,
    stream: &str,
    lines: impl Iterator<Item = &'a Line>,
    now_us: u64,
) -> String {
    let mut out = String::from(
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"scopewarden"}},{"key":"service.instance.id","value":{"stringValue":"#,
    );
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        r#"{}}}}}]}},"scopeLogs":[{{"scope":{{"name":"scopewarden.audit","version":"{}"}},"logRecords":["#,
        Value::from(instance),
        env!("CARGO_PKG_VERSION")
    );
    for (n, line) in lines.enumerate() {
        if n > 0 {
            out.push(',');
        }
        let _ = write!(
            out,
            r#"{{"timeUnixNano":"{}000","observedTimeUnixNano":"{now_us}000","severityNumber":9,"severityText":"INFO","eventName":"scopewarden.{}","body":{{"stringValue":"#,
            line.at.0, line.kind
        );
        quote(&line.text, &mut out);
        let _ = write!(
            out,
            r#"}},"attributes":[{{"key":"scopewarden.stream","value":{{"stringValue":"{stream}"}}}},{{"key":"scopewarden.sequence","value":{{"intValue":"{}"}}}}]}}"#,
            line.sequence
        );
    }
    out.push_str("]}]}]}");
    out
}

/// A JSON string. Lines hold no control characters, so it is quotes and backslashes that are escaped.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest.as_bytes()) {
        let Some((plain, escaped)) = rest.split_at_checked(at) else { break };
        out.push_str(plain);
        out.push('\\');
        let mut characters = escaped.chars();
        out.extend(characters.next());
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// What the sink says it has not taken: `rejected_log_records` of a partial success.
pub(super) fn rejected(body: &[u8]) -> u64 {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return 0 };
    match answer.pointer("/partialSuccess/rejectedLogRecords") {
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        Some(number) => number.as_u64().unwrap_or(0),
        None => 0,
    }
}
