//! One exchange: its two directions, what was let through, what the filter did wrong.

use crate::abi::{BufferType, ContextId, MapType, StreamType};
use crate::headers::{HeaderMap, Text};
use crate::host::LocalResponse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// A direction of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream, or the proxy itself, to the client.
    Response,
}

impl Direction {
    pub(super) const fn of(stream: StreamType) -> Option<Self> {
        match stream {
            StreamType::HttpRequest => Some(Self::Request),
            StreamType::HttpResponse => Some(Self::Response),
            StreamType::Downstream | StreamType::Upstream => None,
        }
    }
}

/// What has left the proxy in one direction.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// The headers, once released.
    pub head: Option<HeaderMap>,
    /// The body, in the pieces in which it was released; none is empty.
    pub chunks: Vec<Vec<u8>>,
    /// The trailers, once released.
    pub trailers: Option<HeaderMap>,
    /// Whether the direction has been ended properly.
    pub ended: bool,
}

impl Sent {
    /// The body so far.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chunks: Vec<Text<'_>> = self.chunks.iter().map(|chunk| Text(chunk)).collect();
        f.debug_struct("Sent")
            .field("head", &self.head)
            .field("chunks", &chunks)
            .field("trailers", &self.trailers)
            .field("ended", &self.ended)
            .finish()
    }
}

/// Something that a filter must not do in Envoy, whatever the status it got for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Resumed a direction that is not paused. Envoy forwards the request twice.
    ResumeWhileNotPaused(Direction),
    /// Resumed a direction inside of its own callback, where returning Continue is the way.
    ResumeInsideCallback(Direction),
    /// Resumed a direction whose body is kept by Pause and has not ended. Envoy before 1.40 loses the next piece: it still
    /// adds it to what was kept. Continue in the next body callback is the way.
    ResumeWhileBuffering(Direction),
    /// Touched a header map that is not there in this phase.
    HeadersNotAccessible(MapType),
    /// Wrote a header map that can only be read in this phase.
    HeadersNotWritable(MapType),
    /// Touched a body that is not there in this phase.
    BodyNotAccessible(BufferType),
    /// The body that left does not have the length that its headers say: request smuggling, or
    /// a client that waits.
    ContentLength {
        /// Which direction.
        direction: Direction,
        /// The header's value.
        declared: Vec<u8>,
        /// Bytes that left.
        sent: usize,
    },
    /// A header field with CR, LF or NUL in it was let out.
    HeaderInjection {
        /// Which direction.
        direction: Direction,
        /// The field's name.
        name: Vec<u8>,
    },
}

/// Where a direction is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Headers,
    Body,
    Trailers,
}

/// A part of a message, as it arrives.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Headers(HeaderMap, bool),
    Body(Vec<u8>, bool),
    Trailers(HeaderMap),
}

/// The state of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    /// As the filter sees and edits them; kept for the log after their release.
    pub(super) headers: HeaderMap,
    /// Headers have arrived.
    pub(super) begun: bool,
    pub(super) headers_open: bool,
    /// The chunk at hand, or all that Pause has accumulated.
    pub(super) buffer: Vec<u8>,
    pub(super) buffer_open: bool,
    /// What was shown, and waits behind a watermark.
    pub(super) shown: Vec<u8>,
    /// The last body callback paused: the next chunk is added.
    pub(super) buffering: bool,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) trailers_open: bool,
    /// Nothing more will arrive.
    pub(super) ended: bool,
    pub(super) paused: Option<At>,
    /// Parts that arrive are not shown to the filter until it resumes.
    pub(super) stopped: bool,
    pub(super) waiting: VecDeque<Part>,
    pub(super) sent: Sent,
}

