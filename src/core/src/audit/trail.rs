//! The spool of one VM, and how it empties.
//!
//! ```text
//!            batch                     acknowledged
//!   Idle ───────────► InFlight ──────────────────────────► Idle    the batch is forgotten
//!    ▲                   │ │
//!    │  due again        │ └── refused, of several records ──► Idle    half of it is tried
//!    └──── Waiting ◄─────┤ └── refused, one record ──────────► Idle    it is given up, and counted in a `gap`
//!                        └──── no answer, or not now ────────► Waiting
//! ```
//!
//! One batch is under way at a time, so a sink gets a stream's records in order. What has no acknowledgement is sent again.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::chain::{Chain, Head};
use super::otlp;
use crate::time::UnixMicros;

/// Most records of a batch.
const BATCH_RECORDS: usize = 512;
/// A batch ends with the record that makes it longer than this, in bytes.
const BATCH_BYTES: usize = 512 * 1024;
/// The first wait after a failure, in milliseconds; it doubles with each that follows.
const FIRST_WAIT_MS: u64 = 200;
/// The longest wait, in milliseconds.
const LONGEST_WAIT_MS: u64 = 10_000;
/// Longest wait that a sink can ask for, in seconds.
const LONGEST_RETRY_AFTER_S: u64 = 60;
/// Most records that one `gap` names.
const MOST_NAMED: usize = 100;
/// What a record needs beside its text, in bytes.
const OVERHEAD: usize = 64;

/// A record that waits.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) sequence: u64,
    pub(super) at: UnixMicros,
    pub(super) kind: &'static str,
    /// What a `gap` tells of: it is told again when the sink does not take it.
    tells: Option<Dropped>,
}

impl Line {
    const fn size(&self) -> usize {
        self.text.len().saturating_add(OVERHEAD)
    }
}

/// Records that the sink will not have: those that never became part of the stream, or those that it does not take.
#[derive(Debug)]
struct Dropped {
    records: u64,
    /// Of those that were part of the stream.
    sequences: Vec<u64>,
    since: UnixMicros,
    until: UnixMicros,
    because: &'static str,
}

impl Dropped {
    /// Whether one `gap` can tell of both.
    fn takes(&self, more: &Self) -> bool {
        let named = self.sequences.len().saturating_add(more.sequences.len());
        self.because == more.because && named <= MOST_NAMED
    }

    fn add(&mut self, more: Self) {
        self.records = self.records.saturating_add(more.records);
        self.sequences.extend(more.sequences);
        self.since = self.since.min(more.since);
        self.until = self.until.max(more.until);
    }
}

/// Whether requests may rely on the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The spool takes records of new requests.
    pub room: bool,
    /// The last call to the sink went well, or there was none yet.
    pub up: bool,
}

impl Standing {
    /// As it is before anything was written.
    pub const FRESH: Self = Self { room: true, up: true };
}

/// What a sink said of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// It could not be called, or did not answer in time.
    Nothing,
    /// It answered.
    Response {
        /// The status.
        status: u16,
        /// The body.
        body: &'a [u8],
        /// `retry-after`, in seconds.
        retry_after_s: Option<u64>,
    },
}

/// What became of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// The sink has them.
    pub acknowledged: u64,
    /// The sequence number of the one that the sink does not take.
    pub refused: Option<u64>,
    /// Whether the call went well.
    pub up: bool,
}

/// The audit trail of one VM.
#[derive(Debug)]
pub struct Trail {
    instance: String,
    /// What the first record says, until there is one: a VM that nobody uses has no stream.
    opening: Option<Map<String, Value>>,
    chain: Chain,
    lines: VecDeque<Line>,
    bytes: usize,
    cap: usize,
    /// How many of the first lines are under way.
    in_flight: usize,
    /// Most records of the next batch.
    most: usize,
    failures: u32,
    /// Nothing is sent before.
    due: UnixMicros,
    dropped: Option<Dropped>,
    /// A request waits for an acknowledgement.
    urgent: bool,
}

