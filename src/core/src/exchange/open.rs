//! The head of a request: what can be decided before identity and body.

use super::ask::Wire;
use super::held::{Body, Caller, Held};
use super::journal::Journal;
use crate::audit::Payload;
use crate::body;
use crate::decide::Denial;
use crate::http::{Headers, NEVER_FORWARDED, RequestHead};
use crate::limits;
use crate::operation::{BodyKind, Method, Protocol, Query, canonicalize, split_target};
use crate::policy::{Endpoint, Policy, Surface};
use crate::reason::Reason;

/// Reads the head: method, path, endpoint, and what the body has to be.
#[inline(never)]
pub(super) fn open(
    policy: &Policy,
    head: RequestHead,
    end: bool,
    journal: &mut Journal,
) -> Result<Held, Denial> {
    if head.headers.len() > limits::MAX_HEADERS {
        return Err(deny(Reason::HeadersTooMany));
    }
    if head.target.len() > limits::MAX_TARGET_BYTES {
        return Err(deny(Reason::PathTooLong));
    }
    if !matches!(head.scheme.as_slice(), b"" | b"http" | b"https") {
        return Err(deny(Reason::SchemeInvalid));
    }
    let method = method(&head)?;
    let (raw_path, raw_query) = split_target(&head.target);
    let path = canonicalize(raw_path).map_err(deny)?;
    let query = raw_query.map_or_else(|| Ok(Query::default()), Query::parse);
    let (id, params) =
        policy.matcher.find(method, &path).map_or((None, Vec::new()), |(id, params)| {
            let owned = params.pairs().iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            (Some(*id), owned.collect())
        });
    let endpoint = id.and_then(|id| policy.endpoints.get(id));
    let surface = match endpoint {
        Some(endpoint) => surface_of(policy, endpoint),
        None => mounted(policy, raw_path),
    };
    journal.session.path(&params);
    journal.protocol = surface.map_or(Protocol::Rest, |s| s.protocol);
    journal.surface = surface.map(|s| s.name.clone());
    journal.server = surface.and_then(|s| s.server.clone());
    // A variant of it may still be named by the body; a caller that is not accepted was after this one.
    if let Some(Endpoint::Plain { base, .. }) = endpoint {
        journal.operation = Some(*base);
    }
    let expected = match endpoint {
        None => Body::NotRead,
        Some(endpoint) => expected_body(policy, endpoint, method, &head.headers, end)?,
    };
    let approvable = id.is_some_and(|id| policy.approvable.contains(&id));
    let expected = match expected {
        // An approval is bound to the body, whatever it holds; a record shows it.
        Body::NotRead
            if !end
                && method != Method::WebSocket
                && (approvable || endpoint.is_some_and(|endpoint| recorded(policy, endpoint))) =>
        {
            check_length(policy, &head.headers)?;
            Body::Opaque
        }
        other => other,
    };
    let wire = approvable.then(|| {
        Box::new(Wire {
            method: head.method,
            authority: head.authority,
            target: head.target,
            body: None,
        })
    });
    Ok(Held {
        wire,
        endpoint: id,
        params,
        query,
        headers: head.headers,
        caller: Caller::Unknown,
        body: expected,
        challenge: surface.is_some_and(|s| s.challenge),
    })
}

/// Whether a record says something of a JSON body that nothing else would read.
fn recorded(policy: &Policy, endpoint: &Endpoint) -> bool {
    let Some(audit) = &policy.audit else { return false };
    endpoint.operations().filter_map(|id| policy.operations.get(id)).any(|operation| {
        operation.body == BodyKind::Json && audit.payload.get(operation.tier) != Payload::None
    })
}

fn deny(reason: Reason) -> Denial {
    Denial::new(reason, reason.meaning().trim())
}

/// The method; a `GET` that upgrades is a WebSocket, and any other upgrade is refused.
fn method(head: &RequestHead) -> Result<Method, Denial> {
    let method = Method::from_wire(&head.method).ok_or_else(|| deny(Reason::MethodUnknown))?;
    match head.headers.one("upgrade") {
        Ok(None) => Ok(method),
        Ok(Some(protocol))
            if method == Method::Get && protocol.eq_ignore_ascii_case(b"websocket") =>
        {
            Ok(Method::WebSocket)
        }
        // An h2c offer is ignored by every proxy in front of a filter, so it says nothing.
        Ok(Some(protocol)) if protocol.eq_ignore_ascii_case(b"h2c") => Ok(method),
        _ => Err(Denial::new(
            Reason::MethodUnknown,
            "the only upgrade that is accepted is a WebSocket's",
        )),
    }
}

fn surface_of<'p>(policy: &'p Policy, endpoint: &Endpoint) -> Option<&'p Surface> {
    let id = match endpoint {
        Endpoint::JsonRpc { surface, .. } => Some(*surface),
        Endpoint::Plain { base, .. } => policy.operations.get(*base).map(|o| o.surface),
    };
    id.and_then(|id| policy.surfaces.get(id))
}

/// The surface with the longest mount above `path`: an unknown operation is refused in its dialect.
fn mounted<'p>(policy: &'p Policy, path: &[u8]) -> Option<&'p Surface> {
    let above = |mount: &str| {
        let mount = mount.trim_end_matches('/');
        path.strip_prefix(mount.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let mounts = policy.surfaces.iter().flat_map(|s| s.mounts.iter().map(move |m| (m, s)));
    mounts.filter(|(m, _)| above(m)).max_by_key(|(m, _)| m.len()).map(|(_, s)| s)
}

#[inline(never)]
fn expected_body(
    policy: &Policy,
    endpoint: &Endpoint,
    method: Method,
    headers: &Headers,
    end: bool,
) -> Result<Body, Denial> {
    let (json, required, none) = match endpoint {
        Endpoint::JsonRpc { .. } => (true, true, false),
        Endpoint::Plain { base, plan, body_required, .. } => {
            let kind = policy.operations.get(*base).map(|o| o.body);
            let none = kind == Some(BodyKind::None) && method != Method::WebSocket;
            (!plan.is_empty(), *body_required, none)
        }
    };
    if json && (required || !end) {
        let unique = |name| headers.one(name).map_err(|_| deny(Reason::HeaderAmbiguous));
        body::check_content(unique("content-type")?, unique("content-encoding")?).map_err(deny)?;
        if end {
            return Err(deny(Reason::BodyMissing));
        }
        // Refused before it is sent, and before the proxy's own buffer limit answers in the proxy's words.
        check_length(policy, headers)?;
        return Ok(Body::Awaited);
    }
    Ok(if none && !end { Body::ExpectedEmpty } else { Body::NotRead })
}

fn check_length(policy: &Policy, headers: &Headers) -> Result<(), Denial> {
    match announced(headers) {
        Some(length) if length > policy.max_body_bytes => Err(deny(Reason::BodyTooLarge)),
        _ => Ok(()),
    }
}

/// The `content-length`, when it is one number. The proxy has checked that it is true.
fn announced(headers: &Headers) -> Option<usize> {
    let value = headers.one("content-length").ok().flatten()?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The headers of an allowed request that do not go on, each once.
#[inline(never)]
pub(super) fn headers_to_remove(policy: &Policy, headers: &Headers) -> Vec<&'static str> {
    let credentials = (!policy.forward_authorization).then_some("authorization");
    NEVER_FORWARDED.into_iter().chain(credentials).filter(|name| headers.has(name)).collect()
}
