//! What the filter's host calls reach: exchanges, log, clock, metrics, calls.

use super::exchange::{Direction, Exchange, Violation};
use super::{Settings, reply};
use crate::abi::{BufferType, ContextId, LogLevel, MapType, MetricType, Status, StreamType};
use crate::headers::HeaderMap;
use crate::host::{Host, HttpCall, LocalResponse, Shared};
use crate::metrics;
use std::collections::BTreeMap;
use std::time::Duration;

/// A function of the proxy that a filter can call by name.
pub type ForeignFunction = Box<dyn FnMut(&[u8]) -> Result<Vec<u8>, Status> + Send>;

/// Names an exchange of a [`Proxy`](super::Proxy).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub(super) u64);

/// A line that the filter has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The exchange it was logged for; `None` for roots and for exchanges that are gone.
    pub exchange: Option<ExchangeId>,
    /// Its weight.
    pub level: LogLevel,
    /// Its text; what is not UTF-8 is replaced.
    pub text: String,
}

/// A call that the test has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingCall {
    /// What [`Proxy::answer`](super::Proxy::answer) takes.
    pub token: u32,
    /// What is asked for.
    pub call: HttpCall,
    /// When it times out, on the proxy's clock.
    pub(super) due: Duration,
}

/// What a host call asks for that can only be done when the callback has returned.
pub(super) enum Deferred {
    Resume(ExchangeId, Direction),
    Reset(ExchangeId),
    Reply(ExchangeId, LocalResponse),
    Done(ContextId),
    Queue(ContextId, u32),
}

/// The proxy's side of the filter's host calls.
pub struct World {
    pub(super) settings: Settings,
    pub(super) now: Duration,
    random: u64,
    pub(super) log: Vec<LogLine>,
    pub(super) metrics: metrics::Registry,
    /// Period and next time of each root's timer.
    pub(super) ticks: BTreeMap<ContextId, (Duration, Duration)>,
    pub(super) exchanges: BTreeMap<ExchangeId, Exchange>,
    pub(super) contexts: BTreeMap<ContextId, ExchangeId>,
    pub(super) calls: Vec<PendingCall>,
    pub(super) deferred: Vec<Deferred>,
    /// The direction whose callback is running.
    pub(super) active: Option<(ExchangeId, Direction)>,
    pub(super) violations: Vec<(Option<ExchangeId>, Violation)>,
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            now: settings.now,
            random: settings.seed,
            settings,
            log: Vec::new(),
            metrics: metrics::Registry::default(),
            ticks: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            contexts: BTreeMap::new(),
            calls: Vec::new(),
            deferred: Vec::new(),
            active: None,
            violations: Vec::new(),
        }
    }

    /// Forgets what belonged to a VM that is gone.
    pub(super) fn lose_vm(&mut self) {
        self.ticks.clear();
        self.contexts.clear();
        self.exchanges.values_mut().for_each(|exchange| exchange.cx = None);
        self.calls.clear();
        self.deferred.clear();
        self.active = None;
    }

    fn blame(&mut self, cx: ContextId, violation: Violation) {
        self.violations.push((self.contexts.get(&cx).copied(), violation));
    }

    fn exchange(&mut self, cx: ContextId) -> Option<(ExchangeId, &mut Exchange)> {
        let id = *self.contexts.get(&cx)?;
        self.exchanges.get_mut(&id).map(|exchange| (id, exchange))
    }

    /// Whether a header map is there, and whether it can be changed.
    fn access(&self, cx: ContextId, map: MapType) -> (bool, bool) {
        let Some(exchange) = self.contexts.get(&cx).and_then(|id| self.exchanges.get(id)) else {
            return (false, false);
        };
        let logged = exchange.logging;
        let (open, seen) = match map {
            MapType::HttpRequestHeaders => (exchange.request.headers_open, exchange.request.begun),
            MapType::HttpRequestTrailers => (exchange.request.trailers_open, false),
            MapType::HttpResponseHeaders => {
                (exchange.response.headers_open, exchange.response.begun)
            }
            MapType::HttpResponseTrailers => {
                (exchange.response.trailers_open, exchange.response.trailers.is_some())
            }
            _ => (false, false),
        };
        (open || (logged && seen), open)
    }

    fn map(&mut self, cx: ContextId, map: MapType) -> Option<&mut HeaderMap> {
        let (_, exchange) = self.exchange(cx)?;
        match map {
            MapType::HttpRequestHeaders => Some(&mut exchange.request.headers),
            MapType::HttpRequestTrailers => exchange.request.trailers.as_mut(),
            MapType::HttpResponseHeaders => Some(&mut exchange.response.headers),
            MapType::HttpResponseTrailers => exchange.response.trailers.as_mut(),
            _ => None,
        }
    }

    fn body(&mut self, cx: ContextId, buffer: BufferType) -> Option<&mut Vec<u8>> {
        let (_, exchange) = self.exchange(cx)?;
        let half = match buffer {
            BufferType::HttpRequestBody => &mut exchange.request,
            BufferType::HttpResponseBody => &mut exchange.response,
            _ => return None,
        };
        half.buffer_open.then_some(&mut half.buffer)
    }
}

