//! The proxy: what a test calls.

use super::exchange::{Direction, Exchange, Part, Violation};
use super::world::{ExchangeId, LogLine, PendingCall, World};
use super::{Settings, reply};
use crate::abi::ContextId;
use crate::engine::Linked;
use crate::error::{CallError, Fault, LoadError};
use crate::headers::HeaderMap;
use crate::host::CallResponse;
use crate::metrics;
use crate::vm::Vm;
use std::fmt;
use std::time::Duration;

/// Why a proxy does not start: what Envoy refuses a configuration for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The module cannot be instantiated.
    Load(LoadError),
    /// The guest failed in a start-up callback.
    Fault(Fault),
    /// The guest refuses its configuration; what it has logged says why.
    Refused(Vec<LogLine>),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::Refused(log) => {
                write!(f, "the filter refuses its configuration")?;
                log.iter().try_for_each(|line| write!(f, "\n{}", line.text))
            }
        }
    }
}

impl std::error::Error for StartError {}

impl From<CallError> for StartError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Fault(fault) => Self::Fault(fault),
            CallError::NoContext(_) => Self::Load(LoadError::Abi(error.to_string())),
        }
    }
}

/// One worker of a proxy with one filter.
///
/// Parts that arrive out of order, after the end of their direction, or for an exchange that is
/// over, are dropped: a proxy's codecs do not let them through either.
pub struct Proxy {
    linked: Linked<World>,
    pub(super) vm: Vm<World>,
    pub(super) root: ContextId,
    /// Roots that have been replaced and still have exchanges.
    pub(super) old_roots: Vec<ContextId>,
    configuration: Vec<u8>,
    last: u64,
    /// What stands for an exchange that is not here any more.
    taken: Exchange,
}

impl Proxy {
    /// Starts a VM and configures the filter.
    ///
    /// # Errors
    /// When the module cannot be started, or does not take its configuration.
    pub fn start(
        linked: &Linked<World>,
        settings: Settings,
        configuration: &[u8],
    ) -> Result<Self, StartError> {
        let linked = linked.clone();
        let mut vm = Vm::new(&linked, World::new(settings)).map_err(StartError::Load)?;
        let root = new_root(&mut vm, configuration)?;
        let mut proxy = Self {
            linked,
            vm,
            root,
            old_roots: Vec::new(),
            configuration: configuration.to_vec(),
            last: 0,
            taken: Exchange::default(),
        };
        proxy.settle();
        Ok(proxy)
    }

    /// Gives new exchanges another configuration, as Envoy does on an update. Open exchanges keep
    /// theirs, and the old root ends with the last of them.
    ///
    /// # Errors
    /// When the filter does not take it; the old configuration then stays.
    pub fn reconfigure(&mut self, configuration: &[u8]) -> Result<(), StartError> {
        let root = new_root(&mut self.vm, configuration)?;
        let old = std::mem::replace(&mut self.root, root);
        self.configuration = configuration.to_vec();
        self.settle();
        self.retire(old);
        Ok(())
    }

    /// Opens an exchange. After a fault it gets a new VM, or is answered with 503, as
    /// [`Settings::reload`] says.
    ///
    /// # Errors
    /// When a new VM is needed and cannot be started. What the proxy knew is then lost.
    pub fn open(&mut self) -> Result<ExchangeId, StartError> {
        if self.vm.fault().is_some() && self.world().settings.reload {
            self.reload()?;
        }
        self.last = self.last.saturating_add(1);
        let id = ExchangeId(self.last);
        let cx = self.vm.create_stream(self.root).ok();
        let world = self.world_mut();
        world.exchanges.insert(id, Exchange { cx, ..Exchange::default() });
        world.contexts.extend(cx.map(|cx| (cx, id)));
        self.settle();
        Ok(id)
    }

    fn reload(&mut self) -> Result<(), StartError> {
        // The world outlives its VM: a stand-in takes its place while the next is made.
        let mut world = std::mem::replace(self.world_mut(), World::new(Settings::default()));
        world.lose_vm();
        self.old_roots.clear();
        self.vm = Vm::new(&self.linked, world).map_err(StartError::Load)?;
        self.root = new_root(&mut self.vm, &self.configuration)?;
        self.settle();
        Ok(())
    }

    /// The client's headers.
    pub fn request_headers(&mut self, id: ExchangeId, headers: HeaderMap, end: bool) {
        self.feed(id, Direction::Request, Part::Headers(headers, end));
    }

    /// A piece of the client's body. In HTTP/1 the end comes as an empty last piece.
    pub fn request_body(&mut self, id: ExchangeId, bytes: &[u8], end: bool) {
        self.feed(id, Direction::Request, Part::Body(bytes.to_vec(), end));
    }

    /// The client's trailers, which end the request.
    pub fn request_trailers(&mut self, id: ExchangeId, trailers: HeaderMap) {
        self.feed(id, Direction::Request, Part::Trailers(trailers));
    }

    /// The upstream's headers.
    pub fn response_headers(&mut self, id: ExchangeId, headers: HeaderMap, end: bool) {
        self.feed(id, Direction::Response, Part::Headers(headers, end));
    }

    /// A piece of the upstream's body.
    pub fn response_body(&mut self, id: ExchangeId, bytes: &[u8], end: bool) {
        self.feed(id, Direction::Response, Part::Body(bytes.to_vec(), end));
    }

