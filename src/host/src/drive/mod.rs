//! An embedder for tests: one filter, with Envoy's behaviour around it and none of its I/O.
//!
//! A test plays client, upstream and clusters: it feeds an exchange's parts to a [`Proxy`], looks
//! at what would have gone on ([`Sent`]), answers the filter's calls and moves the clock. What a
//! filter may not do in Envoy, even where Envoy lets it pass, is kept as a [`Violation`].
//!
//! What is like Envoy 1.40:
//! - Pause in headers holds them while body callbacks run (`allow_on_headers_stop_iteration`), or
//!   holds everything ([`Settings::stop_on_headers`]).
//! - Pause in the body accumulates; callbacks get the whole size; Continue releases all of it.
//! - Headers can be touched in their callback, while its Pause holds, and (read) in `on_log`.
//! - Over the buffer limit: 413 for requests; 500 or a cut connection for responses.
//! - Local replies pass the response callbacks, unless a response is already there.
//! - Calls belong to the root context and outlive their exchange.
//! - A fault answers 503, and leaves other held exchanges hanging.
//!
//! What is stricter: header maps are gone as soon as they are released; a body buffer is only
//! there in its callback or while Pause holds it.

mod exchange;
mod flow;
mod proxy;
mod reply;
mod world;

pub use exchange::{Direction, Exchange, Sent, Violation};
pub use proxy::{Proxy, StartError};
pub use world::{ExchangeId, ForeignFunction, LogLine, PendingCall, World};

use crate::abi::LogLevel;
use crate::shared;
use std::collections::BTreeMap;
use std::time::Duration;

/// How the proxy is set up.
pub struct Settings {
    /// Envoy's `allow_on_headers_stop_iteration`: Pause in headers holds the headers only.
    pub stop_on_headers: bool,
    /// The most a paused request may accumulate, in bytes.
    pub request_limit: usize,
    /// The most a paused response may accumulate, in bytes.
    pub response_limit: usize,
    /// Envoy's `FAIL_RELOAD`: after a fault the next exchange gets a new VM. Else every exchange
    /// is answered with 503 from then on.
    pub reload: bool,
    /// The clusters that calls can go to.
    pub clusters: Vec<String>,
    /// Properties of every exchange and of the roots; a path's segments have a NUL between them.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Functions of this proxy.
    pub foreign: BTreeMap<String, ForeignFunction>,
    /// The VM's configuration.
    pub vm_configuration: Vec<u8>,
    /// Scope of shared data and queues.
    pub vm_id: Vec<u8>,
    /// Shared data and queues. Proxies of one engine with clones of one store are workers of one
    /// process, except that an item wakes its consumer in the same worker only.
    pub shared: shared::Store,
    /// Least level that is kept.
    pub log_level: LogLevel,
    /// Time at the start, since the Unix epoch.
    pub now: Duration,
    /// Where the random bytes start; the same seed gives the same bytes.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            stop_on_headers: true,
            request_limit: MIB,
            response_limit: MIB,
            reload: false,
            clusters: Vec::new(),
            properties: BTreeMap::new(),
            foreign: BTreeMap::new(),
            vm_configuration: Vec::new(),
            vm_id: Vec::new(),
            shared: shared::Store::default(),
            log_level: LogLevel::Trace,
            now: Duration::from_secs(1_795_507_200),
            seed: 0,
        }
    }
}
