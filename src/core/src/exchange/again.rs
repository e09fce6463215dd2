//! A request that was decided before, judged again from what is known of it: by the code that judged it then, and under
//! another policy.
//!
//! Nothing here proves who calls, and nothing can be forwarded: a judgement is no [`Release`](super::Release).

use std::sync::Arc;

use super::held::{Caller, Ready};
use super::journal::Journal;
use super::{World, open};
use crate::approval::{Holds, NoGate};
use crate::audit::Standing;
use crate::decide::{Decision, Denial, Judgement};
use crate::http::{Headers, RequestHead};
use crate::identity::{KeyRing, NoHost, NoProperties, Principal, TokenCache};
use crate::policy::{OperationId, Policy};
use crate::reason::Reason;
use crate::time::UnixMicros;

/// What is known of a request.
#[derive(Clone, Debug)]
pub struct Known {
    /// The head. Its `Authorization` is left out: nothing is proven here.
    pub head: RequestHead,
    /// The whole body; `None` when there was none.
    pub body: Option<Vec<u8>>,
    /// The caller, as it was proven then; `None` when nobody was.
    pub caller: Option<Principal>,
}

/// What a policy says of it.
#[derive(Clone, Debug)]
pub struct Again {
    /// The operation, when it was found to be one.
    pub operation: Option<OperationId>,
    /// The judgement; what shadow mode lets pass is a denial here.
    pub judgement: Judgement,
}

/// Judges a request under `policy`.
pub fn again(policy: &Policy, known: Known) -> Again {
    let mut journal = Journal::new(String::new());
    let judgement = judge_known(policy, known, &mut journal).unwrap_or_else(|denial| Judgement {
        decision: Decision::Deny(denial),
        shadowed: Vec::new(),
    });
    Again { operation: journal.operation, judgement }
}

fn judge_known(policy: &Policy, known: Known, journal: &mut Journal) -> Result<Judgement, Denial> {
    let mut head = known.head;
    let mut headers = Headers::new();
    for (name, value) in head.headers.iter().filter(|(name, _)| *name != b"authorization") {
        headers.push(name, value);
    }
    head.headers = headers;
    let mut held = open::open(policy, head, known.body.is_none(), journal)?;
    if let Some(principal) = known.caller {
        held.caller = Caller::Proven(Arc::new(principal));
    }
    if let Some(body) = &known.body {
        held.receive(policy, body.len(), Some(body));
    }
    // Without a caller and without a token there is nothing to be looked up in any of this.
    let mut world = World {
        now: UnixMicros::default(),
        keys: &mut KeyRing::new(&policy.identity.issuers),
        tokens: &mut TokenCache::default(),
        signatures: &NoHost,
        properties: &NoProperties,
        holds: &Holds::default(),
        gate: &NoGate,
        audit: Standing::FRESH,
    };
    match held.ready(policy, &mut world, journal) {
        Ready::Decided(judgement) => Ok(judgement),
        Ready::Refused(denial) => Err(denial),
        Ready::Waiting => Err(Denial::new(Reason::BodyMissing, "the body is not whole")),
    }
}