    /// The upstream's trailers, which end the response.
    pub fn response_trailers(&mut self, id: ExchangeId, trailers: HeaderMap) {
        self.feed(id, Direction::Response, Part::Trailers(trailers));
    }

    /// The client is gone.
    pub fn disconnect(&mut self, id: ExchangeId) {
        self.finish(id);
        self.settle();
    }

    /// The calls that wait for an answer, oldest first.
    pub fn calls(&self) -> &[PendingCall] {
        &self.world().calls
    }

    /// Answers a call. `false` when nobody waits for it.
    pub fn answer(&mut self, token: u32, response: CallResponse) -> bool {
        let calls = &mut self.world_mut().calls;
        let Some(at) = calls.iter().position(|call| call.token == token) else { return false };
        calls.remove(at);
        let delivered = self.vm.call_response(token, response);
        self.settle();
        delivered.unwrap_or(false)
    }

    /// What Envoy gives for a call that timed out.
    pub fn timed_out() -> CallResponse {
        own_response("504", "upstream request timeout")
    }

    /// What Envoy gives for a call whose connection was refused or cut.
    pub fn refused() -> CallResponse {
        own_response("503", "upstream connect error or disconnect/reset before headers")
    }

    /// Moves the clock, with the timers and the timeouts of calls that fall due on the way.
    pub fn advance(&mut self, by: Duration) {
        let end = self.world().now.saturating_add(by);
        loop {
            let world = self.world_mut();
            let tick = world.ticks.iter().map(|(root, (_, at))| (*at, *root)).min();
            let call = world.calls.iter().map(|call| (call.due, call.token)).min();
            let tick = tick.filter(|(at, _)| *at <= end);
            match (tick, call.filter(|(at, _)| *at <= end)) {
                (Some((at, root)), due) if due.is_none_or(|(then, _)| at <= then) => {
                    world.now = world.now.max(at);
                    if let Some((period, next)) = world.ticks.get_mut(&root) {
                        *next = at.saturating_add(*period);
                    }
                    // A dead VM has no timers; its fault is there to be seen.
                    if self.vm.tick(root).is_err() {
                        self.world_mut().ticks.remove(&root);
                    }
                    self.settle();
                }
                (_, Some((at, token))) => {
                    world.now = world.now.max(at);
                    self.answer(token, Self::timed_out());
                }
                (_, None) => break,
            }
        }
        self.world_mut().now = end;
    }

    /// Time since the Unix epoch, on the proxy's clock.
    pub fn now(&self) -> Duration {
        self.world().now
    }

    /// An exchange; the one of an id that was [taken](Self::take) is empty.
    pub fn exchange(&self, id: ExchangeId) -> &Exchange {
        self.world().exchanges.get(&id).unwrap_or(&self.taken)
    }

    /// Takes an exchange that is over out of the proxy, for runs of very many.
    pub fn take(&mut self, id: ExchangeId) -> Option<Exchange> {
        self.world_mut().exchanges.get(&id).filter(|exchange| exchange.over)?;
        self.world_mut().exchanges.remove(&id)
    }

    /// Gives an exchange a property, as native filters in front of this one do. A path's segments
    /// have a NUL between them.
    pub fn set_property(&mut self, id: ExchangeId, path: &[u8], value: &[u8]) {
        if let Some(exchange) = self.world_mut().exchanges.get_mut(&id) {
            exchange.properties.insert(path.to_vec(), value.to_vec());
        }
    }

    /// Whether an exchange is held with nothing left that could ever resume it: the client has
    /// sent everything, no call waits for an answer, and no timer runs.
    pub fn is_stuck(&self, id: ExchangeId) -> bool {
        let world = self.world();
        let dead = self.vm.fault().is_some();
        let nothing_due = dead || (world.calls.is_empty() && world.ticks.is_empty());
        let exchange = self.exchange(id);
        let held = |d| {
            exchange.is_paused(d) && (exchange.half(d).ended || dead || exchange.half(d).stopped)
        };
        nothing_due && !exchange.over && (held(Direction::Request) || held(Direction::Response))
    }

    /// What the filter did that it must not do, with the exchange it was about.
    pub fn violations(&self) -> &[(Option<ExchangeId>, Violation)] {
        &self.world().violations
    }

    /// What the filter has logged since the last time.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.world_mut().log)
    }

    /// The filter's metrics.
    pub fn metrics(&self) -> &metrics::Registry {
        &self.world().metrics
    }

    /// Why the VM is dead, when it is.
    pub const fn fault(&self) -> Option<&Fault> {
        self.vm.fault()
    }

    pub(super) fn world(&self) -> &World {
        self.vm.host()
    }

    pub(super) fn world_mut(&mut self) -> &mut World {
        self.vm.host_mut()
    }
}

/// A root context that has started and taken its configuration.
fn new_root(vm: &mut Vm<World>, configuration: &[u8]) -> Result<ContextId, StartError> {
    let root = vm.create_root()?;
    let vm_configuration = vm.host().settings.vm_configuration.clone();
    if vm.vm_start(root, &vm_configuration)? && vm.configure(root, configuration)? {
        return Ok(root);
    }
    vm.host_mut().ticks.remove(&root);
    vm.delete(root)?;
    Err(StartError::Refused(vm.host().log.clone()))
}

fn own_response(status: &str, body: &str) -> CallResponse {
    let (mut headers, body) = reply::render(&reply::own(0, "", body), false);
    headers.set(":status", status);
    CallResponse { headers, body, trailers: HeaderMap::new() }
}