impl Trail {
    /// An empty trail whose spool holds `cap` bytes. `stream` is an id that no other VM has, in hex, and `opening` what the
    /// stream's first record says beside its kind, its time and the `instance`.
    pub fn new(stream: String, instance: String, cap: usize, opening: Map<String, Value>) -> Self {
        Self {
            instance,
            opening: Some(opening),
            chain: Chain::new(stream),
            lines: VecDeque::new(),
            bytes: 0,
            cap,
            in_flight: 0,
            most: BATCH_RECORDS,
            failures: 0,
            due: UnixMicros(0),
            dropped: None,
            urgent: false,
        }
    }

    /// The stream's id.
    pub fn stream(&self) -> &str {
        self.chain.stream()
    }

    /// Which proxy this is.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The last record.
    pub fn head(&self) -> Option<Head> {
        self.chain.head()
    }

    /// Whether requests may rely on it. The last eighth of the spool is for the outcomes of requests that are under way.
    pub const fn standing(&self) -> Standing {
        let kept = self.cap.wrapping_div(8);
        Standing { room: self.bytes < self.cap.saturating_sub(kept), up: self.failures == 0 }
    }

    /// Adds a record; returns its sequence number, or `None` when the spool is full and it is counted instead.
    pub fn add(&mut self, kind: &'static str, record: &str, now: UnixMicros) -> Option<u64> {
        // The chain's own members, and what says where the spool was full.
        const MORE: usize = 512;
        let needed = record.len().saturating_add(OVERHEAD).saturating_add(MORE);
        if self.bytes.saturating_add(needed) > self.cap {
            self.drop_one("spool_full", None, now);
            return None;
        }
        self.tell_dropped(now);
        Some(self.push(kind, record, now))
    }

    /// Adds the record of what a request is about to do: it waits until that is [`settled`](Self::settled).
    pub fn note(&mut self, record: &str, now: UnixMicros) -> Option<u64> {
        let sequence = self.add("intent", record, now);
        self.urgent |= sequence.is_some();
        sequence
    }

    fn push(&mut self, kind: &'static str, record: &str, now: UnixMicros) -> u64 {
        if let Some(mut opening) = self.opening.take() {
            opening.insert("kind".to_owned(), "stream".into());
            opening.insert("time".to_owned(), now.millis().to_string().into());
            opening.insert("instance".to_owned(), self.instance.as_str().into());
            self.push("stream", &Value::Object(opening).to_string(), now);
        }
        let (text, sequence) = self.chain.link(record);
        let line = Line { text, sequence, at: now, kind, tells: None };
        self.bytes = self.bytes.saturating_add(line.size());
        self.lines.push_back(line);
        sequence
    }

    fn drop_one(&mut self, because: &'static str, sequence: Option<u64>, now: UnixMicros) {
        let sequences = sequence.into_iter().collect();
        self.drop_all(Dropped { records: 1, sequences, since: now, until: now, because }, now);
    }

    /// Adds to what is told next; what cannot be told together is told one after the other.
    fn drop_all(&mut self, more: Dropped, now: UnixMicros) {
        if self.dropped.as_ref().is_some_and(|known| !known.takes(&more)) {
            self.tell_dropped(now);
        }
        match &mut self.dropped {
            None => self.dropped = Some(more),
            Some(known) => known.add(more),
        }
    }

    fn tell_dropped(&mut self, now: UnixMicros) {
        let Some(dropped) = self.dropped.take() else { return };
        let Dropped { records, sequences, since, until, because } = &dropped;
        let mut gap = json!({
            "kind": "gap",
            "time": now.millis().to_string(),
            "dropped": records,
            "since": since.millis().to_string(),
            "until": until.millis().to_string(),
            "because": because,
        });
        if let Some(members) = gap.as_object_mut().filter(|_| !sequences.is_empty()) {
            members.insert("refused".to_owned(), json!(sequences));
        }
        self.push("gap", &gap.to_string(), now);
        if let Some(line) = self.lines.back_mut() {
            line.tells = Some(dropped);
        }
    }

