//! Records and logs for tests, made by the contract and not by the code that is tested.
#![expect(clippy::arithmetic_side_effects, reason = "tests count what they made themselves")]

use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// When the first sample was written.
pub(crate) const TIME: u64 = 1_795_514_400_000;

/// A stream that grows.
pub(crate) struct Chain {
    stream: String,
    seq: u64,
    prev: String,
}

impl Chain {
    pub(crate) fn new(stream: u128) -> Self {
        Self { stream: format!("{stream:032x}"), seq: 0, prev: "0".repeat(64) }
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    /// The next line, with these members after the four that come first.
    pub(crate) fn line(&mut self, members: &Value) -> String {
        let (stream, seq, prev) = (&self.stream, self.seq, &self.prev);
        let rest = members.to_string();
        let rest = rest.strip_prefix('{').unwrap();
        let line = format!(r#"{{"v":1,"stream":"{stream}","seq":{seq},"prev":"{prev}",{rest}"#);
        self.seq += 1;
        self.prev = Sha256::digest(line.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        line
    }
}

/// A time so many seconds after [`TIME`].
pub(crate) fn time(seconds: u64) -> String {
    scopewarden_core::time::UnixMillis(TIME + seconds * 1000).to_string()
}

/// What the first record of a stream says.
pub(crate) fn opening(seconds: u64) -> Value {
    json!({
        "kind": "stream", "time": time(seconds), "instance": "edge-1", "policy": "acme", "policy_hash": "sha256:aa",
        "version": "0.1.0", "mode": "enforce",
    })
}

/// An outcome: `change` overrides members.
pub(crate) fn decision(seconds: u64, record: &str, change: &Value) -> Value {
    let mut members = json!({
        "kind": "decision", "time": time(seconds), "record": record, "request_id": format!("req-{record}"),
        "policy": "acme", "policy_hash": "sha256:aa", "mode": "enforce", "decision": "allow", "reason": "ok",
        "principal": {"issuer": "https://idp.test/", "subject": "alice", "proof": "jwt"}, "surface": "openai",
        "operation": "openai.models.list", "tier": "read", "method": "GET", "authority": "api.test", "path": "/v1/models",
        "decision_us": 90, "duration_us": 1200, "status": 200, "scopes_held": ["autogen:model:read"],
    });
    for (name, value) in change.as_object().unwrap() {
        members[name] = value.clone();
    }
    members
}

/// Two streams that tell of a deletion: who asked for it, who approved it, and what else the session said.
pub(crate) fn sample() -> Vec<String> {
    let (mut one, mut two) = (Chain::new(0x1a), Chain::new(0x2b));
    let chat = |previous: Option<&str>, response: &str| {
        let mut session = json!({"response": response, "trace": "4b".repeat(16)});
        if let Some(previous) = previous {
            session["previous"] = json!(previous);
        }
        session
    };
    let ask = |session: Value, text: &str| {
        json!({
            "surface": "openai", "operation": "openai.responses.create", "tier": "infer", "method": "POST",
            "path": "/v1/responses", "facts": {"model": "gpt-5"}, "session": session, "masked": {"email": 1},
            "request": {"bytes": 90, "sha256": "ab".repeat(32), "content_type": "application/json",
                "body": json!({"input": text}).to_string()},
            "response": {"bytes": 400, "sha256": "cd".repeat(32), "content_type": "application/json",
                "body": r#"{"output":"done, told [email]"}"#, "cut": true},
        })
    };
    let delete = json!({
        "operation": "openai.models.delete", "tier": "destroy", "method": "DELETE", "path": "/v1/models/ft-1",
        "facts": {"model": "ft-1"}, "session": {"conversation": "conv_7", "trace": "4b".repeat(16)},
        "approval": {"id": "apr_1", "status": "approved", "approvers": [
            {"issuer": "https://idp.test/", "subject": "bob"}, {"issuer": "https://idp.test/", "subject": "carol"}]},
    });
    let mut intent = delete.clone();
    intent["kind"] = json!("intent");
    let denied = json!({
        "decision": "deny", "reason": "scope_missing", "status": 403, "principal": {"issuer": "https://idp.test/", "subject": "mallory", "proof": "jwt"},
        "operation": "openai.files.delete", "tier": "destroy", "method": "DELETE", "path": "/v1/files/f<script>alert(1)</script>",
        "message": "needs the scope `openai:files:delete`", "scopes_wanted": ["openai:files:delete"], "facts": {"tool": "shell"},
    });
    let shadow = json!({"mode": "shadow", "shadow": [{"rule": "no-night-work", "reason": "denied_by_rule", "message": "not at night"}]});
    vec![
        one.line(&opening(0)),
        one.line(&decision(1, "r-1", &json!({}))),
        one.line(&decision(2, "r-2", &ask(chat(None, "resp_1"), "please clean the old models up"))),
        two.line(&opening(3)),
        two.line(&decision(4, "r-3", &ask(chat(Some("resp_1"), "resp_2"), "yes, ft-1 as well"))),
        two.line(&decision(5, "r-4", &denied)),
        one.line(&decision(6, "r-5", &intent)),
        one.line(&decision(7, "r-5", &delete)),
        one.line(&decision(8, "r-6", &shadow)),
        two.line(&decision(9, "r-7", &json!({"session": {"mcp": "0123456789abcdef", "run": "run-9"}}))),
        two.line(&json!({"kind": "gap", "time": time(10), "dropped": 3, "since": time(9), "until": time(10), "because": "spool_full"})),
        two.line(&json!({"kind": "head", "time": time(11), "of": {"stream": one.stream(), "seq": 6, "hash": "ee".repeat(32)}, "because": "lost"})),
        one.line(&decision(3600, "r-8", &json!({"status": 503, "decision": "abandoned", "reason": "client_gone"}))),
        one.line(&json!({"kind": "end", "time": time(3601)})),
    ]
}

/// Writes lines as a log whose segments have so many records.
pub(crate) fn write(directory: &Path, lines: &[String], each: usize) {
    let folder = directory.join("segments");
    std::fs::create_dir_all(&folder).unwrap();
    for (n, chunk) in lines.chunks(each).enumerate() {
        let text: String = chunk.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(folder.join(format!("{:020}.jsonl", n * each)), text).unwrap();
    }
}
