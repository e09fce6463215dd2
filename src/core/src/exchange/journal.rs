//! What the decision record of an exchange will say. Never a token, never a query string, never a body.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::response::Outcome;
use crate::approval::{Party, Verdict};
use crate::body::Fact;
use crate::decide::{self, Call, Denial, FactValue, Grants};
use crate::http::RequestHead;
use crate::identity::Principal;
use crate::operation::{Protocol, split_target};
use crate::policy::{OperationId, Policy};
use crate::time::UnixMicros;

/// Longest text of a record that a caller chose, in characters.
const LONGEST_TEXT: usize = 1024;
/// Most scopes that a record lists.
const MOST_SCOPES: usize = 64;

/// Collects what the record says.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) record: String,
    pub(super) protocol: Protocol,
    pub(super) surface: Option<String>,
    pub(super) server: Option<String>,
    pub(super) operation: Option<OperationId>,
    pub(super) principal: Option<Arc<Principal>>,
    pub(super) shadowed: Vec<Denial>,
    started: Option<UnixMicros>,
    method: String,
    authority: String,
    path: String,
    request_id: Option<String>,
    rpc_method: Option<String>,
    facts: Map<String, Value>,
    scopes_held: Option<Vec<String>>,
    approval: Option<Value>,
    pub(super) response: Outcome,
    decision: Option<(&'static str, Option<Denial>, u64)>,
}

impl Journal {
    pub(super) fn new(record: String) -> Self {
        Self {
            record,
            protocol: Protocol::Rest,
            surface: None,
            server: None,
            operation: None,
            principal: None,
            shadowed: Vec::new(),
            started: None,
            method: String::new(),
            authority: String::new(),
            path: String::new(),
            request_id: None,
            rpc_method: None,
            facts: Map::new(),
            scopes_held: None,
            approval: None,
            response: Outcome::default(),
            decision: None,
        }
    }

    /// Notes the head. The query stays out: credentials travel there.
    pub(super) fn start(&mut self, now: UnixMicros, head: &RequestHead) {
        self.started = Some(now);
        self.method = text(&head.method);
        self.authority = text(&head.authority);
        self.path = text(split_target(&head.target).0);
        self.request_id = head.headers.one("x-request-id").ok().flatten().map(text);
    }

    pub(super) fn rpc_method(&mut self, method: &str) {
        self.rpc_method = Some(cut(method));
    }

    /// Notes the operation's facts.
    #[inline(never)]
    pub(super) fn facts(&mut self, call: &Call<'_>) {
        for (name, _) in &call.operation.facts {
            let value = match decide::fact(call, name) {
                Some(FactValue::Path(text)) => Value::from(cut(text)),
                Some(FactValue::Body(Fact::Text(text))) => Value::from(cut(text)),
                Some(FactValue::Body(Fact::Integer(number))) => Value::from(*number),
                Some(FactValue::Body(Fact::Bool(flag))) => Value::from(*flag),
                Some(FactValue::Body(Fact::Null | Fact::Other)) | None => continue,
            };
            self.facts.insert(name.clone(), value);
        }
    }

    /// Notes what the caller holds, for a refusal that a person will want to understand.
    pub(super) fn hold_scopes(&mut self, grants: &Grants<'_>) {
        self.scopes_held =
            Some(grants.all().into_iter().take(MOST_SCOPES).map(str::to_owned).collect());
    }

    /// Notes what the approval service said.
    pub(super) fn approval(&mut self, verdict: &Verdict) {
        let (id, status, approvers): (_, _, &[Party]) = match verdict {
            Verdict::Approved(approved) => (approved.approval(), "approved", approved.approvers()),
            Verdict::Pending { approval } => (approval.as_str(), "pending", &[]),
            Verdict::Denied { approval, approvers, .. } => (approval, "denied", approvers),
            Verdict::Expired { approval } => (approval, "expired", &[]),
        };
        let approvers: Vec<Value> = approvers.iter().map(Value::from).collect();
        let mut noted = json!({"id": id, "status": status, "approvers": approvers});
        if matches!(verdict, Verdict::Approved(approved) if approved.break_glass())
            && let Some(members) = noted.as_object_mut()
        {
            members.insert("break_glass".to_owned(), Value::Bool(true));
        }
        self.approval = Some(noted);
    }

