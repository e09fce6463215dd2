//! Policies, as JSON and as protobuf.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::policy::check(data));
