//! The context of one HTTP exchange.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use scopewarden_core::approval::Answer;
use scopewarden_core::exchange::{Ask, Effect, Exchange, Flow, Input, World};
use scopewarden_core::http::RequestHead;
use scopewarden_core::identity::Properties;
use scopewarden_core::limits;
use scopewarden_core::refusal;

use crate::audit;
use crate::call::{self, Response};
use crate::gate::HostGate;
use crate::host::{self, Action, Buffer, Level, Map};
use crate::root::{Shared, now};

/// An exchange, reachable from the root while it waits for keys or for an approval.
pub(crate) struct Stream {
    context_id: u32,
    exchange: Exchange,
    /// The call to the approval service that is under way.
    call: Option<u32>,
    /// The sequence number of the record that it waits for.
    note: Option<u64>,
    /// The host keeps a body that has not ended.
    buffers: bool,
}

impl Stream {
    pub(crate) const fn context_id(&self) -> u32 {
        self.context_id
    }
}

/// What the host calls.
pub(crate) struct StreamContext {
    context_id: u32,
    shared: Rc<RefCell<Shared>>,
    stream: Option<Rc<RefCell<Stream>>>,
    /// Request body bytes that the host holds back.
    received: Cell<usize>,
    /// Response body bytes that the host holds back.
    kept: Cell<usize>,
}

impl StreamContext {
    pub(crate) fn new(context_id: u32, shared: Rc<RefCell<Shared>>) -> Self {
        let stream = {
            let shared = &mut *shared.borrow_mut();
            let record = shared.next_record();
            let policy = shared.policy.clone();
            policy.map(|policy| {
                Rc::new(RefCell::new(Stream {
                    context_id,
                    exchange: Exchange::new(policy, record),
                    call: None,
                    note: None,
                    buffers: false,
                }))
            })
        };
        Self { context_id, shared, stream, received: Cell::new(0), kept: Cell::new(0) }
    }

    /// One input, its effects, and what the host is to do.
    fn step(&self, input: Input<'_>) -> Action {
        let Some(stream) = &self.stream else { return refuse_unjudged() };
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

    fn reads_response(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.borrow().exchange.reads_response())
    }

    fn keeps_response(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.borrow().exchange.keeps_response())
    }

    fn is_held(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.borrow().exchange.is_held())
    }

    /// Notes whether the host keeps a body that has not ended.
    fn keeps(&self, keeps: bool) {
        if let Some(stream) = &self.stream {
            stream.borrow_mut().buffers = keeps;
        }
    }

    fn body(&self) -> Vec<u8> {
        if self.received.get() == 0 || !self.reads_body() {
            return Vec::new();
        }
        // A body that cannot be read is one that is missing, and refused as such.
        host::buffer(Buffer::RequestBody, self.received.get()).unwrap_or_default()
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
            holds: &shared.holds,
            gate: &HostGate,
            audit: shared.recorder.standing(),
        };
        let flow = exchange.step(input, &mut world);
        while let Some(effect) = exchange.next_effect() {
            effects.push(effect);
        }
        (flow, exchange.waits_for_keys())
    };
    for effect in effects {
        match effect {
            Effect::Ask(ask) if !asked(stream, shared, &ask) => {
                // A question that cannot be asked is one without an answer.
                return step(stream, shared, Input::Approval(Answer::Nothing));
            }
            Effect::Ask(_) => {}
            Effect::Note(record) => match audit::note(stream, shared, &record) {
                Some(sequence) => stream.borrow_mut().note = Some(sequence),
                // A record that cannot be written is one that is not acknowledged.
                None => return step(stream, shared, Input::Noted(false)),
            },
            effect => apply(effect, shared),
        }
    }
    (flow, waits)
}

