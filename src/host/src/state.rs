//! What a VM's store holds beside the guest: the embedder, the contexts, what is at hand.

use crate::abi::{BufferType, ContextId, LogLevel, MapType, Status};
use crate::engine::{Ids, Limits};
use crate::headers::HeaderMap;
use crate::host::{CallResponse, Host};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use wasmtime::{Memory, ResourceLimiter, TypedFunc};

/// The longest line of the guest's standard output that is kept together, in bytes.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// The data of a VM's store.
pub(crate) struct State<H> {
    pub(crate) host: H,
    pub(crate) limits: Arc<Limits>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) caps: Caps,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    /// Live contexts: a stream's root, or the root itself.
    pub(crate) contexts: BTreeMap<ContextId, ContextId>,
    /// Contexts that answered `proxy_on_done` with "not yet".
    pub(crate) leaving: BTreeSet<ContextId>,
    /// The context that host calls are about.
    pub(crate) effective: ContextId,
    /// The configuration that is being handed over.
    pub(crate) configuration: Option<(BufferType, Vec<u8>)>,
    /// Calls without an answer: the root that owns each.
    pub(crate) calls: BTreeMap<u32, ContextId>,
    /// The answer that is being handed over.
    pub(crate) response: Option<CallResponse>,
    output: Line,
    errors: Line,
}

impl<H: Host> State<H> {
    pub(crate) fn new(host: H, limits: Arc<Limits>, ids: Arc<Ids>) -> Self {
        Self {
            host,
            caps: Caps { memory: limits.memory_bytes, table: limits.table_elements },
            limits,
            ids,
            memory: None,
            allocate: None,
            contexts: BTreeMap::new(),
            leaving: BTreeSet::new(),
            effective: ContextId::VM,
            configuration: None,
            calls: BTreeMap::new(),
            response: None,
            output: Line { level: LogLevel::Info, begun: Vec::new() },
            errors: Line { level: LogLevel::Error, begun: Vec::new() },
        }
    }

    /// The root of the effective context.
    pub(crate) fn root(&self) -> Result<ContextId, Status> {
        self.contexts.get(&self.effective).copied().ok_or(Status::BadArgument)
    }

    /// A header map to read.
    pub(crate) fn headers(&mut self, map: MapType) -> Result<&HeaderMap, Status> {
        let response = self.response.as_ref().ok_or(Status::BadArgument);
        match map {
            MapType::HttpCallResponseHeaders => response.map(|r| &r.headers),
            MapType::HttpCallResponseTrailers => response.map(|r| &r.trailers),
            _ => self.host.headers(self.effective, map),
        }
    }

    /// A header map to change; an answer to a call is read-only.
    pub(crate) fn headers_mut(&mut self, map: MapType) -> Result<&mut HeaderMap, Status> {
        match map {
            MapType::HttpCallResponseHeaders | MapType::HttpCallResponseTrailers => {
                Err(Status::BadArgument)
            }
            _ => self.host.headers_mut(self.effective, map),
        }
    }

    /// A buffer to read.
    pub(crate) fn buffer(&mut self, buffer: BufferType) -> Result<&[u8], Status> {
        match buffer {
            BufferType::VmConfiguration | BufferType::PluginConfiguration => self
                .configuration
                .as_ref()
                .filter(|(kind, _)| *kind == buffer)
                .map(|(_, bytes)| bytes.as_slice())
                .ok_or(Status::NotFound),
            BufferType::HttpCallResponseBody => {
                self.response.as_ref().map(|r| r.body.as_slice()).ok_or(Status::NotFound)
            }
            _ => self.host.buffer(self.effective, buffer),
        }
    }

    /// Collects standard output or standard error, and logs whole lines.
    pub(crate) fn print(&mut self, error: bool, bytes: &[u8]) {
        let line = if error { &mut self.errors } else { &mut self.output };
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            line.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.begun.len() >= MAX_LINE_BYTES {
                line.flush(&mut self.host, self.effective);
            }
        }
    }

    /// Logs begun lines: the guest has returned, or ended.
    pub(crate) fn flush(&mut self) {
        self.output.flush(&mut self.host, self.effective);
        self.errors.flush(&mut self.host, self.effective);
    }
}

/// A line of output that is not finished.
struct Line {
    level: LogLevel,
    begun: Vec<u8>,
}

impl Line {
    fn flush<H: Host>(&mut self, host: &mut H, cx: ContextId) {
        let line = self.begun.strip_suffix(b"\n").unwrap_or(&self.begun);
        if !line.is_empty() && self.level >= host.log_level() {
            host.log(cx, self.level, line);
        }
        self.begun.clear();
    }
}

/// Ends the guest when it wants more than it may have: a filter that runs on after a failed
/// allocation is not one that can be trusted to decide.
pub(crate) struct Caps {
    memory: usize,
    table: usize,
}

/// The guest wanted more than its limit.
#[derive(Debug)]
pub(crate) struct OverLimit {
    what: &'static str,
    wanted: usize,
    limit: usize,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} wanted, the limit is {}", self.what, self.wanted, self.limit)
    }
}

impl std::error::Error for OverLimit {}

fn within(what: &'static str, wanted: usize, limit: usize) -> wasmtime::Result<bool> {
    if wanted > limit {
        return Err(wasmtime::Error::new(OverLimit { what, wanted, limit }));
    }
    Ok(true)
}

impl ResourceLimiter for Caps {
    fn memory_growing(
        &mut self,
        _current: usize,
        wanted: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        within("a memory", wanted, self.memory.min(maximum.unwrap_or(usize::MAX)))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        wanted: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        within("a table", wanted, self.table.min(maximum.unwrap_or(usize::MAX)))
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        8
    }

    fn memories(&self) -> usize {
        1
    }
}
