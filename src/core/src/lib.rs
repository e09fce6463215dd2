//! Decisions of Scopewarden, free of I/O.
//!
//! ```text
//! bytes ─► http ─► operation ─► identity ─► body ─► decide ─► exchange ─► effects
//!                     ▲            ▲                  ▲
//!                     └────────── policy (compiled once, immutable) ┘
//! ```
//!
//! Nothing here reads a clock, a file, a socket or a random number: time is an argument
//! ([`time::UnixMillis`]), and everything that must happen outside is returned as a value.
#![forbid(unsafe_code)]

pub mod diag;
pub mod http;
pub mod identity;
pub mod limits;
pub mod node;
pub mod operation;
pub mod reason;
pub mod time;