/// Asks the approval service; whether the call was made.
fn asked(stream: &Rc<RefCell<Stream>>, shared: &Rc<RefCell<Shared>>, ask: &Ask) -> bool {
    let policy = shared.borrow().policy.clone();
    let Some(service) = policy.as_ref().and_then(|policy| policy.approvals.as_ref()) else {
        return false;
    };
    match call::approval(service, ask, "") {
        Ok(token) => {
            stream.borrow_mut().call = Some(token);
            shared.borrow_mut().asks.insert(token, Rc::clone(stream));
            true
        }
        Err(why) => {
            host::log(Level::Warn, &why);
            false
        }
    }
}

/// Takes the response to a question to the stream that asked.
pub(crate) fn answered(shared: &Rc<RefCell<Shared>>, token: u32, headers: usize, body_size: usize) {
    let stream = shared.borrow_mut().asks.remove(&token);
    // None: the answer to a caller that is gone, or to the news that it is.
    let Some(stream) = stream else { return };
    let context_id = stream.borrow().context_id;
    let response = Response::read(headers, body_size, limits::MAX_VERDICT_BYTES);
    stream.borrow_mut().call = None;
    if host::set_effective_context(context_id).is_err() {
        return;
    }
    let answer = Response::answer(response.as_ref());
    let (flow, _) = step(&stream, shared, Input::Approval(answer));
    resume(&stream, flow);
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
        Effect::RemoveResponseHeader(name) => {
            let _ = done("edited", host::remove_header(Map::ResponseHeaders, name));
        }
        Effect::SetResponseFields { trailers, name, values } => {
            let map = if trailers { Map::ResponseTrailers } else { Map::ResponseHeaders };
            let _ = done("edited", host::set_values(map, &name, &values));
        }
        Effect::ReplaceResponseBody(bytes) => {
            let _ = done("edited", host::set_buffer(Buffer::ResponseBody, usize::MAX, &bytes));
        }
        Effect::ResetResponse => reset_response(),
        Effect::Responded(how) => shared.borrow_mut().metrics.responded(how),
        Effect::Ask(_) | Effect::Note(_) => {}
        Effect::Abandon(ask) => {
            let policy = shared.borrow().policy.clone();
            let service = policy.as_ref().and_then(|policy| policy.approvals.as_ref());
            // Should the news not arrive, the approval ends by its own time.
            if let Some(Err(why)) = service.map(|s| call::approval(s, &ask, "/abandon")) {
                host::log(Level::Warn, &why);
            }
        }
        Effect::Decided(decided) => shared.borrow_mut().metrics.decided(decided),
        Effect::Record(record) => audit::record(&mut shared.borrow_mut(), &record),
    }
}

/// The record that a stream waits for was acknowledged, or not.
pub(crate) fn noted(stream: &Rc<RefCell<Stream>>, shared: &Rc<RefCell<Shared>>, input: Input<'_>) {
    let context_id = stream.borrow().context_id;
    stream.borrow_mut().note = None;
    if host::set_effective_context(context_id).is_ok() {
        let (flow, _) = step(stream, shared, input);
        resume(stream, flow);
    }
}

/// Called by the root, in the stream's own effective context; tells whether it still waits for keys.
pub(crate) fn keys_changed(stream: &Rc<RefCell<Stream>>, shared: &Rc<RefCell<Shared>>) -> bool {
    let (flow, waits) = step(stream, shared, Input::KeysChanged);
    resume(stream, flow);
    waits
}

/// Lets a request go on from a callback that is not its own. One whose body is still being kept goes on from the next
/// callback of its body: Envoy before 1.40 loses the piece that follows otherwise.
fn resume(stream: &Rc<RefCell<Stream>>, flow: Flow) {
    if stream.borrow().buffers {
        return;
    }
    if flow == Flow::Continue && host::resume_request().is_err() {
        host::log(Level::Error, "a held request cannot be resumed");
    }
}

