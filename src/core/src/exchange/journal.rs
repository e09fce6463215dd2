//! What the records of an exchange say. Never a token, never a query string, no secret in any text, and of bodies what the policy's `audit` lets them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::response::Outcome;
use crate::approval::{Party, Verdict};
use crate::audit::{Capture, Payload, Session, veil};
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
    pub(super) session: Session,
    /// The request's body.
    pub(super) request: Option<Capture>,
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
            session: Session::default(),
            request: None,
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
        self.session = Session::of_head(&head.headers);
        self.request_id = head.headers.one("x-request-id").ok().flatten().map(text);
    }

    pub(super) fn rpc_method(&mut self, method: &str) {
        self.rpc_method = Some(method.to_owned());
    }

    /// Notes the operation's facts.
    #[inline(never)]
    pub(super) fn facts(&mut self, call: &Call<'_>) {
        for (name, _) in &call.operation.facts {
            let value = match decide::fact(call, name) {
                Some(FactValue::Path(text)) => Value::from(text),
                Some(FactValue::Body(Fact::Text(text))) => Value::from(text.as_str()),
                Some(FactValue::Body(Fact::Integer(number))) => Value::from(*number),
                Some(FactValue::Body(Fact::Bool(flag))) => Value::from(*flag),
                Some(FactValue::Body(Fact::Null | Fact::Other)) | None => continue,
            };
            self.facts.insert(name.clone(), value);
        }
    }

    /// Notes what the caller holds: a person will want to understand a refusal, and another policy could be tried on the record.
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

    /// The record of a request that is about to go on.
    #[inline(never)]
    pub(super) fn intent(&self, policy: &Policy) -> String {
        let mut record = self.known("intent", "allow", None, policy);
        if let Some(request) = self.request.clone() {
            optional(&mut record, "request", request.close(self.payload(policy)));
        }
        Value::Object(record).to_string()
    }

    /// The record; `None` when no request was seen.
    #[inline(never)]
    pub(super) fn close(
        &mut self,
        policy: &Policy,
        status: Option<u16>,
        now: UnixMicros,
    ) -> Option<String> {
        let started = self.started?;
        let (decision, denial, micros) =
            self.decision.take().unwrap_or(("abandoned", None, now.since(started)));
        let Outcome { found, stopped, capture } = std::mem::take(&mut self.response);
        if let Some(capture) = &capture {
            self.session.response(capture.shown());
        }
        let mut record = self.known("decision", decision, denial.as_ref(), policy);
        record.insert("decision_us".to_owned(), micros.into());
        record.insert("duration_us".to_owned(), now.since(started).into());
        record.insert("status".to_owned(), status.into());
        optional(&mut record, "masked", (!found.is_empty()).then(|| json!(found)));
        let stopped =
            stopped.map(|d| json!({"reason": d.reason.code(), "message": *veil(&d.message)}));
        optional(&mut record, "response_stopped", stopped);
        let shadowed = self.shadowed.drain(..).map(
            |d| json!({"rule": d.rule, "reason": d.reason.code(), "message": *veil(&d.message)}),
        );
        let shadowed: Vec<Value> = shadowed.collect();
        optional(&mut record, "shadow", (!shadowed.is_empty()).then(|| shadowed.into()));
        let payload = self.payload(policy);
        let request = self.request.take().and_then(|request| request.close(payload));
        optional(&mut record, "request", request);
        optional(&mut record, "response", capture.and_then(|response| response.close(payload)));
        self.started = None;
        Some(Value::Object(record).to_string())
    }

    /// What the record of this request may say of bodies.
    pub(super) fn payload(&self, policy: &Policy) -> Payload {
        let tier = self.operation.and_then(|id| policy.operations.get(id)).map(|o| o.tier);
        match (&policy.audit, tier) {
            (Some(audit), Some(tier)) => audit.payload.get(tier),
            _ => Payload::None,
        }
    }

    fn facts_shown(&self) -> Value {
        let shown = |(name, fact): (&String, &Value)| {
            let fact = fact.as_str().map_or_else(|| fact.clone(), |text| shown(text).into());
            (name.clone(), fact)
        };
        Value::Object(self.facts.iter().map(shown).collect())
    }

    /// What is known before the response. Texts are masked here and not when they are heard: without a sink and a log nobody asks for a record.
    fn known(
        &self,
        kind: &str,
        decision: &str,
        denial: Option<&Denial>,
        policy: &Policy,
    ) -> Map<String, Value> {
        let operation = self.operation.and_then(|id| policy.operations.get(id));
        let reason = denial
            .map_or(if decision == "abandoned" { "client_gone" } else { "ok" }, |denial| {
                denial.reason.code()
            });
        let record = json!({
            "kind": kind,
            "time": self.started.unwrap_or_default().millis().to_string(),
            "record": self.record,
            "request_id": self.request_id.as_deref().map(shown),
            "policy": policy.name,
            "policy_hash": policy.hash,
            "mode": policy.mode.as_str(),
            "decision": decision,
            "reason": reason,
            "principal": self.principal.as_deref().map(principal),
            "surface": self.surface,
            "operation": operation.map(|o| o.id.as_str()),
            "tier": operation.map(|o| o.tier.as_str()),
            "method": shown(&self.method),
            "authority": shown(&self.authority),
            "path": shown(&self.path),
        });
        let Value::Object(mut record) = record else { return Map::new() };
        optional(&mut record, "server", self.server.as_deref().map(Value::from));
        optional(&mut record, "session", self.session.value());
        optional(&mut record, "approval", self.approval.clone());
        optional(&mut record, "rpc_method", self.rpc_method.as_deref().map(|m| shown(m).into()));
        optional(&mut record, "facts", (!self.facts.is_empty()).then(|| self.facts_shown()));
        if let Some(denial) = denial {
            optional(&mut record, "message", Some((*veil(&denial.message)).into()));
            optional(&mut record, "rule", denial.rule.as_deref().map(Value::from));
            let wanted = &denial.scopes_wanted;
            optional(&mut record, "scopes_wanted", (!wanted.is_empty()).then(|| json!(wanted)));
        }
        let held = self.scopes_held.as_ref().filter(|_| denial.is_some() || policy.audit.is_some());
        optional(&mut record, "scopes_held", held.map(|held| json!(held)));
        record
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
        "subject": *veil(&principal.subject),
        "proof": principal.proof.name(),
    });
    if let Value::Object(map) = &mut value
        && !principal.actors.is_empty()
    {
        let actors: Vec<Value> = principal
            .actors
            .iter()
            .map(|a| json!({"issuer": a.issuer, "subject": *veil(&a.subject)}))
            .collect();
        map.insert("actors".into(), actors.into());
    }
    value
}

/// Bytes that a caller chose: what is not UTF-8 becomes U+FFFD, JSON escapes the rest.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without secrets, and at most [`LONGEST_TEXT`] characters; with the length when there were more.
fn shown(text: &str) -> String {
    let text = &*veil(text);
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
