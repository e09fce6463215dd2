//! Frames of a WebSocket, masked in pieces and as a whole.
#![no_main]

use scopewarden_core::redact::Kind;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::redact::check(Kind::WebSocket, data));
