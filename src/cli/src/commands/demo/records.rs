//! Decision records, from Envoy's log to one line for people.

use clap::builder::styling::{AnsiColor, Style};
use serde_json::Value;

use crate::text::printable;

/// The decision record in a line of Envoy's log, as one readable line.
pub(super) fn readable(line: &str) -> Option<String> {
    let (_, json) = line.split_once('{')?;
    let record: Value = serde_json::from_str(&format!("{{{json}")).ok()?;
    if record.get("kind").and_then(Value::as_str) != Some("decision") {
        return None;
    }
    let text = |pointer: &str| {
        let value = record.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
        // Callers choose some of this.
        printable(value)
    };
    let decision = text("/decision");
    let colour = match &*decision {
        "allow" => AnsiColor::Green,
        "deny" => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let time = text("/time");
    let time = time.get(11..19).unwrap_or(&time);
    let subject = text("/principal/subject");
    let operation = text("/operation");
    let request = format!("{} {}", text("/method"), text("/path"));
    let mut out =
        format!("{time}  {style}{decision:<5}{style:#}  {subject:<6}  {operation:<32}  {request}");
    if record.get("reason").and_then(Value::as_str) != Some("ok") {
        out.push_str(&format!("  {}", text("/reason")));
    }
    if let Some(message) = record.get("message").and_then(Value::as_str) {
        out.push_str(&format!(": {}", printable(message)));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> Option<String> {
        readable(line).map(|line| anstream::adapter::strip_str(&line).to_string())
    }

    #[test]
    fn records_become_lines() {
        let line = r#"[2026-11-24 04:00:00.1][7][info][wasm] [x.cc:1] wasm log scopewarden scopewarden: {"kind":"decision","time":"2026-11-24T04:01:02.003Z","decision":"deny","reason":"scope_missing","message":"`openai.models.delete` needs the scope `a`","principal":{"subject":"bob"},"operation":"openai.models.delete","method":"DELETE","path":"/v1/models/x"}"#;
        assert_eq!(
            plain(line).unwrap(),
            "04:01:02  deny   bob     openai.models.delete              DELETE /v1/models/x  \
             scope_missing: `openai.models.delete` needs the scope `a`"
        );
    }

    #[test]
    fn a_record_cannot_steer_the_terminal() {
        let line =
            r#"x {"kind":"decision","decision":"allow","reason":"ok","path":"/\u001b[2J\n"}"#;
        let shown = readable(line).unwrap();
        assert!(shown.contains("/\\u{1b}[2J\\n"), "{shown}");
    }

    #[test]
    fn other_lines_are_not_records() {
        for line in ["", "plain", "x {not json}", r#"x {"kind":"other"}"#] {
            assert_eq!(readable(line), None, "{line}");
        }
    }
}
