//! A log that tells a story: an afternoon of a company's agents, with everything that a record can say.
#![expect(clippy::arithmetic_side_effects, reason = "tests count what they made themselves")]

use serde_json::{Value, json};

use crate::audit::fixtures::{Chain, decision, opening, time};

/// Markup, quotes, and what cannot be seen.
pub(super) const PAYLOAD: &str =
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}\u{200b}\n\u{1b}[31m";

/// A body that was kept.
pub(super) fn kept(content_type: &str, body: &str) -> Value {
    json!({"bytes": body.len(), "sha256": "5e".repeat(32), "content_type": content_type, "body": body})
}

/// Server-sent events of chat completion chunks.
pub(super) fn stream(pieces: &[&str]) -> Value {
    let chunk = |text: &&str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let events: String = pieces.iter().map(|text| format!("data: {}\n\n", chunk(text))).collect();
    kept("text/event-stream", &format!("{events}data: [DONE]\n\n"))
}

fn chat(messages: &[(&str, &str)]) -> Value {
    let messages: Vec<_> =
        messages.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
    kept("application/json", &json!({"model": "gpt-5", "messages": messages}).to_string())
}

fn asking(change: &Value) -> Value {
    let mut members = json!({
        "surface": "openai", "operation": "openai.chat.completions.create", "tier": "infer", "method": "POST",
        "path": "/v1/chat/completions", "facts": {"model": "gpt-5"}, "session": {"conversation": "conv_cleanup"},
        "scopes_held": ["autogen:prompt", "autogen:model:delete"], "decision_us": 340, "duration_us": 2_410_000,
    });
    for (name, value) in change.as_object().unwrap() {
        members[name] = value.clone();
    }
    members
}

/// The session in which a model is deleted, with two people's approval.
fn cleanup(one: &mut Chain, lines: &mut Vec<String>) {
    let system = ("system", "You look after the fine-tuned models of Acme. Be brief.");
    let first =
        ("user", "Which of our models has nobody used this year? My mail is [masked:email].");
    let answer = "Nobody has used ft:gpt-4o:acme:invoices since January. Shall I delete it?";
    lines.push(one.line(&decision(60, "r-10", &asking(&json!({
        "request": chat(&[system, first]), "response": stream(&["Nobody has used ", "ft:gpt-4o:acme:invoices", " since January. ", "Shall I delete it?"]),
        "masked": {"email": 1},
    })))));
    let call = json!({"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "delete_model", "arguments": "{\"model\":\"ft:gpt-4o:acme:invoices\"}"}}]}}]});
    lines.push(one.line(&decision(
        95,
        "r-11",
        &asking(&json!({
            "request": chat(&[system, first, ("assistant", answer), ("user", "Yes, go ahead.")]),
            "response": kept("application/json", &call.to_string()),
        })),
    )));
    let delete = json!({
        "operation": "openai.models.delete", "tier": "destroy", "method": "DELETE", "path": "/v1/models/ft:gpt-4o:acme:invoices",
        "facts": {"model": "ft:gpt-4o:acme:invoices"}, "session": {"conversation": "conv_cleanup"},
        "principal": {"issuer": "https://idp.test/", "subject": "alice", "proof": "jwt", "actors": [{"issuer": "https://idp.test/", "subject": "model-keeper"}]},
        "scopes_held": ["autogen:prompt", "autogen:model:delete"],
    });
    let pending = merged(
        &delete,
        &json!({
            "decision": "deny", "reason": "approval_pending", "status": 409, "message": "approval `apr_7` is pending; send the same request again",
            "approval": {"id": "apr_7", "status": "pending", "approvers": []},
        }),
    );
    lines.push(one.line(&decision(97, "r-12", &pending)));
    let approved = merged(
        &delete,
        &json!({
            "approval": {"id": "apr_7", "status": "approved", "approvers": [
                {"issuer": "https://idp.test/", "subject": "bob"}, {"issuer": "https://idp.test/", "subject": "carol"}]},
        }),
    );
    lines.push(one.line(&decision(180, "r-13", &merged(&approved, &json!({"kind": "intent"})))));
    lines.push(one.line(&decision(180, "r-13", &merged(&approved, &json!({
        "response": kept("application/json", r#"{"deleted":true,"id":"ft:gpt-4o:acme:invoices","object":"model"}"#),
    })))));
}

fn merged(base: &Value, change: &Value) -> Value {
    let mut merged = base.clone();
    for (name, value) in change.as_object().unwrap() {
        merged[name] = value.clone();
    }
    merged
}