impl Host for World {
    fn log(&mut self, cx: ContextId, level: LogLevel, message: &[u8]) {
        let exchange = self.contexts.get(&cx).copied();
        let text = String::from_utf8_lossy(message).into_owned();
        self.log.push(LogLine { exchange, level, text });
    }

    fn log_level(&self) -> LogLevel {
        self.settings.log_level
    }

    fn wall_clock(&mut self) -> Duration {
        self.now
    }

    fn monotonic_clock(&mut self) -> Duration {
        self.now
    }

    /// SplitMix64: no secret depends on a test's random bytes.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Status> {
        for part in bytes.chunks_mut(8) {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.random;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let block = (z ^ (z >> 31)).to_le_bytes();
            part.iter_mut().zip(block).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }

    fn headers(&mut self, cx: ContextId, map: MapType) -> Result<&HeaderMap, Status> {
        if !self.access(cx, map).0 {
            self.blame(cx, Violation::HeadersNotAccessible(map));
            return Err(Status::BadArgument);
        }
        self.map(cx, map).map(|map| &*map).ok_or(Status::BadArgument)
    }

    fn headers_mut(&mut self, cx: ContextId, map: MapType) -> Result<&mut HeaderMap, Status> {
        match self.access(cx, map) {
            (_, true) => self.map(cx, map).ok_or(Status::BadArgument),
            (readable, false) => {
                self.blame(
                    cx,
                    match readable {
                        true => Violation::HeadersNotWritable(map),
                        false => Violation::HeadersNotAccessible(map),
                    },
                );
                Err(Status::BadArgument)
            }
        }
    }

    fn buffer(&mut self, cx: ContextId, buffer: BufferType) -> Result<&[u8], Status> {
        if self.body(cx, buffer).is_none() {
            self.blame(cx, Violation::BodyNotAccessible(buffer));
        }
        self.body(cx, buffer).map(|body| body.as_slice()).ok_or(Status::NotFound)
    }

    fn buffer_mut(&mut self, cx: ContextId, buffer: BufferType) -> Result<&mut Vec<u8>, Status> {
        if self.body(cx, buffer).is_none() {
            self.blame(cx, Violation::BodyNotAccessible(buffer));
        }
        self.body(cx, buffer).ok_or(Status::BadArgument)
    }

    fn property(&mut self, cx: ContextId, path: &[u8]) -> Result<Vec<u8>, Status> {
        let own =
            self.exchange(cx).and_then(|(_, exchange)| exchange.properties.get(path).cloned());
        own.or_else(|| self.settings.properties.get(path).cloned()).ok_or(Status::NotFound)
    }

    fn set_property(&mut self, cx: ContextId, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let (_, exchange) = self.exchange(cx).ok_or(Status::BadArgument)?;
        exchange.properties.insert(path.to_vec(), value.to_vec());
        Ok(())
    }

