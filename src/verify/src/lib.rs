//! Whether an audit log is what was written: read anew, by code that shares nothing with what wrote it.
//!
//! ```text
//! source ─► blocks of lines ─► line (parsed, hashed twice) ─► streams: seq, prev ─┐
//!                              note (parsed, signature)    ─► Merkle tree: root ──┴─► report
//! ```
//!
//! Three things have to agree. Each line names the SHA-256 of the line before it in its **stream**, so that
//! a record cannot be changed, removed or put in without its neighbours telling. Signed **checkpoints** name the RFC 6962 root of all lines up to
//! a size, so that whole streams, and the end of the log, cannot be either. And `head` records name the last record of
//! streams that ended without a word.
//!
//! [`verify`] finds what does not agree and names the first record that is bad. It needs little memory, whatever the log's
//! length: a line per stream, and the checkpoints of two segments.
#![forbid(unsafe_code)]

mod blocks;
mod checkpoint;
mod finding;
mod line;
mod log;
mod members;
mod merkle;
mod note;
mod pruned;
mod repeats;
mod report;
mod run;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod walk;

pub use checkpoint::Checkpoint;
pub use finding::{Break, BreakKind, Place, Remark, RemarkKind};
pub use line::{Hash, MAX_LINE, StreamId};
pub use note::{VerifierKey, last_note};
pub use report::{Checkpoints, Report, StreamReport};
pub use run::{Options, verify};
pub use source::{Directory, File, Segment, Source, Unreadable};
pub use walk::{At, walk};
