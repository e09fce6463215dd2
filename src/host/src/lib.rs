//! A host for proxy-wasm ABI 0.2.1 filters, as a library on wasmtime.
//!
//! It does no I/O of its own, starts no thread and reads no clock: an embedder (a proxy, a test)
//! calls the [`Vm`]'s callbacks, and provides what the guest asks for through [`Host`].
//!
//! ```text
//! Engine ── compile / load ──▶ Module ── link ──▶ Linked ── Vm::new ──▶ Vm ⇄ Host
//! ```
//!
//! ```
//! use scopewarden_host::{Action, ContextId, Engine, Host, Limits, LogLevel, Status, Vm};
//! use std::time::Duration;
//!
//! struct Embedder;
//!
//! impl Host for Embedder {
//!     fn log(&mut self, _: ContextId, level: LogLevel, message: &[u8]) {
//!         eprintln!("{level:?} {}", message.escape_ascii());
//!     }
//!     fn wall_clock(&mut self) -> Duration {
//!         Duration::from_secs(1_795_507_200)
//!     }
//!     fn monotonic_clock(&mut self) -> Duration {
//!         Duration::ZERO
//!     }
//!     fn random(&mut self, _: &mut [u8]) -> Result<(), Status> {
//!         Err(Status::InternalFailure)
//!     }
//! }
//!
//! # let wasm = wat::parse_str(r#"(module
//! #     (memory (export "memory") 1)
//! #     (func (export "proxy_abi_version_0_2_1"))
//! #     (func (export "malloc") (param i32) (result i32) (i32.const 8))
//! #     (func (export "proxy_on_context_create") (param i32 i32)))"#)?;
//! let engine = Engine::new(Limits::default())?;
//! let linked = engine.compile(&wasm)?.link()?;
//! let mut vm = Vm::new(&linked, Embedder)?;
//! let root = vm.create_root()?;
//! assert!(vm.vm_start(root, b"")? && vm.configure(root, b"the plugin's configuration")?);
//! let exchange = vm.create_stream(root)?;
//! let fields = 3;
//! assert_eq!(vm.request_headers(exchange, fields, true)?, Action::Continue);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The guest is not trusted. Every pointer it passes is checked, its memory, stack and time are
//! limited, what it can make the host keep is capped, and its end ends its [`Vm`] and nothing
//! else. [`drive`] is an embedder for tests, which behaves as Envoy does around one filter.
//!
//! It is a host for HTTP filters: TCP callbacks are not made, and gRPC calls are refused with a
//! status that every SDK knows.

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
