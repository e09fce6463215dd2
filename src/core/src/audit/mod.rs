//! The audit trail of one VM: records become links of a chain, wait in a bounded spool, and leave in batches that a sink acknowledges.
//!
//! ```text
//! exchange ─► record ─► Chain (sequence, hash of the line before) ─► spool ─► Batch (OTLP/HTTP) ─► sink
//!                                                                      ▲                            │
//!                                                                      └──── acknowledged, or not ──┘
//! ```
//!
//! The chain, one for each VM, is a *stream*. Its records have the sequence numbers 0, 1, 2, … without a gap; each holds the SHA-256
//! of the line before it. A stream begins with a record of kind `stream` and ends with one of kind `end`; when a VM ends without a word,
//! another VM of the same proxy says so in a record of kind `head` ([`heads`]).

mod capture;
mod chain;
pub mod heads;
mod otlp;
mod session;
mod settings;
mod trail;
mod veil;

pub use capture::Capture;
pub use chain::{Chain, Hash, Head};
pub use session::Session;
pub use settings::{Audit, OnUnavailable, Payload, PerTier, Token};
pub use trail::{Answer, Counted, Standing, Trail};
pub use veil::{everything, veil};

#[cfg(test)]
mod tests;
