//! What a verification found.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::checkpoint::Checkpoint;
use crate::finding::{Break, Place, Remark};
use crate::line::{Hash, StreamId};

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Records that were read.
    pub records: u64,
    /// The index of the first of them: more than 0 when retention removed some.
    pub first: u64,
    /// Bytes that were read, without those after the last line.
    pub bytes: u64,
    /// Segments that were read.
    pub segments: u64,
    /// Every stream, in the order of their names.
    pub streams: Vec<StreamReport>,
    /// What vouches for the log as a whole.
    pub checkpoints: Checkpoints,
    /// The root over all records, when none is known to be missing.
    pub root: Option<Hash>,
    /// What is wrong, the first bad record first; at most [`MOST`](Self::MOST).
    pub breaks: Vec<Break>,
    /// How many breaks there are.
    pub breaks_total: u64,
    /// What is worth knowing; at most [`MOST`](Self::MOST).
    pub remarks: Vec<Remark>,
    /// How many remarks there are.
    pub remarks_total: u64,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReport {
    /// Its name.
    pub stream: StreamId,
    /// Which proxy it is of, as its first record says.
    pub instance: Option<String>,
    /// Records of it in the log.
    pub records: u64,
    /// The number of the first of them.
    pub first_seq: u64,
    /// The number of the last of them; `None` when there are none.
    pub last_seq: Option<u64>,
    /// Whether its `end` record is there.
    pub ended: bool,
}

/// The checkpoints that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoints {
    /// Whether their signatures were checked.
    pub signatures_checked: bool,
    /// How many there are, sound or not.
    pub found: u64,
    /// How many of them have the root that the log has at their size.
    pub agree: u64,
    /// The largest of those that agree.
    pub newest: Option<Checkpoint>,
}

impl Report {
    /// Most breaks, and most remarks, that are kept.
    pub const MOST: usize = 1000;

    /// Whether the log is what was written, as far as can be told.
    pub const fn is_sound(&self) -> bool {
        self.breaks_total == 0
    }

    /// Records at the end for which only their chains vouch: no checkpoint covers them.
    pub fn uncovered(&self) -> u64 {
        let end = self.first.saturating_add(self.records);
        end.saturating_sub(self.checkpoints.newest.as_ref().map_or(self.first, |c| c.size))
    }

    /// The report for programs.
    pub fn to_json(&self) -> Value {
        let breaks: Vec<Value> = self
            .breaks
            .iter()
            .map(|b| finding(b.kind.code(), &b.place, &b.what, Some(b.kind.means())))
            .collect();
        let remarks: Vec<Value> =
            self.remarks.iter().map(|r| finding(r.kind.code(), &r.place, &r.what, None)).collect();
        let streams: Vec<Value> = self
            .streams
            .iter()
            .map(|s| {
                json!({
                    "stream": s.stream.to_string(), "instance": s.instance, "records": s.records,
                    "first_seq": s.first_seq, "last_seq": s.last_seq, "ended": s.ended,
                })
            })
            .collect();
        let newest = self.checkpoints.newest.as_ref().map(|c| {
            json!({"origin": c.origin, "size": c.size, "root": STANDARD.encode(c.root), "time": c.time})
        });
        json!({
            "sound": self.is_sound(),
            "records": self.records,
            "first_index": self.first,
            "bytes": self.bytes,
            "segments": self.segments,
            "root": self.root.map(|root| STANDARD.encode(root)),
            "checkpoints": {
                "signatures_checked": self.checkpoints.signatures_checked,
                "found": self.checkpoints.found,
                "agree": self.checkpoints.agree,
                "newest": newest,
                "uncovered": self.uncovered(),
            },
            "streams": streams,
            "breaks_total": self.breaks_total,
            "breaks": breaks,
            "notes_total": self.remarks_total,
            "notes": remarks,
        })
    }
}

fn finding(code: &str, place: &Place, what: &str, means: Option<&str>) -> Value {
    let mut value = json!({
        "code": code,
        "segment": place.segment,
        "line": place.line,
        "index": place.index,
        "until": place.until,
        "stream": place.stream.map(|s| s.to_string()),
        "seq": place.seq,
        "what": what,
    });
    if let (Value::Object(members), Some(means)) = (&mut value, means) {
        members.insert("means".to_owned(), means.into());
    }
    value
}
