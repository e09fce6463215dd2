//! A host for proxy-wasm ABI 0.2.1 filters, as a library on wasmtime.
//!
//! It does no I/O of its own, starts no thread and reads no clock: an embedder (a proxy, a test)
//! calls the [`Vm`]'s callbacks, and provides what the guest asks for through [`Host`].
//!
//! ```text
//! Engine ── compile / load ──▶ Module ── link ──▶ Linked ── Vm::new ──▶ Vm ⇄ Host
//! ```
//!
//! The guest is not trusted. Every pointer it passes is checked, its memory, stack and time are
//! limited, what it can make the host keep is capped, and its end ends its [`Vm`] and nothing
//! else. [`drive`] is an embedder for tests, which behaves as Envoy does around one filter.

mod abi;
pub mod drive;
mod engine;
mod error;
mod exports;
mod guest;
mod headers;
mod host;
mod imports;
pub mod metrics;
pub mod shared;
mod state;
mod vm;

pub use abi::{Action, BufferType, ContextId, LogLevel, MapType, MetricType, Status, StreamType};
pub use engine::{Deadline, Engine, Limits, Linked, Module, Precompiled};
pub use error::{CallError, Cause, Fault, LoadError};
pub use headers::HeaderMap;
pub use host::{CallResponse, Host, HttpCall, LocalResponse, Shared};
pub use vm::Vm;
