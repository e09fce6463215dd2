//! What the embedder provides.

use crate::abi::{BufferType, ContextId, LogLevel, MapType, MetricType, Status, StreamType};
use crate::headers::{HeaderMap, Text};
use std::fmt;
use std::time::Duration;

/// An answer that the guest gives in the place of the upstream.
#[derive(Clone, PartialEq, Eq)]
pub struct LocalResponse {
    /// HTTP status code, as the guest gave it.
    pub status: u32,
    /// For the access log (`%RESPONSE_CODE_DETAILS%` in Envoy).
    pub details: Vec<u8>,
    /// Response body; the `grpc-message` of a gRPC exchange.
    pub body: Vec<u8>,
    /// Fields to add to the response.
    pub headers: HeaderMap,
    /// gRPC status code; `None` lets the proxy derive it from `status`.
    pub grpc_status: Option<u32>,
}

/// An HTTP request that the guest wants to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// The name of the upstream: a cluster in Envoy.
    pub upstream: Vec<u8>,
    /// Header fields with `:method`, `:path` and `:authority`.
    pub headers: HeaderMap,
    /// Request body.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: HeaderMap,
    /// When to give up.
    pub timeout: Duration,
}

/// What came of an [`HttpCall`]. A map without fields says that there was no response at all.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallResponse {
    /// Header fields with `:status`.
    pub headers: HeaderMap,
    /// Response body.
    pub body: Vec<u8>,
    /// Trailer fields.
    pub trailers: HeaderMap,
}

impl fmt::Debug for LocalResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalResponse")
            .field("status", &self.status)
            .field("details", &Text(&self.details))
            .field("headers", &self.headers)
            .field("body", &Text(&self.body))
            .field("grpc_status", &self.grpc_status)
            .finish()
    }
}

impl fmt::Debug for HttpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCall")
            .field("upstream", &Text(&self.upstream))
            .field("headers", &self.headers)
            .field("body", &Text(&self.body))
            .field("trailers", &self.trailers)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl fmt::Debug for CallResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallResponse")
            .field("headers", &self.headers)
            .field("body", &Text(&self.body))
            .field("trailers", &self.trailers)
            .finish()
    }
}

/// A value of shared data with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The bytes.
    pub value: Vec<u8>,
    /// Changes with every write; never zero.
    pub cas: u32,
}