    fn resume(&mut self, cx: ContextId, stream: StreamType) -> Result<(), Status> {
        let direction = Direction::of(stream).ok_or(Status::BadArgument)?;
        let (id, exchange) = self.exchange(cx).ok_or(Status::BadArgument)?;
        if exchange.over {
            return Ok(());
        }
        if self.active == Some((id, direction)) {
            self.blame(cx, Violation::ResumeInsideCallback(direction));
        } else {
            self.deferred.push(Deferred::Resume(id, direction));
        }
        Ok(())
    }

    fn close(&mut self, cx: ContextId, stream: StreamType) -> Result<(), Status> {
        Direction::of(stream).ok_or(Status::BadArgument)?;
        let (id, _) = self.exchange(cx).ok_or(Status::BadArgument)?;
        self.deferred.push(Deferred::Reset(id));
        Ok(())
    }

    fn local_response(&mut self, cx: ContextId, response: LocalResponse) -> Result<(), Status> {
        let (id, _) = self.exchange(cx).ok_or(Status::BadArgument)?;
        self.deferred.push(Deferred::Reply(id, response));
        Ok(())
    }

    fn http_call(&mut self, _: ContextId, token: u32, call: HttpCall) -> Result<(), Status> {
        if !self.settings.clusters.iter().any(|name| name.as_bytes() == call.upstream) {
            return Err(Status::BadArgument);
        }
        let due = self.now.saturating_add(call.timeout);
        self.calls.push(PendingCall { token, call, due });
        Ok(())
    }

    fn foreign_function(
        &mut self,
        _: ContextId,
        name: &[u8],
        argument: &[u8],
    ) -> Result<Vec<u8>, Status> {
        let name = std::str::from_utf8(name).or(Err(Status::NotFound))?;
        self.settings.foreign.get_mut(name).ok_or(Status::NotFound)?(argument)
    }

    fn set_tick_period(&mut self, root: ContextId, period: Duration) -> Result<(), Status> {
        if period.is_zero() {
            self.ticks.remove(&root);
        } else {
            self.ticks.insert(root, (period, self.now.saturating_add(period)));
        }
        Ok(())
    }

    fn define_metric(&mut self, kind: MetricType, name: &[u8]) -> Result<u32, Status> {
        self.metrics.define(kind, name)
    }

    fn increment_metric(&mut self, id: u32, by: i64) -> Result<(), Status> {
        self.metrics.increment(id, by)
    }

    fn record_metric(&mut self, id: u32, value: u64) -> Result<(), Status> {
        self.metrics.record(id, value)
    }

    fn metric(&mut self, id: u32) -> Result<u64, Status> {
        self.metrics.get(id)
    }

    fn shared_data(&mut self, key: &[u8]) -> Result<Shared, Status> {
        self.settings.shared.get(&self.settings.vm_id, key)
    }

    fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        self.settings.shared.set(&self.settings.vm_id, key, value, cas)
    }

    fn register_queue(&mut self, root: ContextId, name: &[u8]) -> Result<u32, Status> {
        self.settings.shared.register_queue(&self.settings.vm_id, name, root)
    }

    fn resolve_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        self.settings.shared.resolve_queue(vm_id, name)
    }

    fn enqueue(&mut self, queue: u32, item: &[u8]) -> Result<(), Status> {
        let consumer = self.settings.shared.enqueue(queue, item)?;
        self.deferred.push(Deferred::Queue(consumer, queue));
        Ok(())
    }

    fn dequeue(&mut self, queue: u32) -> Result<Vec<u8>, Status> {
        self.settings.shared.dequeue(queue)
    }

    fn done(&mut self, cx: ContextId) {
        self.deferred.push(Deferred::Done(cx));
    }
}

/// What a new exchange gets when there is no VM.
pub(super) fn unavailable() -> LocalResponse {
    reply::own(503, "wasm_fail_stream", "")
}
