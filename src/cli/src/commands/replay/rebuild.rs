//! From a record back to the request, or to what of it is not known.

use std::collections::{BTreeMap, BTreeSet};

use scopewarden_core::exchange::Known;
use scopewarden_core::http::{Headers, RequestHead};
use scopewarden_core::identity::{Actor, Principal, Proof};
use scopewarden_core::operation::{Method, Pointer, canonicalize};
use scopewarden_core::policy::{
    Endpoint, FactSource, Operation, OperationId, PointerId, Policy, Variant,
};
use scopewarden_core::reason::Reason;
use serde_json::{Map, Value, json};

use super::recorded::Recorded;

/// A request as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Rebuilt {
    pub(crate) known: Known,
    /// The body is all there, not put together from facts.
    pub(crate) whole: bool,
    /// What the path, and the operation that the body named, would take to be known.
    pub(crate) missing: BTreeSet<String>,
}

/// Reasons that are about the request or the proof as they came, of which the record has no copy.
fn before_the_rules(reason: &str) -> bool {
    let Some(reason) = Reason::ALL.iter().find(|r| r.code() == reason) else { return false };
    !matches!(
        reason,
        Reason::OperationUnknown
            | Reason::ScopeMissing
            | Reason::ModelNotAllowed
            | Reason::ToolNotAllowed
            | Reason::ArgumentNotAllowed
            | Reason::ParameterNotBound
            | Reason::ConditionFailed
            | Reason::ApprovalRequired
            | Reason::ApprovalPending
            | Reason::ApprovalDenied
            | Reason::ApprovalExpired
            | Reason::ApprovalLimit
    )
}

/// Puts the request together that `policy` is asked about.
pub(crate) fn rebuild(policy: &Policy, recorded: &Recorded) -> Result<Rebuilt, String> {
    if before_the_rules(recorded.reason()) {
        return Err(format!(
            "the request and the token as they were (refused: {})",
            recorded.reason()
        ));
    }
    let path = recorded.text("path").unwrap_or_default();
    if path.contains("[masked:") || path.contains('\u{fffd}') || path.contains("… (") {
        return Err("the whole path".to_owned());
    }
    let Some(caller) = caller(recorded)? else {
        return Err("the caller".to_owned());
    };
    let mut headers = Headers::new();
    let method = method(policy, recorded, path);
    if method == Some(Method::WebSocket) {
        headers.push(b"upgrade", b"websocket");
    }
    let mut missing = BTreeSet::new();
    let endpoint = method
        .zip(canonicalize(path.as_bytes()).ok())
        .and_then(|(method, path)| policy.matcher.find(method, &path).map(|(id, _)| *id))
        .and_then(|id| policy.endpoints.get(id));
    let whole = recorded.body();
    let body = match (whole, endpoint) {
        (Some(body), _) => Some(body.as_bytes().to_vec()),
        (None, Some(endpoint)) => put_together(policy, endpoint, recorded, &mut missing),
        (None, None) => None,
    };
    if body.is_some() {
        let content_type = recorded.inner("request", "content_type").and_then(Value::as_str);
        let content_type = content_type.filter(|_| whole.is_some()).unwrap_or("application/json");
        headers.push(b"content-type", content_type.as_bytes());
    }
    let head = RequestHead {
        method: recorded.text("method").unwrap_or_default().as_bytes().to_vec(),
        scheme: b"https".to_vec(),
        authority: recorded.text("authority").unwrap_or_default().as_bytes().to_vec(),
        target: format!(
            "{path}{}",
            endpoint.map_or_else(String::new, |e| query(policy, e, recorded))
        )
        .into_bytes(),
        headers,
    };
    Ok(Rebuilt {
        known: Known { head, body, caller: Some(caller) },
        whole: whole.is_some(),
        missing,
    })
}

fn caller(recorded: &Recorded) -> Result<Option<Principal>, String> {
    let Some((issuer, subject)) = recorded.caller() else { return Ok(None) };
    let Some(scopes) = recorded.scopes() else {
        return Err("the caller's scopes".to_owned());
    };
    let actors = recorded.inner("principal", "actors").and_then(Value::as_array);
    let actor = |value: &Value| {
        let text = |name| Some(value.get(name)?.as_str()?.to_owned());
        Some(Actor { issuer: text("issuer")?, subject: text("subject")? })
    };
    let proof = match recorded.inner("principal", "proof").and_then(Value::as_str) {
        Some("jwt_authn") => Proof::JwtAuthn,
        Some("mtls") => Proof::Mtls,
        _ => Proof::Jwt { kid: None, algorithm: "none", token_id: None },
    };
    Ok(Some(Principal {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        scopes: scopes.into_iter().map(str::to_owned).collect(),
        groups: BTreeSet::new(),
        actors: actors.into_iter().flatten().filter_map(actor).collect(),
        claims: BTreeMap::new(),
        proof,
        expires: None,
    }))
}

