//! Key sets: what is kept is usable, and nothing panics.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::jwks::check(data));
