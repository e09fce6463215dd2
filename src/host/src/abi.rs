//! The numbers of proxy-wasm ABI 0.2.1, as types.

use std::fmt;

/// Identifies a context: a plugin configuration (root context) or one HTTP exchange.
///
/// Never reused by another VM of the same [`Engine`](crate::Engine), so that an event meant for
/// an exchange of a dead VM cannot reach an exchange of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId(pub(crate) u32);

impl ContextId {
    /// The VM itself: what runs before any context exists (`_initialize`).
    pub const VM: Self = Self(0);

    /// The number that the guest sees.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a host call was refused: every status of the ABI but `OK` (0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// The thing asked for does not exist.
    NotFound = 1,
    /// An argument is unknown, malformed, or not usable in this phase.
    BadArgument = 2,
    /// The value cannot be written in the ABI's form.
    SerializationFailure = 3,
    /// The value cannot be read.
    ParseFailure = 4,
    /// A guest pointer leads outside of the guest's memory.
    InvalidMemoryAccess = 6,
    /// The queue is empty.
    Empty = 7,
    /// The shared value was changed by someone else.
    CasMismatch = 8,
    /// The host cannot do it, or not now.
    InternalFailure = 10,
    /// The host does not have this function.
    Unimplemented = 12,
}

impl Status {
    /// The number that the guest sees.
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// What a callback asks the proxy to do with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Hold; a body is kept, and shown as a whole again when more of it comes.
    Pause,
    /// Hold; a body is kept, what comes later is shown by itself, and the sender is slowed down.
    PauseAndWatermark,
}

impl Action {
    /// Everything that is not a clear `Continue` holds: an unknown answer must not forward.
    pub(crate) const fn from_code(code: u32) -> Self {
        match code {
            0 => Self::Continue,
            2 => Self::PauseAndWatermark,
            _ => Self::Pause,
        }
    }
}

/// Declares an enum of ABI codes, with the reading of a code.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$doc])* $variant = $code,)+ }

        impl $name {
            /// Reads the ABI's number; `None` when it is not one of this type.
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// The weight of a log line.
    LogLevel {
        /// Finest.
        Trace = 0,
        /// For developers.
        Debug = 1,
        /// Ordinary.
        Info = 2,
        /// Something to look at.
        Warn = 3,
        /// Something failed.
        Error = 4,
        /// The filter cannot work.
        Critical = 5,
    }
}

codes! {
    /// A byte buffer that the guest can read, and some of which it can change.
    BufferType {
        /// Request body: the chunk at hand, or everything that Pause has accumulated.
        HttpRequestBody = 0,
        /// Response body.
        HttpResponseBody = 1,
        /// TCP bytes from the client.
        DownstreamData = 2,
        /// TCP bytes from the upstream.
        UpstreamData = 3,
        /// Body of an answer to a dispatched HTTP call.
        HttpCallResponseBody = 4,
        /// A gRPC message.
        GrpcReceiveBuffer = 5,
        /// Configuration of the VM, during `proxy_on_vm_start`.
        VmConfiguration = 6,
        /// Configuration of the plugin, during `proxy_on_configure`.
        PluginConfiguration = 7,
        /// Arguments of a foreign call into the guest.
        CallData = 8,
    }
}

codes! {
    /// A header map.
    MapType {
        /// Request headers with the pseudo-headers.
        HttpRequestHeaders = 0,
        /// Request trailers.
        HttpRequestTrailers = 1,
        /// Response headers with `:status`.
        HttpResponseHeaders = 2,
        /// Response trailers.
        HttpResponseTrailers = 3,
        /// Initial metadata of a gRPC call.
        GrpcReceiveInitialMetadata = 4,
        /// Trailing metadata of a gRPC call.
        GrpcReceiveTrailingMetadata = 5,
        /// Headers of an answer to a dispatched HTTP call.
        HttpCallResponseHeaders = 6,
        /// Trailers of an answer to a dispatched HTTP call.
        HttpCallResponseTrailers = 7,
    }
}

codes! {
    /// A direction of a stream, for resuming and closing.
    StreamType {
        /// Client to upstream, HTTP.
        HttpRequest = 0,
        /// Upstream to client, HTTP.
        HttpResponse = 1,
        /// Client side, TCP.
        Downstream = 2,
        /// Upstream side, TCP.
        Upstream = 3,
    }
}

codes! {
    /// The kind of a metric.
    MetricType {
        /// Only grows.
        Counter = 0,
        /// Goes up and down.
        Gauge = 1,
        /// A distribution.
        Histogram = 2,
    }
}
