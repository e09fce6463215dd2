//! Calls and people for tests.

use scopewarden_core::approval::{Bound, Party, Preview, Question, Requirement, Step, VERSION};
use scopewarden_core::time::UnixMillis;

use crate::domain::{Approval, Approver, Decision, Person};

pub(crate) const NOW: UnixMillis = UnixMillis(1_795_507_200_000);
pub(crate) const TTL_MS: u64 = 600_000;
pub(crate) const ISSUER: &str = "https://idp.test/";
pub(crate) const SCOPE: &str = "acme:approve";

pub(crate) fn person(subject: &str) -> Person {
    Person { issuer: ISSUER.into(), subject: subject.into() }
}

pub(crate) fn party(subject: &str) -> Party {
    Party { issuer: ISSUER.into(), subject: subject.into() }
}

/// Ana, acting through an agent, deletes `path`.
pub(crate) fn call(path: &str, approvers: u32) -> Bound {
    Bound {
        actors: vec![party("agent")],
        authority: "gateway.test".into(),
        body: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        body_bytes: 0,
        headers: Vec::new(),
        method: "DELETE".into(),
        operation: "openai.models.delete".into(),
        path: path.into(),
        policy: "prod".into(),
        policy_hash: "sha256:00".into(),
        principal: party("ana"),
        query: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        requirement: Requirement { approvers, scope: SCOPE.into(), ttl_ms: TTL_MS },
        server: String::new(),
        set: None,
        tier: "admin".into(),
    }
}

/// A step of Ana's set `rotate`.
pub(crate) fn step(step: u32, of: u32) -> Bound {
    let set = Some(Step { id: "rotate".into(), of, step });
    Bound { set, ..call(&format!("/v1/keys/{step}"), 1) }
}

pub(crate) fn question(call: &Bound, nonce: &str, wait_ms: u64) -> Question {
    Question {
        version: VERSION,
        nonce: format!("nonce-0123456789-{nonce}"),
        fingerprint: call.fingerprint().as_str().to_owned(),
        wait_ms,
        record: "rec-1".into(),
        call: call.clone(),
        preview: Preview::default(),
    }
}

pub(crate) fn approval(approvers: u32) -> Approval {
    let call = call("/v1/models/m", approvers);
    Approval::open("apr_1".into(), "rec-1".into(), call, Preview::default(), NOW).0
}

/// Somebody with the scope.
pub(crate) fn approver(subject: &str) -> Approver {
    Approver {
        person: person(subject),
        name: None,
        scopes: [SCOPE.to_owned()].into(),
        machine: None,
    }
}

pub(crate) fn yes() -> Decision {
    Decision::Approve { reason: None }
}

pub(crate) fn no() -> Decision {
    Decision::Deny { reason: "not on a Friday".into() }
}
