//! One instance of a module, and the callbacks into it.

use crate::abi::{Action, BufferType, ContextId};
use crate::engine::{Deadline, Linked};
use crate::error::{CallError, Cause, Fault, LoadError};
use crate::exports::Exports;
use crate::host::{CallResponse, Host};
use crate::imports::wasi::Exit;
use crate::state::{OverLimit, State};
use std::sync::Arc;
use wasmtime::{Store, Trap, WasmBacktrace};

/// A running instance of a module with its embedder.
///
/// A fault (trap, deadline, limit, exit) ends it: every later call answers with the same
/// [`Fault`], and exchanges in it are the embedder's to refuse. Nothing of it is reused.
pub struct Vm<H: Host> {
    store: Store<State<H>>,
    exports: Exports,
    deadline: Deadline,
    dead: Option<Fault>,
}

/// How long an entry may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    Callback,
}

impl<H: Host> Vm<H> {
    /// Makes an instance and runs its `_initialize` (or `_start`).
    ///
    /// # Errors
    /// [`LoadError::Start`] when the guest fails in it, [`LoadError::Abi`] when it does not export
    /// what the ABI wants.
    pub fn new(linked: &Linked<H>, host: H) -> Result<Self, LoadError> {
        let engine = linked.engine();
        let limits = engine.shared_limits();
        let deadline = limits.deadline;
        let state = State::new(host, Arc::clone(limits), engine.ids());
        let mut store = Store::new(engine.inner(), state);
        store.limiter(|state| &mut state.caps);
        allow(&mut store, deadline, Kind::Start);
        let instance = linked
            .pre()
            .instantiate(&mut store)
            .map_err(|e| LoadError::Start(fault("instantiation", &e)))?;
        let exports = Exports::find(&mut store, &instance)?;
        let mut vm = Self { store, exports, deadline, dead: None };
        let state = vm.store.data_mut();
        state.memory = Some(vm.exports.memory);
        state.allocate = Some(vm.exports.allocate.clone());
        if let Some((name, initialize)) = vm.exports.initialize.clone() {
            vm.enter(name, ContextId::VM, Kind::Start, |store| initialize.call(store, ()))
                .map_err(|error| match error {
                    CallError::Fault(fault) => LoadError::Start(fault),
                    CallError::NoContext(_) => LoadError::Abi(error.to_string()),
                })?;
        }
        Ok(vm)
    }

    /// The embedder.
    pub fn host(&self) -> &H {
        &self.store.data().host
    }

    /// The embedder.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    /// Takes the embedder back, for the next VM.
    pub fn into_host(self) -> H {
        self.store.into_data().host
    }

    /// Why the VM is dead, when it is.
    pub const fn fault(&self) -> Option<&Fault> {
        self.dead.as_ref()
    }

    /// Whether there is such a context.
    pub fn has_context(&self, cx: ContextId) -> bool {
        self.store.data().contexts.contains_key(&cx)
    }

    /// How many live streams a root has.
    pub fn streams_of(&self, root: ContextId) -> usize {
        let contexts = self.store.data().contexts.iter();
        contexts.filter(|(cx, parent)| **parent == root && **cx != root).count()
    }

    /// The root context that owns a call without an answer.
    pub fn call_owner(&self, token: u32) -> Option<ContextId> {
        self.store.data().calls.get(&token).copied()
    }

    /// Makes a root context: one plugin configuration.
    ///
    /// # Errors
    /// When the VM dies or is dead, as for all that follow.
    pub fn create_root(&mut self) -> Result<ContextId, CallError> {
        self.create(None)
    }

    /// Makes the context of an exchange under `root`.
    ///
    /// # Errors
    /// [`CallError::NoContext`] when there is no such root.
    pub fn create_stream(&mut self, root: ContextId) -> Result<ContextId, CallError> {
        self.alive()?;
        if self.store.data().contexts.get(&root) != Some(&root) {
            return Err(CallError::NoContext(root));
        }
        self.create(Some(root))
    }

    fn create(&mut self, root: Option<ContextId>) -> Result<ContextId, CallError> {
        let state = self.store.data_mut();
        let id = state.ids.context(|id| state.contexts.contains_key(&id));
        state.contexts.insert(id, root.unwrap_or(id));
        let create = self.exports.context_create.clone();
        let parent = root.map_or(0, ContextId::get);
        self.enter("proxy_on_context_create", id, Kind::Callback, |store| {
            create.call(store, (id.get(), parent))
        })?;
        Ok(id)
    }

