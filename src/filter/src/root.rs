//! The root context: one configuration in one VM.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use scopewarden_core::approval::{Gate as _, Holds};
use scopewarden_core::diag::Severity;
use scopewarden_core::identity::{
    FetchOutcome, Issuer, KeyRing, KeySource, RemoteKeys, TokenCache,
};
use scopewarden_core::limits;
use scopewarden_core::node::Node;
use scopewarden_core::policy::Policy;
use scopewarden_core::time::UnixMicros;

use crate::audit::{self, Recorder};
use crate::call::{self, Response};
use crate::gate::HostGate;
use crate::host::{self, Buffer, Level};
use crate::metrics::Metrics;
use crate::signatures::HostVerifier;
use crate::stream::{Stream, StreamContext};

/// How often keys and records are looked after, in milliseconds.
const TICK_MS: u32 = 200;

/// What the streams of one configuration share.
pub(crate) struct Shared {
    /// The root's own.
    pub(crate) context_id: u32,
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) recorder: Recorder,
    pub(crate) keys: KeyRing,
    pub(crate) tokens: TokenCache,
    pub(crate) signatures: HostVerifier,
    pub(crate) metrics: Metrics,
    /// Streams held for keys, by context id.
    pub(crate) waiting: BTreeMap<u32, Rc<RefCell<Stream>>>,
    /// Key fetches under way: call token to issuer.
    fetches: BTreeMap<u32, usize>,
    /// Questions under way: call token to the stream that asks.
    pub(crate) asks: BTreeMap<u32, Rc<RefCell<Stream>>>,
    pub(crate) holds: Holds,
    /// Tells this VM's records from all others.
    instance: u64,
    records: u64,
}

impl Shared {
    /// Takes the outcome of a fetch, and says in the log what is worth knowing.
    fn fetched(&mut self, issuer: usize, outcome: FetchOutcome<'_>) {
        let name = self.policy.as_ref().and_then(|p| p.identity.issuers.get(issuer));
        let name = name.map_or_else(String::new, |issuer| issuer.issuer.clone());
        match self.keys.fetched(issuer, now().millis(), outcome) {
            Ok(fetched) => {
                self.metrics.count("scopewarden_key_fetches.outcome.ok");
                if fetched.changed {
                    host::log(
                        Level::Info,
                        &format!("issuer `{name}`: {} usable keys", fetched.usable),
                    );
                    for key in fetched.dropped {
                        host::log(
                            Level::Warn,
                            &format!("issuer `{name}`: key {} is not used: {}", key.key, key.why),
                        );
                    }
                }
            }
            Err(why) => {
                self.metrics.count("scopewarden_key_fetches.outcome.failed");
                host::log(
                    Level::Warn,
                    &format!("issuer `{name}`: its keys could not be fetched: {why}"),
                );
            }
        }
    }

    /// A record id that no other exchange has.
    pub(crate) fn next_record(&mut self) -> String {
        self.records = self.records.wrapping_add(1);
        format!("{:016x}-{:x}", self.instance, self.records)
    }
}

/// The root context.
pub(crate) struct Root {
    context_id: u32,
    shared: Rc<RefCell<Shared>>,
}

impl Root {
    pub(crate) fn new(context_id: u32) -> Self {
        let shared = Shared {
            context_id,
            policy: None,
            recorder: Recorder::default(),
            keys: KeyRing::new(&[]),
            tokens: TokenCache::default(),
            signatures: HostVerifier::default(),
            metrics: Metrics::default(),
            waiting: BTreeMap::new(),
            fetches: BTreeMap::new(),
            asks: BTreeMap::new(),
            holds: Holds::default(),
            // Ids need not be secret, only different; a host without randomness starts at zero.
            instance: host::random().map_or(0, u64::from_le_bytes),
            records: 0,
        };
        Self { context_id, shared: Rc::new(RefCell::new(shared)) }
    }

    fn configure(&self, size: usize) -> Result<(), Vec<String>> {
        let bytes = host::buffer(Buffer::PluginConfiguration, size).map_err(|status| {
            vec![format!("the configuration cannot be read (status {status})")]
        })?;
        let document = Node::from_config(&bytes)
            .map_err(|why| vec![format!("the policy cannot be read: {why}")])?;
        let (policy, warnings) = Policy::compile(&document)
            .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        for warning in warnings.iter().filter(|d| d.severity == Severity::Warning) {
            host::log(Level::Warn, &warning.to_string());
        }
        host::log(
            Level::Info,
            &format!(
                "scopewarden {}: policy `{}` ({}), {} operations, mode {}",
                env!("CARGO_PKG_VERSION"),
                policy.name,
                policy.hash,
                policy.operations.len(),
                policy.mode.as_str()
            ),
        );
        let shared = &mut *self.shared.borrow_mut();
        shared.keys = KeyRing::new(&policy.identity.issuers);
        if policy.approvals.is_some() {
            HostGate.enter(&policy);
        }
        shared.recorder = Recorder::new(&policy).map_err(|why| vec![why])?;
        shared.policy = Some(Arc::new(policy));
        Ok(())
    }

