//! The proxy-wasm HTTP filter: callbacks become core's inputs, core's effects become host calls.
//!
//! Nothing is decided here. The SDK gives the exports and the context traits; host calls on traffic go through
//! [`host`], whose functions return errors where the SDK's would panic.
#![cfg(target_family = "wasm")]
#![expect(missing_docs, reason = "the SDK's macro exports functions without documentation")]

mod call;
mod gate;
mod host;
mod metrics;
mod root;
mod signatures;
mod stream;

use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> { Box::new(root::Root::new(context_id)) });
}}