/// What cannot be read or edited of a response that is masked must not go on.
fn done<T>(what: &str, result: Result<T, host::Status>) -> Option<T> {
    if result.is_err() {
        host::log(Level::Error, &format!("a response cannot be {what}"));
        reset_response();
    }
    result.ok()
}

fn response_bytes(size: usize) -> Result<Vec<u8>, host::Status> {
    if size == 0 { Ok(Vec::new()) } else { host::buffer(Buffer::ResponseBody, size) }
}

fn reset_response() {
    if host::reset_response().is_err() {
        host::log(Level::Error, "a response cannot be cut off");
    }
}

fn respond_internal_error() {
    let headers = [(refusal::DECISION_HEADER, "deny; reason=internal_error".to_owned())];
    let _ = host::send_local_response(503, "scopewarden_internal_error", &headers, b"", None);
}

/// A stream before any policy was accepted, or one that is not known: the host should not have it, and it does not pass.
pub(crate) fn refuse_unjudged() -> Action {
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

impl StreamContext {
    pub(crate) fn on_request_headers(&self, end_of_stream: bool) -> Action {
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

    pub(crate) fn on_request_body(&self, size: usize, end_of_stream: bool) -> Action {
        if !self.is_held() {
            return self.step(Input::RequestBody { received: size, whole: None });
        }
        self.received.set(size);
        // A body that decides is kept as a whole; one that does not may be endless, as a WebSocket's is.
        let whole = self.reads_body();
        let body = if end_of_stream { self.body() } else { Vec::new() };
        let action = self.step(Input::RequestBody {
            received: size,
            whole: end_of_stream.then_some(body.as_slice()),
        });
        let holds = matches!(action, Action::Pause);
        self.keeps(holds && whole && !end_of_stream);
        if holds && !whole { Action::PauseAndWatermark } else { action }
    }

    pub(crate) fn on_request_trailers(&self) -> Action {
        let body = self.body();
        self.keeps(false);
        self.step(Input::RequestTrailers { whole: &body })
    }

    pub(crate) fn on_response_headers(&self, end_of_stream: bool) -> Action {
        if !self.reads_response() {
            return Action::Continue;
        }
        let Some(headers) = done("read", host::header_list(Map::ResponseHeaders)) else {
            return Action::Pause;
        };
        self.step(Input::ResponseHead { headers: &headers, end: end_of_stream })
    }

    pub(crate) fn on_response_body(&self, size: usize, end_of_stream: bool) -> Action {
        if !self.reads_response() {
            return Action::Continue;
        }
        if self.keeps_response() {
            self.kept.set(size);
            if !end_of_stream {
                return Action::Pause;
            }
        }
        let Some(piece) = done("read", response_bytes(size)) else { return Action::Pause };
        self.step(Input::ResponseBody { piece: &piece, end: end_of_stream })
    }

    pub(crate) fn on_response_trailers(&self) -> Action {
        if !self.reads_response() {
            return Action::Continue;
        }
        let kept = if self.keeps_response() { self.kept.get() } else { 0 };
        let trailers = done("read", host::header_list(Map::ResponseTrailers));
        let (Some(trailers), Some(whole)) = (trailers, done("read", response_bytes(kept))) else {
            return Action::Pause;
        };
        self.step(Input::ResponseTrailers { trailers: &trailers, whole: &whole })
    }

    pub(crate) fn on_log(&self) {
        let asks = self.stream.as_ref().is_some_and(|s| s.borrow().exchange.waits_for_approval());
        let records = self.shared.borrow().recorder.records();
        if !asks && !records && !host::logs(Level::Info) {
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
        let shared = &mut *self.shared.borrow_mut();
        shared.waiting.remove(&self.context_id);
        if let Some(call) = self.stream.as_ref().and_then(|stream| stream.borrow().call) {
            shared.asks.remove(&call);
        }
        if let Some(note) = self.stream.as_ref().and_then(|stream| stream.borrow().note) {
            shared.recorder.forget(note);
        }
    }
}