    /// Starts the key fetches that are due.
    fn fetch_keys(&self) {
        let mut failed = false;
        let mut guard = self.shared.borrow_mut();
        let shared = &mut *guard;
        for fetch in shared.keys.due(now().millis()) {
            match start(&fetch.source) {
                Ok(token) => {
                    shared.fetches.insert(token, fetch.issuer);
                }
                Err(why) => {
                    shared.fetched(fetch.issuer, FetchOutcome::Failed(&why));
                    failed = true;
                }
            }
        }
        drop(guard);
        if failed {
            self.wake();
        }
    }

    /// Steps the streams that were held for keys. Those that wait for another issuer's go on waiting.
    fn wake(&self) {
        let waiting = std::mem::take(&mut self.shared.borrow_mut().waiting);
        for (context, stream) in waiting {
            // A stream that is gone has taken itself off the list; a host that cannot switch leaves it held, and refused by its own timeout.
            if host::set_effective_context(context).is_ok()
                && crate::stream::keys_changed(&stream, &self.shared)
            {
                self.shared.borrow_mut().waiting.insert(context, stream);
            }
        }
        let _ = host::set_effective_context(self.context_id);
    }
}

/// The host's clock.
pub(crate) fn now() -> UnixMicros {
    UnixMicros(host::now_micros())
}

impl Root {
    /// Whether one of this root's calls, or of its streams', has this token.
    pub(crate) fn called(&self, token: u32) -> bool {
        let shared = self.shared.borrow();
        shared.fetches.contains_key(&token)
            || shared.asks.contains_key(&token)
            || shared.recorder.called(token)
    }

    /// Keys, or the answer of the approval service or of the sink of records.
    pub(crate) fn on_call_response(&self, token: u32, headers: usize, body_size: usize) {
        let _ = host::set_effective_context(self.context_id);
        if self.shared.borrow().recorder.called(token) {
            audit::answered(&self.shared, headers, body_size);
            audit::finish(&self.shared);
            return;
        }
        let issuer = self.shared.borrow_mut().fetches.remove(&token);
        let Some(issuer) = issuer else {
            crate::stream::answered(&self.shared, token, headers, body_size);
            let _ = host::set_effective_context(self.context_id);
            return;
        };
        let response = Response::read(headers, body_size, limits::MAX_JWKS_BYTES);
        let outcome = match &response {
            Some(response) => {
                FetchOutcome::Response { status: response.status, body: &response.body }
            }
            None => FetchOutcome::Failed("no answer"),
        };
        self.shared.borrow_mut().fetched(issuer, outcome);
        self.wake();
    }

    /// Reads the configuration; tells whether it is accepted.
    pub(crate) fn on_configure(&self, size: usize) -> bool {
        match self.configure(size) {
            Ok(()) => {
                let policy = self.shared.borrow().policy.clone();
                let ticks = policy.is_some_and(|p| {
                    let remote = |i: &Issuer| matches!(i.keys, KeySource::Remote(_));
                    p.audit.is_some() || p.identity.issuers.iter().any(remote)
                });
                if ticks && host::set_tick_period(TICK_MS).is_err() {
                    host::log(
                        Level::Error,
                        "this host has no timer, so keys cannot be fetched, nor records sent",
                    );
                    return false;
                }
                true
            }
            Err(problems) => {
                for problem in problems {
                    host::log(Level::Error, &problem);
                }
                false
            }
        }
    }

    /// Fetches the keys that are due, and sends the records that wait.
    pub(crate) fn on_tick(&self) {
        self.fetch_keys();
        audit::tick(&self.shared);
    }

    /// The configuration has been replaced: whether it can be let go at once.
    pub(crate) fn on_done(&self) -> bool {
        !audit::end(&self.shared)
    }

    /// The context of a new exchange.
    pub(crate) fn stream(&self, context_id: u32) -> StreamContext {
        StreamContext::new(context_id, Rc::clone(&self.shared))
    }
}

/// Calls the issuer's cluster; returns the call's token.
fn start(source: &RemoteKeys) -> Result<u32, String> {
    let headers = [
        (":method", "GET"),
        (":scheme", source.scheme.as_str()),
        (":authority", source.authority.as_str()),
        (":path", source.path.as_str()),
        ("accept", "application/json"),
    ];
    call::dispatch(&source.cluster, &headers, None, source.timeout_ms)
}