/// The query, as far as it is facts.
fn query(policy: &Policy, endpoint: &Endpoint, recorded: &Recorded) -> String {
    let operations = endpoint.operations().filter_map(|id| policy.operations.get(id));
    let mut parameters = BTreeMap::new();
    for (fact, source) in operations.flat_map(|operation| &operation.facts) {
        if let (FactSource::Query(name), Some(Value::String(value))) = (source, recorded.fact(fact))
        {
            parameters.insert(escaped(name), escaped(value));
        }
    }
    let pairs: Vec<String> = parameters.into_iter().map(|(n, v)| format!("{n}={v}")).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// The method; a `GET` was a WebSocket's when it was answered so, or when only that is the recorded operation.
fn method(policy: &Policy, recorded: &Recorded, path: &str) -> Option<Method> {
    let method = Method::from_wire(recorded.text("method")?.as_bytes())?;
    if method != Method::Get {
        return Some(method);
    }
    let path = canonicalize(path.as_bytes()).ok()?;
    let is = |method| {
        let endpoint =
            policy.matcher.find(method, &path).and_then(|(id, _)| policy.endpoints.get(*id));
        let mut operations = endpoint.into_iter().flat_map(Endpoint::operations);
        operations.any(|id| name(policy, id) == recorded.operation())
    };
    let switched = recorded.member("status").and_then(Value::as_u64) == Some(101);
    Some(if switched || (is(Method::WebSocket) && !is(Method::Get)) {
        Method::WebSocket
    } else {
        method
    })
}

fn name(policy: &Policy, id: OperationId) -> Option<&str> {
    policy.operations.get(id).map(|operation| operation.id.as_str())
}

/// A body that says what the record says: the operation that it named, and the facts.
fn put_together(
    policy: &Policy,
    endpoint: &Endpoint,
    recorded: &Recorded,
    missing: &mut BTreeSet<String>,
) -> Option<Vec<u8>> {
    let mut body = Value::Object(Map::new());
    let (base, variants) = match endpoint {
        Endpoint::Plain { plan, .. } if plan.is_empty() => return None,
        Endpoint::Plain { base, variants, body_required, .. } => {
            let length = recorded.inner("request", "bytes").and_then(Value::as_u64);
            if length == Some(0) && !body_required {
                return None;
            }
            (*base, variants.as_slice())
        }
        Endpoint::JsonRpc { methods, response, .. } => {
            let Some(method) = recorded.text("rpc_method") else {
                if response.is_some_and(|id| name(policy, id) == recorded.operation()) {
                    return Some(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_vec());
                }
                missing.insert("the body's `method`".to_owned());
                return None;
            };
            body = json!({"jsonrpc": "2.0", "method": method});
            if let Some(members) = body.as_object_mut()
                && !method.starts_with("notifications/")
            {
                members.insert("id".to_owned(), json!(1));
            }
            let Some(found) = methods.get(method) else {
                return Some(body.to_string().into_bytes());
            };
            (found.base, found.variants.as_slice())
        }
    };
    let operation = variant(policy, base, variants, recorded, &mut body, missing);
    for (fact, source) in policy.operations.get(operation).map_or(&[][..], |o| &o.facts) {
        if let (FactSource::Body(pointer), Some(value)) = (source, recorded.fact(fact)) {
            put(&mut body, policy, *pointer, value.clone());
        }
    }
    Some(body.to_string().into_bytes())
}

/// The operation that the body named then, made to be named again.
fn variant(
    policy: &Policy,
    base: OperationId,
    variants: &[Variant],
    recorded: &Recorded,
    body: &mut Value,
    missing: &mut BTreeSet<String>,
) -> OperationId {
    let recorded_as = recorded.operation();
    if let Some(variant) = variants.iter().find(|v| name(policy, v.operation) == recorded_as) {
        let value = variant.equals.as_deref().map_or(Value::Bool(true), Value::from);
        put(body, policy, variant.pointer, value);
        return variant.operation;
    }
    // Who lacks the scope of the base is refused before the body is looked at.
    let read =
        name(policy, base) == recorded_as && recorded.reason() != Reason::ScopeMissing.code();
    if !read {
        missing.extend(variants.iter().filter_map(|v| member(policy, v.pointer)));
    }
    base
}

/// A body member, for people.
pub(crate) fn member(policy: &Policy, pointer: PointerId) -> Option<String> {
    policy.pointers.get(pointer).map(|pointer| format!("the body's `{pointer}`"))
}

fn put(body: &mut Value, policy: &Policy, pointer: PointerId, value: Value) {
    let Some(pointer) = policy.pointers.get(pointer) else { return };
    put_at(body, pointer, value);
}

fn put_at(body: &mut Value, pointer: &Pointer, value: Value) {
    let mut at = body;
    for step in pointer.steps() {
        at = if step == "*" {
            if !at.is_array() {
                *at = json!([null]);
            }
            match at.get_mut(0) {
                Some(element) => element,
                None => return,
            }
        } else {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            let Some(members) = at.as_object_mut() else { return };
            members.entry(step.as_str()).or_insert(Value::Null)
        };
    }
    *at = value;
}

/// Whether the operation's fact of this pointer is on record.
pub(crate) fn on_record(operation: &Operation, pointer: PointerId, recorded: &Recorded) -> bool {
    let mut facts = operation.facts.iter();
    facts
        .any(|(name, source)| *source == FactSource::Body(pointer) && recorded.fact(name).is_some())
}
