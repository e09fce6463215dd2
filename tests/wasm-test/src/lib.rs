//! What `#[test]` means on wasm32-unknown-unknown, where the standard harness does not run.
//!
//! Imported once, with `#[macro_use(test)]` at a crate's root, it holds in all its modules: no test can be left out.
#![cfg(all(target_family = "wasm", target_os = "unknown"))]

/// A test that `wasm-bindgen-test-runner` finds and runs under Node.
pub use wasm_bindgen_test::wasm_bindgen_test as test;
