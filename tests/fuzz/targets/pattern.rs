//! Patterns of one's own: any may be written, and what is accepted finds the same in pieces and as a whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::redact::pattern(data));
