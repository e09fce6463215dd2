//! Runs a case through the compiled filter, in a host that behaves like Envoy.

use scopewarden_host::drive::{ExchangeId, Proxy, Settings};
use scopewarden_host::{Engine, HeaderMap, Limits, Linked};
use scopewarden_testkit::scenario::native::{Chunking, cuts};
use scopewarden_testkit::scenario::{Answer, Case, Outcome, Suite};
use serde_json::Value;

use crate::module;

type Guest = Linked<scopewarden_host::drive::World>;

/// The compiled filter, linked once.
///
/// # Errors
/// What cargo or the host said.
pub fn link() -> Result<Guest, String> {
    let wasm = std::fs::read(module()?).map_err(|e| e.to_string())?;
    let limits = Limits { memory_bytes: 256 * 1024 * 1024, ..Limits::default() };
    let engine = Engine::new(limits).map_err(|e| e.to_string())?;
    engine.compile(&wasm).and_then(|module| module.link()).map_err(|e| e.to_string())
}

/// A proxy that runs the filter under the suite's policy.
///
/// # Errors
/// Why the filter did not take the policy.
pub fn start(guest: &Guest, suite: &Suite) -> Result<Proxy, String> {
    let policy = Value::from(&suite.policy).to_string();
    // As `scopewarden render` sets it: the body cap, and room for the chunk that goes beyond it.
    let settings = Settings { request_limit: 8 * 1024 * 1024, ..Settings::default() };
    Proxy::start(guest, settings, policy.as_bytes()).map_err(|e| e.to_string())
}

/// Runs one case.
///
/// # Errors
/// A sentence when the case itself is wrong, or the filter did what no filter may.
pub fn run(
    proxy: &mut Proxy,
    suite: &Suite,
    case: &Case,
    chunking: Chunking,
) -> Result<Outcome, String> {
    let token = case.token(suite, proxy.now().as_secs())?;
    let head = case.request.head(token.as_deref())?;
    let body = case.request.body()?;
    let trailers = &case.request.trailers;
    let id = proxy.open().map_err(|e| e.to_string())?;
    for (path, value) in case.request.properties()? {
        proxy.set_property(id, path.replace('|', "\0").as_bytes(), &value);
    }
    let mut headers = HeaderMap::new();
    let pseudo = [
        (":method", &head.method),
        (":scheme", &head.scheme),
        (":authority", &head.authority),
        (":path", &head.target),
    ];
    for (name, value) in pseudo {
        headers.add(name, value);
    }
    for (name, value) in head.headers.iter() {
        headers.add(name, value);
    }
    proxy.request_headers(id, headers, body.is_none() && trailers.is_empty());
    if let Some(body) = &body {
        let mut sent = 0;
        for (received, end) in cuts(body.len(), chunking, !trailers.is_empty()) {
            if proxy.exchange(id).local_response().is_none() {
                proxy.request_body(id, body.get(sent..received).unwrap_or_default(), end);
            }
            sent = received;
        }
    }
    if !trailers.is_empty() && proxy.exchange(id).local_response().is_none() {
        let mut map = HeaderMap::new();
        for (name, value) in trailers {
            map.add(name, value);
        }
        proxy.request_trailers(id, map);
    }
    let outcome = outcome(proxy, id, &head.headers);
    if let Some(fault) = proxy.fault() {
        return Err(format!("{}: the VM died: {fault}", case.name));
    }
    if let Some((_, violation)) = proxy.violations().first() {
        return Err(format!("{}: {violation:?}", case.name));
    }
    Ok(outcome)
}

fn outcome(proxy: &mut Proxy, id: ExchangeId, sent: &scopewarden_core::http::Headers) -> Outcome {
    let upstream = proxy.exchange(id).upstream().clone();
    if upstream.ended && proxy.exchange(id).local_response().is_none() {
        let mut ok = HeaderMap::new();
        ok.add(":status", "200");
        proxy.response_headers(id, ok, true);
    }
    let refusal = proxy.exchange(id).local_response().map(|local| Answer {
        status: u16::try_from(local.status).unwrap_or_default(),
        headers: local.headers.iter().map(|(n, v)| (lossy(n), lossy(v))).collect(),
        body: local.body.clone(),
    });
    let removed = upstream.head.as_ref().map(|head| {
        let mut removed: Vec<String> =
            sent.iter().filter(|(n, _)| head.get(n).is_none()).map(|(n, _)| lossy(n)).collect();
        removed.sort_unstable();
        removed.dedup();
        removed
    });
    proxy.disconnect(id);
    let record = proxy
        .take_log()
        .into_iter()
        .rev()
        .find_map(|line| serde_json::from_str::<Value>(&line.text).ok());
    Outcome { forwarded: upstream.ended, refusal, removed, record: record.unwrap_or(Value::Null) }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