/// What a policy in shadow mode, and a rule in it, would refuse.
fn shadowed(two: &mut Chain, lines: &mut Vec<String>) {
    for n in 0..7 {
        let report = json!({
            "mode": "shadow", "decision": "shadow_deny", "reason": "scope_missing", "operation": "mcp.tools.call", "tier": "execute",
            "method": "POST", "path": "/mcp", "facts": {"tool": "shell"}, "surface": "mcp", "session": {"mcp": "0f1e2d3c4b5a6978"},
            "principal": {"issuer": "https://idp.test/", "subject": "report-bot", "proof": "jwt"},
            "message": "`mcp.tools.call` takes the scope `acme:tools:shell`", "scopes_wanted": ["acme:tools:shell"],
            "request": kept("application/json", r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"shell","arguments":{"command":"ls /srv"}}}"#),
            "response": kept("text/event-stream", "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"invoices\\nreports\"}]}}\n\n"),
        });
        lines.push(two.line(&decision(200 + n * 240, &format!("r-s{n}"), &report)));
    }
    for n in 0..2 {
        let night = json!({"shadow": [{"rule": "no-night-work", "reason": "condition_failed", "message": "not between 20:00 and 06:00"}]});
        lines.push(two.line(&decision(1900 + n * 400, &format!("r-n{n}"), &night)));
    }
}

/// Somebody who writes what they like wherever they can.
fn hostile(two: &mut Chain, lines: &mut Vec<String>) {
    let t = |name: &str| format!("{name}{PAYLOAD}");
    let turns = json!({"model": t("m"), "messages": [
        {"role": t("role"), "content": t("said")},
        {"role": "assistant", "tool_calls": [{"function": {"name": t("fn"), "arguments": t("args")}}]}]});
    let body = merged(&kept(&t("type"), &turns.to_string()), &json!({"sha256": t("digest")}));
    let everything = json!({
        "decision": "deny", "reason": t("reason"), "message": t("message"), "rule": t("rule"), "operation": t("operation"),
        "tier": t("tier"), "method": t("GET"), "path": t("/path"), "authority": t("host"), "surface": t("surface"), "server": t("server"),
        "request_id": t("request"), "policy": t("policy"), "policy_hash": t("hash"), "mode": t("mode"), "rpc_method": t("rpc"),
        "principal": {"issuer": t("iss"), "subject": t("mallory"), "proof": t("proof"), "actors": [{"issuer": t("iss"), "subject": t("actor")}]},
        "facts": {t("fact"): t("value")}, "scopes_wanted": [t("want")], "scopes_held": [t("held")], "masked": {t("email"): 1},
        "approval": {"id": t("apr"), "status": t("status"), "approvers": [{"issuer": t("iss"), "subject": t("bob")}]},
        "shadow": [{"rule": t("rule"), "reason": t("why"), "message": t("told")}], "response_stopped": {"reason": t("stop"), "message": t("told")},
        "session": {"conversation": t("conv"), "trace": t("trace")}, "request": body, "response": body,
    });
    lines.push(two.line(&decision(2500, &t("record"), &everything)));
    lines.push(two.line(&json!({"kind": t("kind"), "time": t("time")})));
    lines.push(two.line(&json!({"kind": "stream", "time": time(2501), "instance": t("edge"), "policy": t("policy"), "mode": t("mode")})));
}

/// The log.
pub(super) fn story() -> Vec<String> {
    let (mut one, mut two) = (Chain::new(0x11), Chain::new(0x22));
    let mut lines = vec![one.line(&opening(0)), two.line(&opening(1))];
    for n in 0..40 {
        let who = ["alice", "bo", "ci-runner"][n as usize % 3];
        let list =
            json!({"principal": {"issuer": "https://idp.test/", "subject": who, "proof": "jwt"}});
        lines.push(two.line(&decision(5 + n * 61, &format!("r-l{n}"), &list)));
    }
    cleanup(&mut one, &mut lines);
    shadowed(&mut two, &mut lines);
    let denied = json!({
        "decision": "deny", "reason": "scope_missing", "status": 403, "principal": {"issuer": "https://idp.test/", "subject": "mallory", "proof": "jwt"},
        "operation": "openai.files.delete", "tier": "destroy", "method": "DELETE", "path": "/v1/files/file-9",
        "message": "`openai.files.delete` takes the scope `openai:files:delete`", "scopes_wanted": ["openai:files:delete"], "scopes_held": ["autogen:prompt"],
    });
    for n in 0..4 {
        lines.push(one.line(&decision(900 + n * 37, &format!("r-d{n}"), &denied)));
    }
    let nobody = json!({"decision": "deny", "reason": "token_missing", "status": 401, "principal": null, "operation": null, "tier": null, "path": "/v1/nothing"});
    lines.push(one.line(&decision(1500, "r-x", &nobody)));
    hostile(&mut two, &mut lines);
    let gap = json!({"kind": "gap", "time": time(3000), "dropped": 3, "since": time(2900), "until": time(2990), "because": "spool_full"});
    lines.push(two.line(&gap));
    let lost = json!({"kind": "head", "time": time(3100), "of": {"stream": one.stream(), "seq": 11, "hash": "ee".repeat(32)}, "because": "lost"});
    lines.push(two.line(&lost));
    lines
}