impl Half {
    /// Keeps a part for later. Body bytes run together, as in a socket buffer.
    pub(super) fn wait(&mut self, part: Part) {
        if let (Some(Part::Body(held, false)), Part::Body(bytes, end)) =
            (self.waiting.back_mut(), &part)
        {
            held.extend_from_slice(bytes);
            if *end {
                let held = std::mem::take(held);
                self.waiting.pop_back();
                self.waiting.push_back(Part::Body(held, true));
            }
            return;
        }
        self.waiting.push_back(part);
    }

    /// Lets go on what is at hand.
    pub(super) fn release(&mut self) {
        self.paused = None;
        self.stopped = false;
        self.headers_open = false;
        self.buffer_open = false;
        self.trailers_open = false;
        self.buffering = false;
        if self.begun && self.sent.head.is_none() {
            self.sent.head = Some(self.headers.clone());
        }
        self.shown.append(&mut self.buffer);
        if !self.shown.is_empty() {
            self.sent.chunks.push(std::mem::take(&mut self.shown));
        }
        self.sent.trailers.clone_from(&self.trailers);
        self.sent.ended = self.ended;
    }

    /// Drops what is held: the direction will not go on.
    pub(super) fn cut(&mut self) {
        self.paused = None;
        self.stopped = false;
        self.headers_open = false;
        self.buffer_open = false;
        self.trailers_open = false;
        self.buffer.clear();
        self.shown.clear();
        self.waiting.clear();
    }

    /// What is wrong with what has left, once the direction has ended.
    pub(super) fn faults(&self, direction: Direction) -> Vec<Violation> {
        let Some(head) = self.sent.head.as_ref().filter(|_| self.sent.ended) else {
            return Vec::new();
        };
        let fields = head.iter().chain(self.sent.trailers.iter().flat_map(HeaderMap::iter));
        let breaks = |bytes: &[u8]| bytes.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
        let mut faults: Vec<Violation> = fields
            .filter(|(name, value)| breaks(name) || breaks(value))
            .map(|(name, _)| Violation::HeaderInjection { direction, name: name.to_vec() })
            .collect();
        let sent = self.sent.chunks.iter().fold(0usize, |sum, c| sum.saturating_add(c.len()));
        // A response without a body may name the length of the one it would have (HEAD, 304).
        let bodiless = direction == Direction::Response && sent == 0;
        if let Some(declared) = head.get("content-length")
            && declared != sent.to_string().as_bytes()
            && !bodiless
        {
            let declared = declared.to_vec();
            faults.push(Violation::ContentLength { direction, declared, sent });
        }
        faults
    }
}

/// One exchange between a client and an upstream.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The filter's context, while it has one.
    pub(super) cx: Option<ContextId>,
    pub(super) request: Half,
    pub(super) response: Half,
    pub(super) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) local: Option<LocalResponse>,
    pub(super) reset: bool,
    pub(super) over: bool,
    pub(super) logging: bool,
    /// The request asks for a gRPC answer, or for one without a body.
    pub(super) grpc: bool,
    pub(super) head_only: bool,
}

impl Exchange {
    /// What has gone to the upstream.
    pub const fn upstream(&self) -> &Sent {
        &self.request.sent
    }

    /// What has gone to the client.
    pub const fn downstream(&self) -> &Sent {
        &self.response.sent
    }

    /// The local reply, of the filter or of the proxy, when there was one.
    pub const fn local_response(&self) -> Option<&LocalResponse> {
        self.local.as_ref()
    }

    /// Whether the connection was cut in the place of a proper end.
    pub const fn is_reset(&self) -> bool {
        self.reset
    }

    /// Whether the exchange has ended, in whichever way.
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether a direction is held by the filter.
    pub const fn is_paused(&self, direction: Direction) -> bool {
        self.half(direction).paused.is_some()
    }

    /// A property that the filter has set; a path's segments have a NUL between them.
    pub fn property(&self, path: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.properties.get(path.as_ref()).map(Vec::as_slice)
    }

    pub(super) const fn half(&self, direction: Direction) -> &Half {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(super) const fn half_mut(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }
}