/// The proxy around a VM: what the guest's host calls become.
///
/// A method runs inside of a guest's callback, and cannot enter the VM. What needs to (resuming,
/// answering) is noted by the embedder and done when the callback has returned. `cx` is the
/// context that the call is about, after `proxy_set_effective_context`.
///
/// Every method with an obvious refusal has it as its default, so that an embedder implements
/// what it has. [`Status`] is what the guest gets to see.
pub trait Host: 'static {
    /// Writes a line to the proxy's log. `message` need not be UTF-8.
    fn log(&mut self, cx: ContextId, level: LogLevel, message: &[u8]);

    /// The least level that is written.
    fn log_level(&self) -> LogLevel {
        LogLevel::Info
    }

    /// Time since the Unix epoch.
    fn wall_clock(&mut self) -> Duration;

    /// Time since any fixed point; never goes back.
    fn monotonic_clock(&mut self) -> Duration;

    /// Fills `bytes` from the system's cryptographic source.
    ///
    /// # Errors
    /// When there is none at the moment.
    fn random(&mut self, bytes: &mut [u8]) -> Result<(), Status>;

    /// Environment variables, as `(name, value)`.
    fn environment(&self) -> &[(String, String)] {
        &[]
    }

    /// A header map of an exchange, to read.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when the exchange does not have that map in its present phase.
    fn headers(&mut self, cx: ContextId, map: MapType) -> Result<&HeaderMap, Status> {
        let _ = (cx, map);
        Err(Status::BadArgument)
    }

    /// A header map of an exchange, about to be changed.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when it does not exist or cannot be changed in the present phase.
    fn headers_mut(&mut self, cx: ContextId, map: MapType) -> Result<&mut HeaderMap, Status> {
        let _ = (cx, map);
        Err(Status::BadArgument)
    }

    /// A body buffer of an exchange, to read.
    ///
    /// # Errors
    /// [`Status::NotFound`] when the exchange has none in its present phase.
    fn buffer(&mut self, cx: ContextId, buffer: BufferType) -> Result<&[u8], Status> {
        let _ = (cx, buffer);
        Err(Status::NotFound)
    }

    /// A body buffer of an exchange, about to be changed.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when it does not exist or cannot be changed in the present phase.
    fn buffer_mut(&mut self, cx: ContextId, buffer: BufferType) -> Result<&mut Vec<u8>, Status> {
        let _ = (cx, buffer);
        Err(Status::BadArgument)
    }

    /// A property; `path` is its segments with a NUL byte between them.
    ///
    /// # Errors
    /// [`Status::NotFound`] when there is no such property.
    fn property(&mut self, cx: ContextId, path: &[u8]) -> Result<Vec<u8>, Status> {
        let _ = (cx, path);
        Err(Status::NotFound)
    }

    /// Writes a property; `path` as in [`property`](Self::property).
    ///
    /// # Errors
    /// [`Status::BadArgument`] when it cannot be written.
    fn set_property(&mut self, cx: ContextId, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let _ = (cx, path, value);
        Err(Status::BadArgument)
    }

    /// Lets a paused direction go on, when the callback has returned.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when the exchange has no such direction.
    fn resume(&mut self, cx: ContextId, stream: StreamType) -> Result<(), Status> {
        let _ = (cx, stream);
        Err(Status::BadArgument)
    }

    /// Ends a direction at once, when the callback has returned.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when the exchange has no such direction.
    fn close(&mut self, cx: ContextId, stream: StreamType) -> Result<(), Status> {
        let _ = (cx, stream);
        Err(Status::BadArgument)
    }

    /// Answers the client in the place of the upstream, when the callback has returned. Whatever
    /// the callback returns, the exchange does not go on.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when `cx` is no exchange.
    fn local_response(&mut self, cx: ContextId, response: LocalResponse) -> Result<(), Status> {
        let _ = (cx, response);
        Err(Status::BadArgument)
    }

    /// Starts an HTTP call whose answer goes to [`Vm::call_response`](crate::Vm::call_response)
    /// under `token`. `root` is the root context that owns the call.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when there is no such upstream; [`Status::InternalFailure`] when
    /// the call cannot be made now.
    fn http_call(&mut self, root: ContextId, token: u32, call: HttpCall) -> Result<(), Status> {
        let _ = (root, token, call);
        Err(Status::InternalFailure)
    }

    /// Calls a function that only this proxy has.
    ///
    /// # Errors
    /// [`Status::NotFound`] when it does not have it; else as the function says.
    fn foreign_function(
        &mut self,
        cx: ContextId,
        name: &[u8],
        argument: &[u8],
    ) -> Result<Vec<u8>, Status> {
        let _ = (cx, name, argument);
        Err(Status::NotFound)
    }

    /// Calls [`Vm::tick`](crate::Vm::tick) of `root` at this interval from now on; zero stops.
    ///
    /// # Errors
    /// [`Status::InternalFailure`] when the proxy has no timers.
    fn set_tick_period(&mut self, root: ContextId, period: Duration) -> Result<(), Status> {
        let _ = (root, period);
        Err(Status::InternalFailure)
    }

    /// Finds or makes a metric.
    ///
    /// # Errors
    /// [`Status::BadArgument`] when the name exists with another type;
    /// [`Status::InternalFailure`] when there are too many.
    fn define_metric(&mut self, kind: MetricType, name: &[u8]) -> Result<u32, Status> {
        let _ = (kind, name);
        Err(Status::InternalFailure)
    }

    /// Adds to a counter or a gauge.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a metric, [`Status::BadArgument`] for a histogram or a
    /// counter that would shrink.
    fn increment_metric(&mut self, id: u32, by: i64) -> Result<(), Status> {
        let _ = (id, by);
        Err(Status::NotFound)
    }

    /// Sets a counter or a gauge, or puts a value into a histogram.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a metric.
    fn record_metric(&mut self, id: u32, value: u64) -> Result<(), Status> {
        let _ = (id, value);
        Err(Status::NotFound)
    }

    /// The value of a counter or a gauge.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a metric, [`Status::BadArgument`] for a histogram.
    fn metric(&mut self, id: u32) -> Result<u64, Status> {
        let _ = id;
        Err(Status::NotFound)
    }

    /// A value that all VMs of the same id see.
    ///
    /// # Errors
    /// [`Status::NotFound`] when there is no such key.
    fn shared_data(&mut self, key: &[u8]) -> Result<Shared, Status> {
        let _ = key;
        Err(Status::NotFound)
    }

    /// Writes a shared value; `cas` is the version that must still be in place, zero for any.
    ///
    /// # Errors
    /// [`Status::CasMismatch`] when it is not; [`Status::InternalFailure`] when there is no room.
    fn set_shared_data(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let _ = (key, value, cas);
        Err(Status::InternalFailure)
    }

    /// Makes or finds a queue of this VM id, and makes `root` the one that is told about items.
    ///
    /// # Errors
    /// [`Status::InternalFailure`] when there is no room.
    fn register_queue(&mut self, root: ContextId, name: &[u8]) -> Result<u32, Status> {
        let _ = (root, name);
        Err(Status::InternalFailure)
    }

    /// Finds the queue of a VM id.
    ///
    /// # Errors
    /// [`Status::NotFound`] when nobody has registered it.
    fn resolve_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        let _ = (vm_id, name);
        Err(Status::NotFound)
    }

    /// Appends an item.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a queue; [`Status::InternalFailure`] when it is full.
    fn enqueue(&mut self, queue: u32, item: &[u8]) -> Result<(), Status> {
        let _ = (queue, item);
        Err(Status::NotFound)
    }

    /// Takes the first item.
    ///
    /// # Errors
    /// [`Status::NotFound`] without such a queue; [`Status::Empty`] without an item.
    fn dequeue(&mut self, queue: u32) -> Result<Vec<u8>, Status> {
        let _ = queue;
        Err(Status::NotFound)
    }

    /// The context, which had asked for time in `proxy_on_done`, may be deleted now.
    fn done(&mut self, cx: ContextId) {
        let _ = cx;
    }
}