    /// Everything before this sequence number has been acknowledged, or given up.
    pub fn settled(&self) -> u64 {
        match self.lines.front() {
            Some(line) => line.sequence,
            None => self.head().map_or(0, |head| head.sequence.saturating_add(1)),
        }
    }

    #[cfg(test)]
    pub(super) const fn due(&self) -> UnixMicros {
        self.due
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped.is_none()
    }

    /// Whether the next batch is not to wait for a tick: a request waits for it, or it would be full.
    pub fn is_pressing(&self) -> bool {
        self.urgent || self.lines.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES
    }

    /// The body of the call that is to be made now, `application/json`; nothing while one is under way, or a failure is too fresh.
    pub fn batch(&mut self, now: UnixMicros) -> Option<String> {
        if self.in_flight > 0 || now < self.due {
            return None;
        }
        if self.standing().room {
            self.tell_dropped(now);
        }
        let mut size = 0_usize;
        let fits = |line: &&Line| {
            let before = size;
            size = size.saturating_add(line.size());
            before < BATCH_BYTES
        };
        let count = self.lines.iter().take(self.most).take_while(fits).count();
        if count == 0 {
            return None;
        }
        self.in_flight = count;
        self.urgent = false;
        let lines = self.lines.iter().take(count);
        Some(otlp::request(&self.instance, self.chain.stream(), lines, now.0))
    }

    /// What the sink said of the batch that is under way.
    pub fn answered(&mut self, answer: Answer<'_>, now: UnixMicros) -> Counted {
        let sent = std::mem::take(&mut self.in_flight);
        let count = u64::try_from(sent).unwrap_or(u64::MAX);
        let (refused, wait) = match answer {
            Answer::Response { status: 200..=299, body, .. } if otlp::rejected(body) == 0 => {
                self.forget(sent);
                self.failures = 0;
                self.most = self.most.saturating_mul(2).min(BATCH_RECORDS);
                return Counted { acknowledged: count, refused: None, up: true };
            }
            // A part was not taken, or the batch cannot be read or is too large: which record it is shows when they are fewer.
            Answer::Response { status: 200..=299 | 400 | 413 | 422, .. } => (true, None),
            Answer::Response { retry_after_s, .. } => (false, retry_after_s),
            Answer::Nothing => (false, None),
        };
        if refused {
            self.failures = 0;
            if sent > 1 {
                self.most = sent.wrapping_div(2);
                return Counted { acknowledged: 0, refused: None, up: true };
            }
            let refused = self.lines.front().map(|line| line.sequence);
            // What it tells of is told again.
            let told = self.lines.front_mut().and_then(|line| line.tells.take());
            self.forget(sent);
            if let Some(told) = told {
                self.drop_all(told, now);
            }
            self.drop_one("refused", refused, now);
            return Counted { acknowledged: 0, refused, up: true };
        }
        self.failures = self.failures.saturating_add(1);
        let doubled = FIRST_WAIT_MS.saturating_mul(1_u64.wrapping_shl(self.failures.min(10)));
        let doubled = doubled.wrapping_div(2).min(LONGEST_WAIT_MS);
        let asked = wait.map_or(0, |s| s.min(LONGEST_RETRY_AFTER_S).saturating_mul(1000));
        let wait = doubled.max(asked).saturating_add(self.jitter(doubled));
        self.due = UnixMicros(now.0.saturating_add(wait.saturating_mul(1000)));
        Counted { acknowledged: 0, refused: None, up: false }
    }

    fn forget(&mut self, count: usize) {
        for line in self.lines.drain(..count.min(self.lines.len())) {
            self.bytes = self.bytes.saturating_sub(line.size());
        }
    }

    /// Up to a quarter of `wait`, so that the workers of a fleet do not come all at once.
    fn jitter(&self, wait: u64) -> u64 {
        let seed = self.chain.head().map_or(0, |head| u64::from(head.hash.0[0]));
        wait.wrapping_div(4).saturating_mul(seed).wrapping_div(256)
    }
}
