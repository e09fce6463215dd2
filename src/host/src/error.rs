//! What can go wrong: loading a module, and running it.

use crate::abi::ContextId;
use std::fmt;

/// A module cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The limits are not ones the engine can work with.
    Engine(String),
    /// The bytes are not a valid WebAssembly module.
    Compile(String),
    /// Compiled code does not fit this engine: made by another version, on another kind of
    /// machine, or with other [`Limits`](crate::Limits).
    Incompatible(String),
    /// The module imports functions that this host does not have, as `module.name`.
    MissingImports(Vec<String>),
    /// An import or export is there but is not what the ABI says.
    Abi(String),
    /// The module failed while it was being started.
    Start(Fault),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(why) => write!(f, "the engine's limits cannot be used: {why}"),
            Self::Compile(why) => write!(f, "not a valid WebAssembly module: {why}"),
            Self::Incompatible(why) => {
                write!(f, "the compiled code does not fit this engine, compile it again: {why}")
            }
            Self::MissingImports(names) => write!(
                f,
                "the module imports what this host does not provide: `{}`; build it for \
                 `wasm32-wasip1` against proxy-wasm ABI 0.2.1",
                names.join("`, `")
            ),
            Self::Abi(why) => write!(f, "not a proxy-wasm 0.2 module: {why}"),
            Self::Start(fault) => write!(f, "the module failed to start: {fault}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Why a VM died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A wasm trap: `unreachable` (a panic), out of bounds, division by zero...
    Trap,
    /// It ran longer than the deadline.
    Deadline,
    /// It wanted more memory or larger tables than the limits allow.
    Memory,
    /// Its call stack is exhausted.
    Stack,
    /// It called `proc_exit` with this code.
    Exit(u32),
}

/// The end of a VM: what happened and in which callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of end.
    pub cause: Cause,
    /// The export that was running, such as `proxy_on_request_headers`.
    pub callback: &'static str,
    /// The engine's own words, and the guest's innermost function when known.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cause, callback, detail } = self;
        match cause {
            Cause::Trap => write!(f, "`{callback}` trapped: {detail}"),
            Cause::Deadline => write!(f, "`{callback}` ran past its deadline: {detail}"),
            Cause::Memory => write!(f, "`{callback}` ran out of memory: {detail}"),
            Cause::Stack => write!(f, "`{callback}` ran out of stack: {detail}"),
            Cause::Exit(code) => write!(f, "`{callback}` called `proc_exit` with {code}"),
        }
    }
}

impl std::error::Error for Fault {}

/// A callback could not run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The VM died, in this call or in an earlier one. Make a new [`Vm`](crate::Vm).
    Fault(Fault),
    /// There is no such context in this VM.
    NoContext(ContextId),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::NoContext(id) => write!(f, "no context {id} in this VM"),
        }
    }
}

impl std::error::Error for CallError {}

impl From<Fault> for CallError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