    /// Notes the decision; returns microseconds since the head.
    pub(super) fn decide(
        &mut self,
        decision: &'static str,
        denial: Option<Denial>,
        now: UnixMicros,
    ) -> u64 {
        let micros = self.started.map_or(0, |started| now.since(started));
        self.decision = Some((decision, denial, micros));
        micros
    }

    /// The record; `None` when no request was seen.
    #[inline(never)]
    pub(super) fn close(
        &mut self,
        policy: &Policy,
        status: Option<u16>,
        now: UnixMicros,
    ) -> Option<String> {
        let started = self.started.take()?;
        let (decision, denial, micros) =
            self.decision.take().unwrap_or(("abandoned", None, now.since(started)));
        let operation = self.operation.and_then(|id| policy.operations.get(id));
        let reason = denial.as_ref().map(|d| d.reason.code()).unwrap_or(match decision {
            "abandoned" => "client_gone",
            _ => "ok",
        });
        let mut record = json!({
            "kind": "decision",
            "time": started.millis().to_string(),
            "record": self.record,
            "request_id": self.request_id,
            "policy": policy.name,
            "policy_hash": policy.hash,
            "mode": policy.mode.as_str(),
            "decision": decision,
            "reason": reason,
            "principal": self.principal.as_deref().map(principal),
            "surface": self.surface,
            "operation": operation.map(|o| o.id.as_str()),
            "tier": operation.map(|o| o.tier.as_str()),
            "method": self.method,
            "authority": self.authority,
            "path": self.path,
            "decision_us": micros,
            "duration_us": now.since(started),
            "status": status,
        });
        if let Value::Object(record) = &mut record {
            optional(record, "server", self.server.take().map(Value::from));
            optional(record, "approval", self.approval.take());
            optional(record, "rpc_method", self.rpc_method.take().map(Value::from));
            optional(
                record,
                "facts",
                (!self.facts.is_empty()).then(|| std::mem::take(&mut self.facts).into()),
            );
            if let Some(denial) = denial {
                optional(record, "message", Some(denial.message.into()));
                optional(record, "rule", denial.rule.map(Value::from));
                optional(
                    record,
                    "scopes_wanted",
                    (!denial.scopes_wanted.is_empty()).then(|| denial.scopes_wanted.into()),
                );
                optional(record, "scopes_held", self.scopes_held.take().map(Value::from));
            }
            let Outcome { found, stopped } = std::mem::take(&mut self.response);
            optional(record, "masked", (!found.is_empty()).then(|| json!(found)));
            let stopped = stopped.map(|d| json!({"reason": d.reason.code(), "message": d.message}));
            optional(record, "response_stopped", stopped);
            let shadowed: Vec<Value> = self
                .shadowed
                .drain(..)
                .map(|d| json!({"rule": d.rule, "reason": d.reason.code(), "message": d.message}))
                .collect();
            optional(record, "shadow", (!shadowed.is_empty()).then(|| shadowed.into()));
        }
        Some(record.to_string())
    }
}

fn optional(record: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        record.insert(name.to_owned(), value);
    }
}

fn principal(principal: &Principal) -> Value {
    let mut value = json!({
        "issuer": principal.issuer,
        "subject": principal.subject,
        "proof": principal.proof.name(),
    });
    if let Value::Object(map) = &mut value
        && !principal.actors.is_empty()
    {
        let actors: Vec<Value> = principal
            .actors
            .iter()
            .map(|a| json!({"issuer": a.issuer, "subject": a.subject}))
            .collect();
        map.insert("actors".into(), actors.into());
    }
    value
}

/// Bytes that a caller chose: what is not UTF-8 becomes U+FFFD, JSON escapes the rest.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => cut(text),
        Err(_) => cut(&String::from_utf8_lossy(bytes)),
    }
}

/// At most [`LONGEST_TEXT`] characters, and the length when there were more.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    match text.char_indices().nth(LONGEST_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!(
                "{}… ({} bytes)",
                text.split_at_checked(end).map_or("", |(head, _)| head),
                text.len()
            )
        }
    }
}
