//! A proxy-wasm 0.2.1 host on wasmtime.
