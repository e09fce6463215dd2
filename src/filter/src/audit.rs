//! The audit trail of this VM: its records leave from the root, and requests that wait for one go on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use scopewarden_core::audit::{Answer, Audit, Standing, Trail, heads};
use scopewarden_core::exchange::Input;
use scopewarden_core::hex::hex;
use scopewarden_core::limits;
use scopewarden_core::policy::Policy;
use scopewarden_core::time::UnixMillis;
use serde_json::{Map, Value};

use crate::call::{self, Response};
use crate::host::{self, Level};
use crate::root::{Shared, now};
use crate::stream::Stream;

/// How often the other VMs are told of this one, in milliseconds.
const BEAT_MS: u64 = 1000;

/// The trail and what waits for it. Without a trail, records go to the proxy's log.
#[derive(Default)]
pub(crate) struct Recorder {
    trail: Option<Trail>,
    /// The call that is under way.
    call: Option<u32>,
    /// Requests that wait, by the sequence number of their record.
    waiting: BTreeMap<u64, Rc<RefCell<Stream>>>,
    /// When the others were told last.
    told: UnixMillis,
    /// The configuration ends, and what waits is still to be sent.
    ends: bool,
}

impl Recorder {
    /// Begins the trail that the policy asks for.
    pub(crate) fn new(policy: &Policy) -> Result<Self, String> {
        let Some(audit) = &policy.audit else { return Ok(Self::default()) };
        let id: [u8; 16] = host::random()
            .ok_or("this host has no random numbers, so the stream of records has no name")?;
        let instance = host::property(&["node", "id"]).unwrap_or_default();
        let opening = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("policy", &policy.name),
            ("policy_hash", &policy.hash),
            ("mode", policy.mode.as_str()),
        ];
        let opening: Map<String, Value> =
            opening.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let instance = String::from_utf8_lossy(&instance).into_owned();
        let trail = Trail::new(hex(&id), instance, audit.spool_bytes, opening);
        Ok(Self { trail: Some(trail), ..Self::default() })
    }

    /// Whether there is a trail.
    pub(crate) const fn records(&self) -> bool {
        self.trail.is_some()
    }

    /// Whether a call of the trail has this token.
    pub(crate) fn called(&self, token: u32) -> bool {
        self.call == Some(token)
    }

    /// Whether requests may rely on the trail.
    pub(crate) fn standing(&self) -> Standing {
        self.trail.as_ref().map_or(Standing::FRESH, Trail::standing)
    }

    /// A request that waits is gone.
    pub(crate) fn forget(&mut self, sequence: u64) {
        self.waiting.remove(&sequence);
    }
}

/// Writes the record of an exchange; to the log as well when somebody wants to see everything there.
pub(crate) fn record(shared: &mut Shared, record: &str) {
    let Some(trail) = &mut shared.recorder.trail else {
        host::log(Level::Info, record);
        return;
    };
    if host::logs(Level::Debug) {
        host::log(Level::Debug, record);
    }
    match trail.add("decision", record, now()) {
        Some(_) => shared.metrics.count("scopewarden_audit_records.outcome.written"),
        None => shared.metrics.count("scopewarden_audit_records.outcome.dropped"),
    }
}

/// Writes the record of what a request is about to do, and sends it; `None` when that cannot be.
pub(crate) fn note(
    stream: &Rc<RefCell<Stream>>,
    shared: &Rc<RefCell<Shared>>,
    record: &str,
) -> Option<u64> {
    let sequence = {
        let shared = &mut *shared.borrow_mut();
        let sequence = shared.recorder.trail.as_mut()?.note(record, now())?;
        shared.metrics.count("scopewarden_audit_records.outcome.written");
        shared.recorder.waiting.insert(sequence, Rc::clone(stream));
        sequence
    };
    // It waits for the call that is under way, if there is one.
    send(shared);
    let _ = host::set_effective_context(stream.borrow().context_id());
    Some(sequence)
}

/// Sends what is due, as the root: a call that a stream makes ends with it.
fn send(shared: &Rc<RefCell<Shared>>) {
    let policy = shared.borrow().policy.clone();
    let Some(audit) = policy.as_ref().and_then(|policy| policy.audit.as_ref()) else { return };
    let (root, batch) = {
        let shared = &mut *shared.borrow_mut();
        (shared.context_id, shared.recorder.trail.as_mut().and_then(|trail| trail.batch(now())))
    };
    let Some(batch) = batch else { return };
    let _ = host::set_effective_context(root);
    let called = dispatch(audit, &batch);
    let shared = &mut *shared.borrow_mut();
    match called {
        Ok(token) => shared.recorder.call = Some(token),
        Err(why) => {
            host::log(Level::Warn, &why);
            shared.metrics.count("scopewarden_audit_calls.outcome.failed");
            if let Some(trail) = &mut shared.recorder.trail {
                // The next tick tells those that wait.
                trail.answered(Answer::Nothing, now());
            }
        }
    }
}

