//! The approval service's signed answer.

use serde_json::{Map, Value};

use super::bound::{Fingerprint, Party};
use super::set::is_id;
use crate::limits;
use crate::time::UnixMillis;

/// `typ` of a verdict: no other token of the same signer is one.
pub const VERDICT_TYPE: &str = "scopewarden-verdict+jwt";

/// How far the service's clock may be behind or ahead, in milliseconds.
const SKEW_MS: u64 = 5_000;
/// Longest time that a verdict may be valid for, in milliseconds: it answers one question, now.
const MAX_LIFETIME_MS: u64 = 60_000;

/// A verdict whose signature, nonce, fingerprint and times were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call may go on.
    Approved(Approved),
    /// Ask again.
    Pending {
        /// The approval's id.
        approval: String,
    },
    /// It may not.
    Denied {
        /// The approval's id.
        approval: String,
        /// The approver's words.
        reason: String,
        /// Who said so.
        approvers: Vec<Party>,
    },
    /// Nobody decided in time.
    Expired {
        /// The approval's id.
        approval: String,
    },
}

/// The proof that a call was approved. Only a checked verdict makes one, and it is used up by releasing the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    approval: String,
    approvers: Vec<Party>,
    break_glass: bool,
    fingerprint: Fingerprint,
}

impl Approved {
    /// The approval's id.
    pub fn approval(&self) -> &str {
        &self.approval
    }

    /// Who approved.
    pub fn approvers(&self) -> &[Party] {
        &self.approvers
    }

    /// Whether one person approved alone, in an emergency.
    pub const fn break_glass(&self) -> bool {
        self.break_glass
    }

    /// What was approved.
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

/// Reads the claims of a verdict whose signature has verified.
///
/// # Errors
/// What does not hold, without any of the text.
pub(super) fn read(
    claims: &Map<String, Value>,
    nonce: &str,
    fingerprint: &Fingerprint,
    now: UnixMillis,
) -> Result<Verdict, &'static str> {
    let text = |name| claims.get(name).and_then(Value::as_str);
    if text("nonce") != Some(nonce) {
        return Err("it answers another question (`nonce`)");
    }
    if text("fingerprint") != Some(fingerprint.as_str()) {
        return Err("it is about another call (`fingerprint`)");
    }
    let seconds = |name| claims.get(name).and_then(Value::as_u64).map(UnixMillis::from_secs);
    let (Some(issued), Some(expires)) = (seconds("iat"), seconds("exp")) else {
        return Err("`iat` or `exp` is missing");
    };
    if expires.plus(SKEW_MS) <= now {
        return Err("it has expired");
    }
    if issued > now.plus(SKEW_MS) {
        return Err("it is from the future");
    }
    if expires.since(issued) > MAX_LIFETIME_MS {
        return Err("it is valid for too long");
    }
    let approval = text("approval").filter(|id| is_id(id)).ok_or("`approval` is not an id")?;
    let approval = approval.to_owned();
    let approvers = approvers(claims.get("approvers"))?;
    match text("status") {
        Some("approved") if approvers.is_empty() => Err("nobody approved it"),
        Some("approved") => Ok(Verdict::Approved(Approved {
            approval,
            approvers,
            break_glass: claims.get("break_glass") == Some(&Value::Bool(true)),
            fingerprint: fingerprint.clone(),
        })),
        Some("pending") => Ok(Verdict::Pending { approval }),
        Some("denied") => {
            let reason = text("reason").unwrap_or_default();
            let reason = reason.chars().take(limits::MAX_APPROVER_REASON_CHARS).collect();
            Ok(Verdict::Denied { approval, reason, approvers })
        }
        Some("expired") => Ok(Verdict::Expired { approval }),
        _ => Err("`status` is none that is known"),
    }
}

fn approvers(value: Option<&Value>) -> Result<Vec<Party>, &'static str> {
    const WRONG: &str = "`approvers` is not a list of issuers and subjects";
    let Some(value) = value else { return Ok(Vec::new()) };
    let list = value.as_array().filter(|l| l.len() <= limits::MAX_APPROVERS).ok_or(WRONG)?;
    list.iter()
        .map(|item| {
            let member = |name| item.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Party { issuer: member("issuer")?, subject: member("subject")? })
        })
        .collect::<Option<_>>()
        .ok_or(WRONG)
}
