//! The proxy-wasm HTTP filter: callbacks become core's inputs, core's effects become host calls.
//!
//! Nothing is decided here. [`exports`] is what the host calls, [`host`] what is called of it: the ABI as far as this filter
//! needs it, where the SDK would export every callback, import every host call, and panic on a status it does not expect.
#![cfg(target_family = "wasm")]

mod audit;
mod call;
mod exports;
mod gate;
mod host;
mod metrics;
mod root;
mod signatures;
mod stream;
