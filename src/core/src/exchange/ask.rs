//! From a held request to the question for the approval service.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::asked::internal;
use super::held::Held;
use crate::approval::{
    Bound, BoundBody, Gate, Party, Preview, Question, Requirement, SET_HEADER, Step, Ticket,
    VERSION,
};
use crate::audit::veil;
use crate::decide::Denial;
use crate::digest::sha256;
use crate::identity::Principal;
use crate::operation::{Query, split_target};
use crate::policy::{Approval, ApprovalService, Condition, Operation, Policy};
use crate::reason::Reason;

/// Header fields that decide which resource is meant, for every operation.
const BOUND_HEADERS: [&str; 3] = ["content-type", "openai-organization", "openai-project"];

/// How long telling the service that a caller is gone may take, in milliseconds.
const ABANDON_TIMEOUT_MS: u64 = 5_000;

/// What an approval has to know of a request beside what decides it. Only kept where an approval can be needed.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) method: Vec<u8>,
    pub(super) authority: Vec<u8>,
    pub(super) target: Vec<u8>,
    /// The whole body, once it is here: what it is bound by, and what is shown of it.
    pub(super) body: Option<(BoundBody, Preview)>,
}

/// A call to the approval service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The question, as JSON.
    pub body: Vec<u8>,
    /// How long the call may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Somebody, as approvals name them.
pub(super) fn party(principal: &Principal) -> Party {
    Party { issuer: principal.issuer.clone(), subject: principal.subject.clone() }
}

/// What a question is about.
pub(super) struct Subject<'a> {
    pub(super) policy: &'a Policy,
    pub(super) service: &'a ApprovalService,
    pub(super) operation: &'a Operation,
    pub(super) approval: &'a Approval,
    pub(super) held: &'a Held,
    pub(super) principal: &'a Principal,
}

/// The question about a held request, and the ticket for its answer.
pub(super) fn ask(
    subject: &Subject<'_>,
    record: &str,
    gate: &dyn Gate,
) -> Result<(Ticket, Ask), Denial> {
    let wire = subject.held.wire.as_deref();
    let wire = wire.ok_or_else(|| internal("an approval was not expected here"))?;
    let nonce = gate.nonce().ok_or_else(|| internal("this host has no random numbers"))?;
    let nonce = URL_SAFE_NO_PAD.encode(nonce);
    let call = bound(subject, wire)?;
    let fingerprint = call.fingerprint();
    let preview = wire.body.as_ref().map(|(_, preview)| preview.clone()).unwrap_or_default();
    let query = subject.held.query.as_ref().map(Query::pairs).unwrap_or_default();
    let question = Question {
        version: VERSION,
        nonce: nonce.clone(),
        fingerprint: fingerprint.as_str().to_owned(),
        wait_ms: subject.approval.hold_ms,
        record: record.to_owned(),
        call,
        preview: preview.with_query(query),
    };
    let body = Value::from(&question).to_string().into_bytes();
    let timeout_ms = subject.approval.hold_ms.saturating_add(subject.service.timeout_ms);
    Ok((Ticket::new(nonce, fingerprint), Ask { body, timeout_ms }))
}

/// That the caller of a question is gone.
pub(super) fn abandon(ticket: &Ticket) -> Ask {
    let body = json!({"version": VERSION, "nonce": ticket.nonce(), "fingerprint": ticket.fingerprint().as_str()});
    Ask { body: body.to_string().into_bytes(), timeout_ms: ABANDON_TIMEOUT_MS }
}

/// What of the call an approver says yes to.
fn bound(subject: &Subject<'_>, wire: &Wire) -> Result<Bound, Denial> {
    let Subject { policy, operation, approval, principal, .. } = subject;
    let (path, query) = split_target(&wire.target);
    let text = |bytes: &[u8]| {
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| {
            Denial::new(
                Reason::HeaderAmbiguous,
                "a part of the request that an approval names is not text",
            )
        })
    };
    let body = wire.body.as_ref().map_or_else(|| BoundBody::exact(b""), |(body, _)| body.clone());
    let surface = policy.surfaces.get(operation.surface);
    Ok(Bound {
        actors: principal
            .actors
            .iter()
            .map(|a| Party { issuer: a.issuer.clone(), subject: a.subject.clone() })
            .collect(),
        authority: text(&wire.authority)?,
        body: body.digest,
        body_bytes: body.bytes,
        headers: bound_headers(subject, text)?,
        method: text(&wire.method)?,
        operation: operation.id.clone(),
        path: without_secrets(text(path)?),
        policy: policy.name.clone(),
        policy_hash: policy.hash.clone(),
        principal: party(principal),
        query: BoundBody::exact(query.unwrap_or_default()).digest,
        requirement: Requirement {
            approvers: approval.approvers,
            scope: approval.scope.clone(),
            ttl_ms: approval.ttl_ms,
        },
        set: step(subject)?,
        server: surface.and_then(|s| s.server.clone()).unwrap_or_default(),
        tier: operation.tier.as_str().to_owned(),
    })
}

/// A text that people are shown and that is kept. A secret in it is masked, and a digest keeps the text as exact as it was.
fn without_secrets(text: String) -> String {
    match veil(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => format!("{masked} ({})", sha256([text.as_bytes()])),
    }
}

/// Which step of a set the caller says it is.
fn step(subject: &Subject<'_>) -> Result<Option<Step>, Denial> {
    let mut values = subject.held.headers.all(SET_HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    match Step::parse(value) {
        Some(step) if values.next().is_none() => Ok(Some(step)),
        _ => {
            let message = format!("`{SET_HEADER}` is not of the form `name;step=1;of=2`");
            Err(Denial::new(Reason::HeaderAmbiguous, message))
        }
    }
}

fn bound_headers(
    subject: &Subject<'_>,
    text: impl Fn(&[u8]) -> Result<String, Denial>,
) -> Result<Vec<(String, String)>, Denial> {
    let rules = subject.operation.rules.iter().filter_map(|id| subject.policy.rules.get(*id));
    let read = rules.flat_map(|rule| &rule.conditions).filter_map(|condition| match condition {
        Condition::Header { name, .. } => Some(name.as_str()),
        Condition::Query { .. } | Condition::Body { .. } => None,
    });
    let names: BTreeSet<&str> = BOUND_HEADERS.into_iter().chain(read).collect();
    let mut headers = Vec::new();
    for name in names {
        for value in subject.held.headers.all(name) {
            headers.push((name.to_owned(), without_secrets(text(value)?)));
        }
    }
    Ok(headers)
}
