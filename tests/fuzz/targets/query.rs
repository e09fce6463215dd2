//! Query strings against the `url` crate's reading.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::query::check(data));