    /// Starts the VM with its configuration; `false` means that the guest refuses it.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn vm_start(&mut self, root: ContextId, configuration: &[u8]) -> Result<bool, CallError> {
        let size = length(configuration.len());
        self.store.data_mut().configuration =
            Some((BufferType::VmConfiguration, configuration.to_vec()));
        let export = self.exports.vm_start.clone();
        let answer = self.run("proxy_on_vm_start", root, Kind::Start, 1, |store| {
            export.map(|f| f.call(store, (root.get(), size))).transpose()
        });
        self.store.data_mut().configuration = None;
        Ok(answer? != 0)
    }

    /// Gives a root its plugin configuration; `false` means that the guest refuses it.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn configure(&mut self, root: ContextId, configuration: &[u8]) -> Result<bool, CallError> {
        let size = length(configuration.len());
        self.store.data_mut().configuration =
            Some((BufferType::PluginConfiguration, configuration.to_vec()));
        let export = self.exports.configure.clone();
        let answer = self.run("proxy_on_configure", root, Kind::Start, 1, |store| {
            export.map(|f| f.call(store, (root.get(), size))).transpose()
        });
        self.store.data_mut().configuration = None;
        Ok(answer? != 0)
    }

    /// Runs a root's timer callback.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn tick(&mut self, root: ContextId) -> Result<(), CallError> {
        let export = self.exports.tick.clone();
        self.run("proxy_on_tick", root, Kind::Callback, (), |store| {
            export.map(|f| f.call(store, root.get())).transpose()
        })
    }

    /// Tells a root that its queue has an item.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn queue_ready(&mut self, root: ContextId, queue: u32) -> Result<(), CallError> {
        let export = self.exports.queue_ready.clone();
        self.run("proxy_on_queue_ready", root, Kind::Callback, (), |store| {
            export.map(|f| f.call(store, (root.get(), queue))).transpose()
        })
    }

    /// Hands over the answer to an HTTP call. A token that is not waited for (its root is gone, or
    /// it belonged to another VM) is passed over: `false`.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn call_response(&mut self, token: u32, response: CallResponse) -> Result<bool, CallError> {
        self.alive()?;
        let Some(root) = self.store.data_mut().calls.remove(&token) else { return Ok(false) };
        if !self.has_context(root) {
            return Ok(false);
        }
        let (headers, trailers) = (length(response.headers.len()), length(response.trailers.len()));
        let body = length(response.body.len());
        self.store.data_mut().response = Some(response);
        let export = self.exports.call_response.clone();
        let result = self.run("proxy_on_http_call_response", root, Kind::Callback, (), |store| {
            export.map(|f| f.call(store, (root.get(), token, headers, body, trailers))).transpose()
        });
        self.store.data_mut().response = None;
        result.map(|()| true)
    }

    /// Request headers have arrived: `count` fields, and no body when `end_of_stream`.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn request_headers(
        &mut self,
        cx: ContextId,
        count: usize,
        end_of_stream: bool,
    ) -> Result<Action, CallError> {
        let export = self.exports.request_headers.clone();
        self.flow("proxy_on_request_headers", cx, |store| {
            export.map(|f| f.call(store, (cx.get(), length(count), end_of_stream.into())))
        })
    }

    /// Request body bytes: `size` are at hand.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn request_body(
        &mut self,
        cx: ContextId,
        size: usize,
        end_of_stream: bool,
    ) -> Result<Action, CallError> {
        let export = self.exports.request_body.clone();
        self.flow("proxy_on_request_body", cx, |store| {
            export.map(|f| f.call(store, (cx.get(), length(size), end_of_stream.into())))
        })
    }

    /// Request trailers, which end the request.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn request_trailers(&mut self, cx: ContextId, count: usize) -> Result<Action, CallError> {
        let export = self.exports.request_trailers.clone();
        self.flow("proxy_on_request_trailers", cx, |store| {
            export.map(|f| f.call(store, (cx.get(), length(count))))
        })
    }

    /// Response headers, of the upstream or of the proxy itself.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn response_headers(
        &mut self,
        cx: ContextId,
        count: usize,
        end_of_stream: bool,
    ) -> Result<Action, CallError> {
        let export = self.exports.response_headers.clone();
        self.flow("proxy_on_response_headers", cx, |store| {
            export.map(|f| f.call(store, (cx.get(), length(count), end_of_stream.into())))
        })
    }

    /// Response body bytes: `size` are at hand.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn response_body(
        &mut self,
        cx: ContextId,
        size: usize,
        end_of_stream: bool,
    ) -> Result<Action, CallError> {
        let export = self.exports.response_body.clone();
        self.flow("proxy_on_response_body", cx, |store| {
            export.map(|f| f.call(store, (cx.get(), length(size), end_of_stream.into())))
        })
    }

    /// Response trailers, which end the response.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn response_trailers(&mut self, cx: ContextId, count: usize) -> Result<Action, CallError> {
        let export = self.exports.response_trailers.clone();
        self.flow("proxy_on_response_trailers", cx, |store| {
            export.map(|f| f.call(store, (cx.get(), length(count))))
        })
    }

    /// The exchange is over, log it.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn log(&mut self, cx: ContextId) -> Result<(), CallError> {
        let export = self.exports.log.clone();
        self.run("proxy_on_log", cx, Kind::Callback, (), |store| {
            export.map(|f| f.call(store, cx.get())).transpose()
        })
    }

    /// Asks a context to end. `false`: it needs time, and [`Host::done`] will be called when it
    /// can be deleted.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn done(&mut self, cx: ContextId) -> Result<bool, CallError> {
        let export = self.exports.done.clone();
        // Registered before the call: the guest may say `proxy_done` inside of it.
        self.store.data_mut().leaving.insert(cx);
        let answer = self.run("proxy_on_done", cx, Kind::Callback, 1, |store| {
            export.map(|f| f.call(store, cx.get())).transpose()
        });
        let finished = !matches!(answer, Ok(0));
        if finished {
            self.store.data_mut().leaving.remove(&cx);
        }
        answer.map(|_| finished)
    }

    /// Deletes a context. Its id is not used again.
    ///
    /// # Errors
    /// As for [`create_stream`](Self::create_stream).
    pub fn delete(&mut self, cx: ContextId) -> Result<(), CallError> {
        let export = self.exports.delete.clone();
        let result = self.run("proxy_on_delete", cx, Kind::Callback, (), |store| {
            export.map(|f| f.call(store, cx.get())).transpose()
        });
        let state = self.store.data_mut();
        state.contexts.remove(&cx);
        state.leaving.remove(&cx);
        result
    }

    /// A callback that decides whether a direction goes on.
    fn flow(
        &mut self,
        name: &'static str,
        cx: ContextId,
        call: impl FnOnce(&mut Store<State<H>>) -> Option<wasmtime::Result<u32>>,
    ) -> Result<Action, CallError> {
        self.run(name, cx, Kind::Callback, 0, |store| call(store).transpose())
            .map(Action::from_code)
    }

    /// A callback on a context that must exist; `absent` when the guest does not export it.
    fn run<R>(
        &mut self,
        name: &'static str,
        cx: ContextId,
        kind: Kind,
        absent: R,
        call: impl FnOnce(&mut Store<State<H>>) -> wasmtime::Result<Option<R>>,
    ) -> Result<R, CallError> {
        self.known(cx)?;
        Ok(self.enter(name, cx, kind, call)?.unwrap_or(absent))
    }

    /// The only way into the guest.
    fn enter<R>(
        &mut self,
        name: &'static str,
        cx: ContextId,
        kind: Kind,
        call: impl FnOnce(&mut Store<State<H>>) -> wasmtime::Result<R>,
    ) -> Result<R, CallError> {
        self.alive()?;
        allow(&mut self.store, self.deadline, kind);
        self.store.data_mut().effective = cx;
        let result = call(&mut self.store);
        let state = self.store.data_mut();
        state.flush();
        state.effective = ContextId::VM;
        result.map_err(|error| {
            let fault = fault(name, &error);
            self.dead = Some(fault.clone());
            fault.into()
        })
    }

    fn alive(&self) -> Result<(), CallError> {
        self.dead.clone().map_or(Ok(()), |fault| Err(fault.into()))
    }

    fn known(&self, cx: ContextId) -> Result<(), CallError> {
        self.alive()?;
        if self.has_context(cx) { Ok(()) } else { Err(CallError::NoContext(cx)) }
    }
}

