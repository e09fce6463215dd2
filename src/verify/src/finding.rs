//! What can be wrong with a log, and what is merely worth knowing.

use std::fmt;

use crate::line::StreamId;

/// Where a record is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The segment's name.
    pub segment: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// Its place in the log, from 0.
    pub index: Option<u64>,
    /// One more than the last record that it may be, when it is not known which one is bad.
    pub until: Option<u64>,
    /// Its stream.
    pub stream: Option<StreamId>,
    /// Its number in the stream.
    pub seq: Option<u64>,
}

/// `segments/..:17 (record 16, seq 3 of stream ..)`, as much of it as is known.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.index, self.until) {
            (Some(index), Some(until)) if until > index.saturating_add(1) => {
                parts.push(format!("records {index} to {}", until.saturating_sub(1)));
            }
            (Some(index), _) => parts.push(format!("record {index}")),
            (None, _) => {}
        }
        match (self.seq, self.stream) {
            (Some(seq), Some(stream)) => parts.push(format!("seq {seq} of stream {stream}")),
            (None, Some(stream)) => parts.push(format!("stream {stream}")),
            _ => {}
        }
        let parts = parts.join(", ");
        match (&self.segment, self.line) {
            (Some(segment), Some(line)) if parts.is_empty() => write!(f, "{segment}:{line}"),
            (Some(segment), None) if parts.is_empty() => f.write_str(segment),
            (Some(segment), Some(line)) => write!(f, "{segment}:{line} ({parts})"),
            (Some(segment), None) => write!(f, "{segment} ({parts})"),
            (None, _) => f.write_str(&parts),
        }
    }
}

/// Something that a sound log does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// What kind of thing.
    pub kind: BreakKind,
    /// Where.
    pub place: Place,
    /// What was found.
    pub what: String,
}

/// What a break is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BreakKind {
    /// A line that is not a record.
    Malformed,
    /// A record that others say was another.
    Changed,
    /// A record with another number than its chain gives it.
    Renumbered,
    /// Records that are not there.
    Missing,
    /// A record that comes later than it was written.
    Moved,
    /// The same record again.
    Duplicate,
    /// Another record under a number that was given already.
    Fork,
    /// A record after the last one of its stream.
    AfterEnd,
    /// Records that a proxy made and the log never got.
    Lost,
    /// Records that a checkpoint covers and the log's end does not have.
    Cut,
    /// Records that are not those a checkpoint was made of.
    Root,
    /// A checkpoint that is none, or that the key did not sign.
    Checkpoint,
    /// A segment that does not follow the one before it.
    Segment,
    /// A segment that ends within a line though another follows.
    Torn,
    /// The account of removed records cannot be used.
    Pruned,
}

impl BreakKind {
    /// The name that programs go by.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Changed => "changed",
            Self::Renumbered => "renumbered",
            Self::Missing => "missing",
            Self::Moved => "moved",
            Self::Duplicate => "duplicate",
            Self::Fork => "fork",
            Self::AfterEnd => "after_end",
            Self::Lost => "lost",
            Self::Cut => "cut",
            Self::Root => "root",
            Self::Checkpoint => "checkpoint",
            Self::Segment => "segment",
            Self::Torn => "torn",
            Self::Pruned => "pruned",
        }
    }

    /// What it means for whoever relies on the log.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Malformed => "the line was changed or put in: a collector does not store it",
            Self::Changed => "the record does not say what it said when it was written",
            Self::Renumbered => "the record's number was changed after it was written",
            Self::Missing => "records were deleted, or never arrived",
            Self::Moved => "records were swapped, or arrived out of order",
            Self::Duplicate => "the record was put in a second time",
            Self::Fork => "there are two histories: one of them was put in",
            Self::AfterEnd => "records were put in, or the stream's end was",
            Self::Lost => "that proxy ended before it could deliver them",
            Self::Cut => "the end of the log was cut off after the checkpoint was made",
            Self::Root => {
                "records were changed, deleted, put in, or swapped before the checkpoint's size"
            }
            Self::Checkpoint => "the checkpoint was changed, or it is not of this log",
            Self::Segment => "a segment was deleted, renamed, or changed in length",
            Self::Torn => "the segment was cut or written to by something else",
            Self::Pruned => "nothing vouches for what comes after the removed records",
        }
    }
}

/// Something that a sound log may have, and that people want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What kind of thing.
    pub kind: RemarkKind,
    /// Where.
    pub place: Place,
    /// What was found.
    pub what: String,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemarkKind {
    /// A stream without its `end` record.
    Open,
    /// Records that were never made, and that the log says so of.
    Gap,
    /// A released request of which no outcome is known.
    NoOutcome,
    /// Bytes after the last line of the last segment.
    Unfinished,
    /// A checkpoint that cannot be compared with anything.
    NotCompared,
    /// Records of a kind that this version does not know.
    UnknownKind,
    /// Files that are not part of a log.
    Stray,
}

impl RemarkKind {
    /// The name that programs go by.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Open => "open_stream",
            Self::Gap => "declared_gap",
            Self::NoOutcome => "no_outcome",
            Self::Unfinished => "unfinished_line",
            Self::NotCompared => "not_compared",
            Self::UnknownKind => "unknown_kind",
            Self::Stray => "stray",
        }
    }
}
