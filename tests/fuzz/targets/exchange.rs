//! Whole exchanges, in any order of events.
#![no_main]

libfuzzer_sys::fuzz_target!(|case: fuzz::exchange::Case| fuzz::exchange::check(case));