/// Sets the time of the next entry.
fn allow<H>(store: &mut Store<State<H>>, deadline: Deadline, kind: Kind) {
    match deadline {
        Deadline::Epoch { start, callback } => {
            store.set_epoch_deadline(if kind == Kind::Start { start } else { callback });
        }
        Deadline::Fuel { start, callback } => {
            let units = if kind == Kind::Start { start } else { callback };
            // Refused only by an engine without fuel, which `Engine::new` rules out; the store
            // then has none, and the guest ends at its first instruction.
            let _ = store.set_fuel(units);
        }
    }
}

/// Counts beyond 32 bits cannot come from a real exchange; the guest sees the largest number.
fn length(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Reads an engine error.
fn fault(callback: &'static str, error: &wasmtime::Error) -> Fault {
    let cause = if let Some(Exit(code)) = error.downcast_ref() {
        Cause::Exit(*code)
    } else if error.downcast_ref::<OverLimit>().is_some() {
        Cause::Memory
    } else {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt | Trap::OutOfFuel) => Cause::Deadline,
            Some(Trap::StackOverflow) => Cause::Stack,
            _ => Cause::Trap,
        }
    };
    let mut detail = error.root_cause().to_string();
    let innermost = error
        .downcast_ref::<WasmBacktrace>()
        .and_then(|trace| trace.frames().first())
        .and_then(|frame| frame.func_name());
    if let Some(function) = innermost {
        detail = format!("{detail}, in `{function}`");
    }
    Fault { cause, callback, detail }
}
