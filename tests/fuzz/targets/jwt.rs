//! Good tokens, damaged: none of them may be accepted.
#![no_main]

libfuzzer_sys::fuzz_target!(|case: fuzz::jwt::Case| fuzz::jwt::check(&case));
