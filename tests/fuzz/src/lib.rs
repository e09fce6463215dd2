//! What must hold for any input. Each module is one fuzz target; a violation panics, and libFuzzer keeps the input.

pub mod exchange;
pub mod json_facts;
pub mod jwks;
pub mod jwt;
mod mint;
pub mod path;
pub mod policy;
pub mod query;
pub mod redact;
