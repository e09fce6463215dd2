//! A request that is held until caller and body are known.

use std::sync::Arc;

use super::World;
use super::ask::Wire;
use super::caller::{self, Lookup};
use super::journal::Journal;
use super::judge;
use crate::approval::{BoundBody, Preview};
use crate::body::{self, BodyError, Envelope, Facts, RpcId};
use crate::decide::{Denial, Judgement};
use crate::http::Headers;
use crate::identity::Principal;
use crate::limits;
use crate::operation::Query;
use crate::policy::{Endpoint, EndpointId, Policy};
use crate::reason::Reason;

/// Everything that is known of a request before it is decided.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) endpoint: Option<EndpointId>,
    pub(super) params: Vec<(String, String)>,
    pub(super) query: Result<Query, Reason>,
    pub(super) headers: Headers,
    pub(super) caller: Caller,
    pub(super) body: Body,
    pub(super) challenge: bool,
    /// What an approval needs to know, where one can be needed.
    pub(super) wire: Option<Box<Wire>>,
}

/// Who calls, as far as that is known.
#[derive(Debug)]
pub(super) enum Caller {
    /// Not looked at.
    Unknown,
    /// Waiting for keys that could prove it.
    WaitingForKeys,
    /// Proven.
    Proven(Arc<Principal>),
    /// Not accepted.
    Refused(Denial),
}

/// The body, as far as it is here.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing depends on it: it streams through after the decision.
    NotRead,
    /// There should be none, and the head did not say so.
    ExpectedEmpty,
    /// It decides, and is not complete.
    Awaited,
    /// It is not complete, and nothing of it decides: an approval is bound to it.
    Opaque,
    /// It was read.
    Read(Facts, Option<Envelope>),
    /// It refuses the request.
    Refused(Denial, Option<RpcId>),
}

/// Whether a held request can be decided.
pub(super) enum Ready {
    /// Keys or body are outstanding.
    Waiting,
    /// It is refused before an operation could be judged.
    Refused(Denial),
    /// It was judged.
    Decided(Judgement),
}

impl Held {
    /// Takes body bytes: only their number until the body is whole.
    pub(super) fn receive(&mut self, policy: &Policy, received: usize, whole: Option<&[u8]>) {
        match (&self.body, whole) {
            (Body::ExpectedEmpty, _) if received > 0 => {
                self.refuse_body(Reason::BodyUnexpected, None)
            }
            (Body::ExpectedEmpty, Some(_)) => self.body = Body::NotRead,
            (Body::Awaited, _) if received > self.body_cap(policy) => {
                self.refuse_body(Reason::BodyTooLarge, None)
            }
            (Body::Opaque, _) if received > policy.max_body_bytes => {
                self.refuse_body(Reason::BodyTooLarge, None)
            }
            (Body::Opaque, Some(whole)) => {
                self.body = Body::NotRead;
                self.bind(whole);
            }
            (Body::Awaited, Some(whole)) => {
                self.body = self.read(policy, whole);
                self.bind(whole);
            }
            _ => {}
        }
    }

    /// Notes the body for an approval.
    fn bind(&mut self, whole: &[u8]) {
        let is_rpc_request = matches!(self.body, Body::Read(_, Some(Envelope::Request { .. })));
        if let Some(wire) = &mut self.wire
            && !matches!(self.body, Body::Refused(..))
        {
            let bound = if is_rpc_request {
                BoundBody::without_rpc_id(whole)
            } else {
                BoundBody::exact(whole)
            };
            wire.body = Some((bound, Preview::of_body(whole)));
        }
    }

    /// Trailers end the body, and refuse: an upstream may take them for headers.
    pub(super) fn end_by_trailers(&mut self, policy: &Policy, whole: &[u8]) {
        self.refuse_body(Reason::TrailersPresent, self.id_in(policy, whole));
    }

    /// The id of a JSON-RPC request; none on an endpoint that does not speak JSON-RPC.
    fn id_in(&self, policy: &Policy, whole: &[u8]) -> Option<RpcId> {
        matches!(self.endpoint(policy), Some(Endpoint::JsonRpc { .. }))
            .then(|| body::rpc_id(whole))
            .flatten()
    }

    fn refuse_body(&mut self, reason: Reason, id: Option<RpcId>) {
        self.body = Body::Refused(Denial::new(reason, reason.meaning().trim()), id);
    }

    /// Callers that are not accepted are only read to find the id to answer under.
    fn body_cap(&self, policy: &Policy) -> usize {
        match self.caller {
            Caller::Refused(_) => limits::UNAUTHENTICATED_BODY_BYTES.min(policy.max_body_bytes),
            _ => policy.max_body_bytes,
        }
    }

