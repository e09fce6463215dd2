//! Approvals on disk: SQLite, or PostgreSQL, by the same statements.
//!
//! ```text
//!  transitions ──► Writer ──► one transaction for all that wait ──► fsync ──► each is told whether it was first
//!  questions   ──► pool of readers
//! ```
//!
//! A change is stored only when the version it was made from is still there, so that of two that race one loses, reads again
//! and decides anew: no lock is held while anybody thinks. What was acknowledged has been synced to disk.

mod connect;
mod deliveries;
mod read;
mod row;
mod sessions;
mod write;

pub(crate) use connect::create_private;
pub use connect::{OpenError, open};
pub use deliveries::{Delivery, Outlet};
pub use read::MAX_LIST;
pub(crate) use row::{signed, unsigned};
pub use sessions::Kept;
pub use write::Change;

use std::sync::Arc;

use sqlx::AnyPool;

use write::Writer;

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    readers: AnyPool,
    /// The connection that the writer uses, for single statements in between.
    writers: AnyPool,
    writer: Writer,
    /// Who is told what is written.
    outlets: Arc<[Outlet]>,
}

/// The database did not do its work. What it says is for the log, not for callers.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It refused, or is gone.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A row is not what this version writes.
    #[error("approval `{id}` in the database cannot be read: {what}")]
    Corrupt {
        /// Which.
        id: String,
        /// What is wrong with it.
        what: String,
    },
    /// The writer has ended.
    #[error("the database is closed")]
    Closed,
}

#[cfg(test)]
mod tests;
