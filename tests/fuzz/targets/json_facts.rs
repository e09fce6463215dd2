//! JSON bodies against a tree of the same document.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::json_facts::check(data));
