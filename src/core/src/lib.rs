//! Decisions of Scopewarden, free of I/O.
//!
//! ```text
//! bytes ─► http ─► operation ─► identity ─► body ─► decide ─► approval ─► exchange ─► effects ─► audit
//!                     ▲            ▲                  ▲          ▲
//!                     └────────── policy (compiled once, immutable) ┘
//! ```
//!
//! Nothing here reads a clock, a file, a socket or a random number: time is an argument
//! ([`time::UnixMillis`]), and everything that must happen outside is returned as a value.
#![forbid(unsafe_code)]

#[cfg(all(test, target_family = "wasm", target_os = "unknown"))]
#[macro_use(test)]
extern crate wasm_test;

pub mod approval;
pub mod audit;
pub mod body;
pub mod decide;
pub mod diag;
mod digest;
pub mod exchange;
pub mod hex;
pub mod http;
pub mod identity;
pub mod limits;
pub mod node;
pub mod operation;
pub mod policy;
pub mod reason;
pub mod redact;
pub mod refusal;
pub mod time;
