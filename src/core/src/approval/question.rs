//! What the filter asks the approval service.

use serde::Deserialize;
use serde_json::{Value, json};

use super::bound::Bound;
use super::preview::Preview;

/// The version of the wire format that this build speaks.
pub const VERSION: u32 = 1;

/// The body of `POST /v1/approvals`.
///
/// The service answers when there is a verdict, or after `wait_ms` with one that says `pending`. An answer is `200`,
/// `application/jwt`, and a signed verdict; anything else is a fault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// [`VERSION`].
    pub version: u32,
    /// Names this question alone; the verdict repeats it.
    pub nonce: String,
    /// The fingerprint of `call`, which the service computes for itself and compares.
    pub fingerprint: String,
    /// How long the service may take, in milliseconds.
    pub wait_ms: u64,
    /// The id of the decision record.
    pub record: String,
    /// What is to be approved.
    pub call: Bound,
    /// What approvers are shown beside it.
    pub preview: Preview,
}

impl From<&Question> for Value {
    fn from(question: &Question) -> Self {
        json!({
            "version": question.version,
            "nonce": question.nonce,
            "fingerprint": question.fingerprint,
            "wait_ms": question.wait_ms,
            "record": question.record,
            "call": Self::from(&question.call),
            "preview": Self::from(&question.preview),
        })
    }
}
