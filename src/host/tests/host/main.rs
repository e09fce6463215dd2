//! The host, driven by small guests in WebAssembly text.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails fails the test")]

mod common;
mod drive;
mod drive_flow;
mod drive_world;
mod faults;
mod load;
mod stream;
mod world;
