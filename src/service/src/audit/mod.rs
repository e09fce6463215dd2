//! The collector of the audit trail.
//!
//! ```text
//!  filters ──► ingest ──► log: segments, checkpoints ──► index (SQLite, PostgreSQL) ──► query, sessions ◄── people
//!                           └─ fsync before anything is acknowledged
//! ```
//!
//! The segments and their checkpoints are the evidence. The index is made from them, and can be thrown away.

mod collector;
pub mod export;
pub mod index;
pub mod ingest;
pub mod log;
pub mod metrics;
pub mod query;
pub mod record;
pub mod segments;
pub(crate) mod time;

pub use collector::{Collector, StartError};

#[cfg(test)]
mod crashes;
#[cfg(test)]
pub(crate) mod fixtures;
