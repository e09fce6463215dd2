//! Compiling modules, and the limits that code of theirs runs under.

use crate::abi::ContextId;
use crate::error::LoadError;
use crate::host::Host;
use crate::imports;
use crate::state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How long one entry into the guest may run. `start` covers instantiation, `_initialize`,
/// `proxy_on_vm_start` and `proxy_on_configure`; `callback` covers everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Counted in calls of [`Engine::advance_epoch`], which the embedder makes at a steady pace.
    /// Cheap, for serving; between `n - 1` and `n` intervals.
    Epoch {
        /// Intervals for a start-up call.
        start: u64,
        /// Intervals for any other callback.
        callback: u64,
    },
    /// Counted in wasm instructions: the same on every run, for tests.
    Fuel {
        /// Units for a start-up call.
        start: u64,
        /// Units for any other callback.
        callback: u64,
    },
}

/// What one VM may take. All of it is enforced by the engine, whatever the guest does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Elements in one table (functions that can be called indirectly).
    pub table_elements: usize,
    /// Native stack for wasm frames, in bytes; well under the stack of the calling thread.
    pub stack_bytes: usize,
    /// The most that the guest can make the host keep in one body buffer or header map, in bytes.
    pub host_bytes: usize,
    /// HTTP calls without an answer, at most. Envoy's default circuit breaker is the same.
    pub pending_calls: usize,
    /// Time, as fuel or epochs.
    pub deadline: Deadline,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 * 1024 * 1024,
            table_elements: 100_000,
            stack_bytes: 512 * 1024,
            host_bytes: 64 * 1024 * 1024,
            pending_calls: 1024,
            deadline: Deadline::Epoch { start: 500, callback: 5 },
        }
    }
}

/// Numbers that must differ between all VMs of an engine.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    contexts: AtomicU32,
    calls: AtomicU32,
}

impl Ids {
    /// A context id that `taken` does not know. Zero is the VM's own.
    pub(crate) fn context(&self, taken: impl Fn(ContextId) -> bool) -> ContextId {
        next(&self.contexts, |id| taken(ContextId(id))).into()
    }

    /// A call token that `taken` does not know.
    pub(crate) fn call(&self, taken: impl Fn(u32) -> bool) -> u32 {
        next(&self.calls, taken)
    }
}

impl From<u32> for ContextId {
    fn from(id: u32) -> Self {
        Self(id)
    }
}

/// The counters wrap after 2^32; a number still in use is then passed over.
fn next(counter: &AtomicU32, taken: impl Fn(u32) -> bool) -> u32 {
    loop {
        let id = counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if id != 0 && !taken(id) {
            return id;
        }
    }
}

/// A compiler and runtime with fixed [`Limits`]. Cheap to clone; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    limits: Arc<Limits>,
    ids: Arc<Ids>,
}

impl Engine {
    /// An engine that enforces `limits`.
    ///
    /// No signal handler is installed: bounds are checked by compiled code, so that a fault of
    /// the embedding process stays the process's own.
    ///
    /// # Errors
    /// [`LoadError::Engine`] when the limits contradict each other or the machine.
    pub fn new(limits: Limits) -> Result<Self, LoadError> {
        let mut config = wasmtime::Config::new();
        config.signals_based_traps(false);
        config.max_wasm_stack(limits.stack_bytes);
        // One reservation of the final size: memory never moves, and 4 GiB are not asked for.
        config.memory_reservation(u64::try_from(limits.memory_bytes).unwrap_or(u64::MAX));
        config.memory_guard_size(0);
        match limits.deadline {
            Deadline::Epoch { .. } => config.epoch_interruption(true),
            Deadline::Fuel { .. } => config.consume_fuel(true),
        };
        let inner = wasmtime::Engine::new(&config).map_err(|e| LoadError::Engine(words(&e)))?;
        Ok(Self { inner, limits: Arc::new(limits), ids: Arc::default() })
    }

    /// The limits that it enforces.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts one interval of [`Deadline::Epoch`]. May be called from any thread.
    pub fn advance_epoch(&self) {
        self.inner.increment_epoch();
    }

