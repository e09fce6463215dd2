//! What is searched: a database made from the segments, which hold the records themselves.
//!
//! A row has what queries ask for and where the line is. The index may be behind the log, never ahead; [`Index::fill`] goes on
//! where it stopped. Lose it, and it is made again.

mod entry;
mod fill;
mod find;
mod open;
mod schema;
mod search;
pub(super) mod session;

use std::path::PathBuf;

use serde_json::Value;
use sqlx::AnyPool;

pub use find::Found;
pub use search::Page;

/// Most rows that one call reads.
pub const MAX_LIST: u32 = 200;
/// Most records of one session.
pub const MAX_SESSION: u32 = 2000;

/// The index of one log.
#[derive(Clone, Debug)]
pub struct Index {
    readers: AnyPool,
    writer: AnyPool,
    kind: Kind,
    directory: PathBuf,
    /// Records that a search looks at in order, before it goes by the indexes of columns.
    newest: i64,
}

/// What the statements differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// A record and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its place in the log.
    pub index: u64,
    /// The session it belongs to, such as `conversation:conv_1`.
    pub session: Option<String>,
    /// The line as it is in its segment.
    pub line: String,
    /// The line, read.
    pub record: Value,
}

/// Why the index cannot answer. For the log, not for callers.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database refused, or is gone.
    #[error("the audit index failed: {0}")]
    Database(#[from] sqlx::Error),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] crate::store::OpenError),
    /// A segment cannot be read.
    #[error("cannot read the audit log `{0}`: {reason}", reason = crate::settings::os_reason(.1))]
    Segment(PathBuf, std::io::Error),
    /// A line is not what was indexed.
    #[error(
        "record {0} of the audit log is not what was written there; run `scopewarden audit verify`"
    )]
    Changed(u64),
}

#[cfg(test)]
mod tests;