    #[inline(never)]
    fn read(&self, policy: &Policy, whole: &[u8]) -> Body {
        let outcome = match self.endpoint(policy) {
            Some(Endpoint::Plain { body_required: false, .. }) if whole.is_empty() => {
                Ok((Facts::default(), None))
            }
            Some(_) if whole.is_empty() => {
                Err(BodyError { reason: Reason::BodyMissing, detail: String::new() })
            }
            Some(Endpoint::JsonRpc { plan, .. }) => {
                body::read_rpc(whole, plan).map(|(facts, envelope)| (facts, Some(envelope)))
            }
            Some(Endpoint::Plain { plan, .. }) => {
                body::read(whole, plan).map(|facts| (facts, None))
            }
            None => Err(BodyError { reason: Reason::InternalError, detail: String::new() }),
        };
        match outcome {
            Ok((facts, envelope)) => Body::Read(facts, envelope),
            Err(BodyError { reason, detail }) => {
                let meaning = reason.meaning().trim();
                let message = if detail.is_empty() {
                    meaning.to_owned()
                } else {
                    format!("{meaning} ({detail})")
                };
                Body::Refused(Denial::new(reason, message), self.id_in(policy, whole))
            }
        }
    }

    /// Whether the refusal is a JSON-RPC error, and under which id.
    pub(super) fn rpc_id(&self) -> Option<Option<&RpcId>> {
        match &self.body {
            Body::Read(_, Some(Envelope::Request { id, .. })) => Some(Some(id)),
            Body::Read(_, Some(_)) => Some(None),
            Body::Refused(_, Some(id)) => Some(Some(id)),
            _ => None,
        }
    }

    /// Lets the caller be proven anew.
    pub(super) fn forget_caller(&mut self) {
        self.caller = Caller::Unknown;
    }

    pub(super) const fn reads_body(&self) -> bool {
        matches!(self.body, Body::Awaited | Body::Opaque)
    }

    pub(super) const fn waits_for_keys(&self) -> bool {
        matches!(self.caller, Caller::WaitingForKeys)
    }

    pub(super) fn endpoint<'p>(&self, policy: &'p Policy) -> Option<&'p Endpoint> {
        self.endpoint.and_then(|id| policy.endpoints.get(id))
    }

    /// Decides, if all that is needed is here.
    pub(super) fn ready(
        &mut self,
        policy: &Policy,
        world: &mut World<'_>,
        journal: &mut Journal,
    ) -> Ready {
        if let Body::Refused(denial, _) = &self.body {
            return Ready::Refused(denial.clone());
        }
        if matches!(self.caller, Caller::Unknown | Caller::WaitingForKeys)
            && !judge::is_public(policy, self.endpoint(policy))
        {
            match caller::lookup(&policy.identity, &self.headers, world) {
                Lookup::Proven(principal) => {
                    journal.principal = Some(Arc::clone(&principal));
                    self.caller = Caller::Proven(principal);
                }
                Lookup::Waiting => {
                    self.caller = Caller::WaitingForKeys;
                    return Ready::Waiting;
                }
                Lookup::Refused(denial) => self.caller = Caller::Refused(denial),
            }
        }
        let principal = match &self.caller {
            Caller::Proven(principal) => Some(Arc::clone(principal)),
            Caller::Unknown | Caller::WaitingForKeys => None,
            Caller::Refused(denial) => {
                let denial = denial.clone();
                let answer_needs_id = matches!(self.body, Body::Awaited)
                    && matches!(self.endpoint(policy), Some(Endpoint::JsonRpc { .. }))
                    && !self.challenge;
                if self.challenge {
                    self.body = Body::NotRead;
                }
                return if answer_needs_id { Ready::Waiting } else { Ready::Refused(denial) };
            }
        };
        let Some(endpoint) = self.endpoint(policy) else {
            return Ready::Refused(Denial::new(
                Reason::OperationUnknown,
                "no operation of this policy has this method and path",
            ));
        };
        if let Err(denial) = judge::early(policy, endpoint, self, principal.as_deref(), journal) {
            return Ready::Refused(denial);
        }
        let nothing = Facts::default();
        let (facts, envelope) = match &self.body {
            Body::Awaited | Body::Opaque | Body::ExpectedEmpty => return Ready::Waiting,
            Body::Read(facts, envelope) => (facts, envelope.as_ref()),
            Body::NotRead | Body::Refused(..) => (&nothing, None),
        };
        judge::judge(policy, endpoint, self, principal.as_deref(), facts, envelope, journal)
    }
}