    /// Compiles a module.
    ///
    /// # Errors
    /// [`LoadError::Compile`] when `wasm` is not a valid module.
    pub fn compile(&self, wasm: &[u8]) -> Result<Module, LoadError> {
        let inner = wasmtime::Module::from_binary(&self.inner, wasm)
            .map_err(|e| LoadError::Compile(words(&e)))?;
        Ok(Module { inner, engine: self.clone() })
    }

    /// Compiles a module to machine code, for [`Engine::load`] in another process of the same
    /// program (compile once in a server's master process, load in each worker).
    ///
    /// # Errors
    /// [`LoadError::Compile`] when `wasm` is not a valid module.
    pub fn precompile(&self, wasm: &[u8]) -> Result<Precompiled, LoadError> {
        self.inner
            .precompile_module(wasm)
            .map(Precompiled)
            .map_err(|e| LoadError::Compile(words(&e)))
    }

    /// Loads machine code made by [`Engine::precompile`] of an engine with the same limits.
    ///
    /// # Errors
    /// [`LoadError::Incompatible`] when the code was made for other limits.
    pub fn load(&self, code: &Precompiled) -> Result<Module, LoadError> {
        #[expect(
            unsafe_code,
            reason = "`Precompiled` can only hold what `precompile` wrote: trusted machine code"
        )]
        // SAFETY: the bytes come unchanged from `Engine::precompile_module` of this wasmtime.
        let module = unsafe { wasmtime::Module::deserialize(&self.inner, &code.0) };
        let inner = module.map_err(|e| LoadError::Incompatible(words(&e)))?;
        Ok(Module { inner, engine: self.clone() })
    }

    pub(crate) const fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    pub(crate) const fn shared_limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    pub(crate) fn ids(&self) -> Arc<Ids> {
        Arc::clone(&self.ids)
    }
}

/// Machine code of one module, only to be made by [`Engine::precompile`].
#[derive(Clone)]
pub struct Precompiled(Vec<u8>);

impl Precompiled {
    /// Size of the code, in bytes.
    pub fn byte_size(&self) -> usize {
        self.0.len()
    }
}

/// A compiled module.
#[derive(Clone)]
pub struct Module {
    inner: wasmtime::Module,
    engine: Engine,
}

impl Module {
    /// What it imports, as `module.name`, in the module's order.
    pub fn imports(&self) -> impl Iterator<Item = String> {
        self.inner.imports().map(|i| format!("{}.{}", i.module(), i.name()))
    }

    /// The names of what it exports.
    pub fn exports(&self) -> impl Iterator<Item = &str> {
        self.inner.exports().map(|e| e.name())
    }

    /// Connects the imports to this host's functions. What is returned makes VMs quickly.
    ///
    /// # Errors
    /// [`LoadError::MissingImports`] with every import this host does not have;
    /// [`LoadError::Abi`] when an import has another type than the ABI's, or the module does not
    /// say that it speaks ABI 0.2.
    pub fn link<H: Host>(&self) -> Result<Linked<H>, LoadError> {
        const VERSIONS: [&str; 2] = ["proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0"];
        if !self.exports().any(|name| VERSIONS.contains(&name)) {
            return Err(LoadError::Abi(format!("it does not export `{}`", VERSIONS[0])));
        }
        let pre = imports::link(&self.engine, &self.inner)?;
        Ok(Linked { pre, engine: self.engine.clone() })
    }
}

/// A module connected to this host's functions, from which VMs are made.
pub struct Linked<H: Host> {
    pre: wasmtime::InstancePre<State<H>>,
    engine: Engine,
}

impl<H: Host> Linked<H> {
    pub(crate) const fn pre(&self) -> &wasmtime::InstancePre<State<H>> {
        &self.pre
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl<H: Host> Clone for Linked<H> {
    fn clone(&self) -> Self {
        Self { pre: self.pre.clone(), engine: self.engine.clone() }
    }
}

/// An engine error with its causes, on one line.
pub(crate) fn words(error: &wasmtime::Error) -> String {
    format!("{error:#}").replace('\n', " ")
}
