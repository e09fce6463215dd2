//! The context of one HTTP exchange.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use scopewarden_core::exchange::{Effect, Exchange, Flow, Input, World};
use scopewarden_core::http::RequestHead;
use scopewarden_core::identity::Properties;
use scopewarden_core::refusal;

use crate::host::{self, Buffer, Level, Map};
use crate::root::{Shared, now};

/// An exchange, reachable from the root while it waits for keys.
pub(crate) struct Stream {
    exchange: Exchange,
}

/// What the SDK calls.
pub(crate) struct StreamContext {
    context_id: u32,
    shared: Rc<RefCell<Shared>>,
    stream: Option<Rc<RefCell<Stream>>>,
    /// Request body bytes that the host holds back.
    received: usize,
}

impl StreamContext {
    pub(crate) fn new(context_id: u32, shared: Rc<RefCell<Shared>>) -> Self {
        let stream = {
            let shared = &mut *shared.borrow_mut();
            let record = shared.next_record();
            let policy = shared.policy.clone();
            policy.map(|policy| {
                Rc::new(RefCell::new(Stream { exchange: Exchange::new(policy, record) }))
            })
        };
        Self { context_id, shared, stream, received: 0 }
    }

    /// One input, its effects, and what the host is to do.
    fn step(&self, input: Input<'_>) -> Action {
        let Some(stream) = &self.stream else { return unconfigured() };
        let (flow, waits) = step(stream, &self.shared, input);
        let waiting = &mut self.shared.borrow_mut().waiting;
        if waits {
            waiting.insert(self.context_id, Rc::clone(stream));
        } else {
            waiting.remove(&self.context_id);
        }
        match flow {
            Flow::Continue => Action::Continue,
            Flow::Hold => Action::Pause,
        }
    }

    fn reads_body(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.borrow().exchange.reads_body())
    }

    fn is_held(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.borrow().exchange.is_held())
    }

    fn body(&self) -> Vec<u8> {
        if self.received == 0 || !self.reads_body() {
            return Vec::new();
        }
        // A body that cannot be read is one that is missing, and refused as such.
        host::buffer(Buffer::RequestBody, self.received).unwrap_or_default()
    }
}

/// Steps an exchange and does what it asks; tells whether it waits for keys.
fn step(
    stream: &Rc<RefCell<Stream>>,
    shared: &Rc<RefCell<Shared>>,
    input: Input<'_>,
) -> (Flow, bool) {
    let mut effects = Vec::new();
    let (flow, waits) = {
        let exchange = &mut stream.borrow_mut().exchange;
        let shared = &mut *shared.borrow_mut();
        let mut world = World {
            now: now(),
            keys: &mut shared.keys,
            tokens: &mut shared.tokens,
            signatures: &shared.signatures,
            properties: &HostProperties,
        };
        let flow = exchange.step(input, &mut world);
        while let Some(effect) = exchange.next_effect() {
            effects.push(effect);
        }
        (flow, exchange.waits_for_keys())
    };
    for effect in effects {
        apply(effect, shared);
    }
    (flow, waits)
}

fn apply(effect: Effect, shared: &Rc<RefCell<Shared>>) {
    match effect {
        Effect::RemoveRequestHeader(name) => {
            if host::remove_header(Map::RequestHeaders, name).is_err() {
                host::log(Level::Error, &format!("the header `{name}` cannot be removed"));
                respond_internal_error();
            }
        }
        Effect::DropRequestTrailers => {
            if host::clear_headers(Map::RequestTrailers).is_err() {
                host::log(Level::Error, "request trailers cannot be removed");
                respond_internal_error();
            }
        }
        Effect::Refuse(r) => {
            let sent =
                host::send_local_response(r.status, &r.details, &r.headers, &r.body, r.grpc_status);
            if let Err(status) = sent {
                // The stream stays held, so nothing passes; the proxy's idle timeout ends it.
                host::log(Level::Error, &format!("a refusal cannot be sent (status {status})"));
            }
        }
        Effect::Decided(decided) => shared.borrow_mut().metrics.decided(decided),
        Effect::Record(record) => host::log(Level::Info, &record),
    }
}

/// Called by the root, in the stream's own effective context; tells whether it still waits for keys.
pub(crate) fn keys_changed(stream: &Rc<RefCell<Stream>>, shared: &Rc<RefCell<Shared>>) -> bool {
    let (flow, waits) = step(stream, shared, Input::KeysChanged);
    if flow == Flow::Continue && host::resume_request().is_err() {
        host::log(Level::Error, "a held request cannot be resumed");
    }
    waits
}

fn respond_internal_error() {
    let headers = [(refusal::DECISION_HEADER, "deny; reason=internal_error".to_owned())];
    let _ = host::send_local_response(503, "scopewarden_internal_error", &headers, b"", None);
}

/// A stream before any policy was accepted: the host should not have one, and it does not pass.
fn unconfigured() -> Action {
    respond_internal_error();
    Action::Pause
}

/// Stands in for a bug that a request can reach.
#[cfg(feature = "test-panic")]
#[expect(clippy::panic, reason = "the build that has this exists to crash")]
fn crash_if_asked() {
    if host::header_list(Map::RequestHeaders).is_ok_and(|h| h.has("x-test-panic")) {
        panic!("asked to, by x-test-panic");
    }
}

struct HostProperties;

impl Properties for HostProperties {
    fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
        host::property(path).ok()
    }
}

impl Context for StreamContext {}

impl HttpContext for StreamContext {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        #[cfg(feature = "test-panic")]
        crash_if_asked();
        // A head that cannot be read is an empty one: its method is none that is known, and it is refused.
        let serialised = host::headers(Map::RequestHeaders).unwrap_or_default();
        let fields = host::fields(&serialised).unwrap_or_default();
        self.step(Input::RequestHead {
            head: RequestHead::from_fields(&fields),
            end: end_of_stream,
        })
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !self.is_held() {
            return self.step(Input::RequestBody { received: size, whole: None });
        }
        self.received = size;
        let body = if end_of_stream { self.body() } else { Vec::new() };
        self.step(Input::RequestBody {
            received: size,
            whole: end_of_stream.then_some(body.as_slice()),
        })
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        let body = self.body();
        self.step(Input::RequestTrailers { whole: &body })
    }

    fn on_log(&mut self) {
        if !host::logs(Level::Info) {
            return;
        }
        let status = host::property(&["response", "code"]).ok();
        let status =
            status.and_then(|bytes| Some(i64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)));
        let status = status.and_then(|code| u16::try_from(code).ok()).filter(|code| *code != 0);
        let _ = self.step(Input::Closed { status });
    }
}

impl Drop for StreamContext {
    fn drop(&mut self) {
        self.shared.borrow_mut().waiting.remove(&self.context_id);
    }
}
