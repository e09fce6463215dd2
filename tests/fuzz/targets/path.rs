//! Request paths against a decoder that knows nothing of the filter.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::path::check(data));
