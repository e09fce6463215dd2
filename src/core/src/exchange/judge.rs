//! From an endpoint and a body to the operation, and from there to the judgement.

use super::held::{Held, Ready};
use super::journal::Journal;
use crate::body::{Envelope, Fact, Facts};
use crate::decide::{self, Call, Denial, Grants};
use crate::identity::Principal;
use crate::operation::Protocol;
use crate::policy::{Endpoint, Operation, OperationId, Policy, Variant};
use crate::reason::Reason;

/// Whether the endpoint needs no identity.
pub(super) fn is_public(policy: &Policy, endpoint: Option<&Endpoint>) -> bool {
    match endpoint {
        Some(Endpoint::Plain { base, variants, .. }) => {
            variants.is_empty() && policy.operations.get(*base).is_some_and(|o| o.scopes.is_none())
        }
        _ => false,
    }
}

/// Refuses before the body is read when no body could make it an allow: variants need the base's scopes too.
#[inline(never)]
pub(super) fn early(
    policy: &Policy,
    endpoint: &Endpoint,
    held: &Held,
    principal: Option<&Principal>,
    journal: &mut Journal,
) -> Result<(), Denial> {
    let Endpoint::Plain { base, .. } = endpoint else { return Ok(()) };
    let Some(operation) = policy.operations.get(*base) else {
        return Err(Denial::new(Reason::InternalError, "the operation of this path is missing"));
    };
    journal.operation = Some(*base);
    decide::check_scopes(policy, operation, principal).inspect_err(|_| {
        journal.hold_scopes(&Grants::new(policy, principal));
        journal.facts(&call(operation, held, principal, &Facts::default()));
    })
}

fn call<'a>(
    operation: &'a Operation,
    held: &'a Held,
    principal: Option<&'a Principal>,
    facts: &'a Facts,
) -> Call<'a> {
    Call {
        operation,
        principal,
        headers: &held.headers,
        query: held.query.as_ref().map_err(|reason| *reason),
        params: &held.params,
        facts,
    }
}

/// Names the operation and judges the call.
#[inline(never)]
pub(super) fn judge(
    policy: &Policy,
    endpoint: &Endpoint,
    held: &Held,
    principal: Option<&Principal>,
    facts: &Facts,
    envelope: Option<&Envelope>,
    journal: &mut Journal,
) -> Ready {
    let named = match endpoint {
        Endpoint::Plain { base, variants, .. } => Ok(pick(*base, variants, facts)),
        Endpoint::JsonRpc { methods, response, .. } => match envelope {
            Some(Envelope::Request { method, .. } | Envelope::Notification { method }) => {
                journal.rpc_method(method);
                methods.get(method).map(|m| pick(m.base, &m.variants, facts)).ok_or(())
            }
            Some(Envelope::Response) => response.ok_or(()),
            None => Err(()),
        },
    };
    let Some((id, operation)) = named.ok().and_then(|id| Some((id, policy.operations.get(id)?)))
    else {
        return Ready::Refused(Denial::new(
            Reason::OperationUnknown,
            "no operation of this policy has this JSON-RPC method",
        ));
    };
    journal.operation = Some(id);
    let call = call(operation, held, principal, facts);
    journal.facts(&call);
    if journal.protocol == Protocol::Mcp
        && let Some(envelope) = envelope
        && let Err(denial) = mcp_headers_agree(&call, envelope)
    {
        return Ready::Refused(denial);
    }
    let judgement = decide::decide(policy, &call);
    if judgement.decision != decide::Decision::Allow || policy.audit.is_some() {
        journal.hold_scopes(&Grants::new(policy, principal));
    }
    Ready::Decided(judgement)
}

/// The first variant that the body asks for, or the base.
fn pick(base: OperationId, variants: &[Variant], facts: &Facts) -> OperationId {
    let applies = |variant: &Variant| {
        facts.all(variant.pointer).any(|fact| match (&variant.equals, fact) {
            (_, Fact::Null) => false,
            (None, _) => true,
            (Some(wanted), Fact::Text(found)) => wanted == found,
            // A value that cannot be compared might be the one: the stricter operation is taken.
            (Some(_), Fact::Other) => true,
            (Some(_), _) => false,
        })
    };
    variants.iter().find(|v| applies(v)).map_or(base, |v| v.operation)
}

/// Where a client repeats method and name in headers, they must say what the body says: a server may route by them.
#[inline(never)]
fn mcp_headers_agree(call: &Call<'_>, envelope: &Envelope) -> Result<(), Denial> {
    let mismatch = |name: &str| {
        Err(Denial::new(
            Reason::McpHeaderMismatch,
            format!("the header `{name}` differs from the body"),
        ))
    };
    let method = match envelope {
        Envelope::Request { method, .. } | Envelope::Notification { method } => {
            Some(method.as_str())
        }
        Envelope::Response => None,
    };
    match call.headers.one("mcp-method") {
        Ok(None) => {}
        Ok(Some(value)) if method.is_some_and(|m| m.as_bytes() == value) => {}
        _ => return mismatch("mcp-method"),
    }
    let Ok(name) = call.headers.one("mcp-name") else { return mismatch("mcp-name") };
    let Some(name) = name else { return Ok(()) };
    let names = ["tool", "prompt", "uri"];
    let in_body = names
        .into_iter()
        .find_map(|fact| decide::fact(call, fact).and_then(|value| value.as_text()));
    if in_body.is_some() && decoded_name(name).as_deref() == in_body {
        Ok(())
    } else {
        mismatch("mcp-name")
    }
}

/// The value of `mcp-name`, which may be Base64 between `=?base64?` and `?=`.
fn decoded_name(value: &[u8]) -> Option<String> {
    use base64::Engine as _;
    let text = std::str::from_utf8(value).ok()?;
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok()
        }
        None => Some(text.to_owned()),
    }
}