fn dispatch(audit: &Audit, body: &str) -> Result<u32, String> {
    let mut headers = vec![
        (":method", "POST"),
        (":scheme", audit.scheme.as_str()),
        (":authority", audit.authority.as_str()),
        (":path", audit.path.as_str()),
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ];
    let token = audit.token.as_ref().map(|token| format!("Bearer {}", token.0));
    headers.extend(token.as_deref().map(|token| ("authorization", token)));
    call::dispatch(&audit.cluster, &headers, Some(body.as_bytes()), audit.timeout_ms)
}

/// Takes the sink's answer, and steps the requests that waited for it.
pub(crate) fn answered(shared: &Rc<RefCell<Shared>>, headers: usize, body_size: usize) {
    let response = Response::read(headers, body_size, limits::MAX_SINK_ANSWER_BYTES);
    let answer = response.as_ref().map_or(Answer::Nothing, |response| Answer::Response {
        status: response.status,
        body: &response.body,
        retry_after_s: response.retry_after_s,
    });
    let refused = {
        let shared = &mut *shared.borrow_mut();
        shared.recorder.call = None;
        let Some(trail) = &mut shared.recorder.trail else { return };
        let was_up = trail.standing().up;
        let counted = trail.answered(answer, now());
        if was_up && !counted.up {
            let status = response.as_ref().map_or("no answer".to_owned(), |r| r.status.to_string());
            host::log(Level::Warn, &format!("the sink of records does not take them ({status})"));
        }
        let metrics = &mut shared.metrics;
        metrics.add("scopewarden_audit_records.outcome.acknowledged", counted.acknowledged);
        metrics.add("scopewarden_audit_records.outcome.refused", counted.refused.map_or(0, |_| 1));
        metrics.count(if counted.up {
            "scopewarden_audit_calls.outcome.ok"
        } else {
            "scopewarden_audit_calls.outcome.failed"
        });
        counted.refused
    };
    settle(shared, refused);
    if shared.borrow().recorder.trail.as_ref().is_some_and(Trail::is_pressing) {
        send(shared);
    }
}

/// Tells the requests that wait what became of their records.
fn settle(shared: &Rc<RefCell<Shared>>, refused: Option<u64>) {
    let waiting = std::mem::take(&mut shared.borrow_mut().recorder.waiting);
    let (settled, up) = {
        let recorder = &shared.borrow().recorder;
        let trail = recorder.trail.as_ref();
        (trail.map_or(0, Trail::settled), trail.is_some_and(|trail| trail.standing().up))
    };
    for (sequence, stream) in waiting {
        let acknowledged = sequence < settled && refused != Some(sequence);
        if acknowledged || !up || refused == Some(sequence) {
            crate::stream::noted(&stream, shared, Input::Noted(acknowledged));
        } else {
            shared.borrow_mut().recorder.waiting.insert(sequence, stream);
        }
    }
    let root = shared.borrow().context_id;
    let _ = host::set_effective_context(root);
}

/// Sends what waits, and keeps the other VMs informed.
pub(crate) fn tick(shared: &Rc<RefCell<Shared>>) {
    if !shared.borrow().recorder.records() {
        return;
    }
    send(shared);
    if !shared.borrow().recorder.standing().up {
        settle(shared, None);
    }
    let time = now().millis();
    if time.since(shared.borrow().recorder.told) >= BEAT_MS {
        tell(&mut shared.borrow_mut(), time);
    }
    finish(shared);
}

/// Renews this stream's head in the shared data, and records the streams that have ended.
fn tell(shared: &mut Shared, time: UnixMillis) {
    let Some(policy) = &shared.policy else { return };
    let recorder = &mut shared.recorder;
    let Some(head) = recorder.trail.as_ref().and_then(Trail::head) else { return };
    let key = format!("scopewarden.audit.heads.{}", policy.name);
    let (text, version) = host::shared_data(&key).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let (text, ended) = heads::renew(&text, &head, recorder.ends, time);
    // Another worker was faster: next time.
    if host::set_shared_data(&key, text.as_bytes(), version).is_err() {
        return;
    }
    recorder.told = time;
    let Some(trail) = &mut recorder.trail else { return };
    for (of, because) in ended {
        trail.add("head", &heads::record(&of, because, time), now());
    }
}

/// The configuration ends: whether the root has to stay until everything is sent.
pub(crate) fn end(shared: &Rc<RefCell<Shared>>) -> bool {
    {
        let shared = &mut *shared.borrow_mut();
        let Some(trail) = &mut shared.recorder.trail else { return false };
        if trail.head().is_none() {
            return false;
        }
        let time = now();
        let end = serde_json::json!({"kind": "end", "time": time.millis().to_string()});
        trail.add("end", &end.to_string(), time);
        shared.recorder.ends = true;
        tell(shared, time.millis());
    }
    send(shared);
    true
}

/// Lets the root go once nothing waits any more.
pub(crate) fn finish(shared: &Rc<RefCell<Shared>>) {
    let done = {
        let recorder = &mut shared.borrow_mut().recorder;
        let empty = recorder.trail.as_ref().is_none_or(Trail::is_empty);
        let done = recorder.ends && empty;
        recorder.ends &= !done;
        done
    };
    if done && host::end_context().is_err() {
        host::log(Level::Error, "a configuration that has ended cannot be let go");
    }
}
