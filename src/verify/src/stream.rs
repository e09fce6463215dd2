//! One stream: what its next record has to be.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::BreakKind;
use crate::line::{Hash, Record};
use crate::members::Kind;

/// Where a line is, in few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) index: u64,
    pub(crate) segment: usize,
    pub(crate) line: u64,
}

/// What is wrong with a record of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: BreakKind,
    pub(crate) at: At,
    /// One more than the last record that it may be, when that is not known.
    pub(crate) until: Option<u64>,
    pub(crate) seq: u64,
    pub(crate) what: String,
}

impl Found {
    const fn new(kind: BreakKind, at: At, seq: u64, what: String) -> Self {
        Self { kind, at, until: None, seq, what }
    }
}

/// The state of a stream after its records so far.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) first_seq: u64,
    pub(crate) records: u64,
    /// The number that comes next.
    pub(crate) next: u64,
    /// The hash of the last record; its place, unless retention removed it.
    pub(crate) last: Hash,
    pub(crate) last_at: Option<At>,
    doubt: Doubt,
    /// Numbers that were left out so far.
    pub(crate) gaps: Vec<Gap>,
    /// Numbers that it says the sink did not take.
    pub(crate) declared: BTreeSet<u64>,
    pub(crate) ended: bool,
    /// Released requests whose outcome has not come.
    pub(crate) intents: BTreeMap<String, (At, u64)>,
    pub(crate) instance: Option<String>,
}

/// What is known against the last record.
#[derive(Clone, Copy, Debug)]
enum Doubt {
    Nothing,
    /// It was reported: that the next one does not name it means nothing.
    Reported,
    /// It does not name the one before: one of the two was changed, and the next record tells which.
    Unlinked {
        before: At,
        /// The hash of that one.
        hash: Hash,
    },
}

/// Numbers that a stream left out: from `from`, before `to`.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// The record after them.
    pub(crate) at: At,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is part of the stream.
    Yes,
    /// Its number was taken: it is the same record again, or another.
    Repeated,
}

impl Stream {
    /// A stream whose last record was removed.
    pub(crate) fn resumed(seq: u64, hash: Hash) -> Self {
        Self { next: seq.saturating_add(1), last: hash, ..Self::empty(seq.saturating_add(1)) }
    }

    const fn empty(first_seq: u64) -> Self {
        Self {
            first_seq,
            records: 0,
            next: 0,
            last: [0; 32],
            last_at: None,
            doubt: Doubt::Nothing,
            gaps: Vec::new(),
            declared: BTreeSet::new(),
            ended: false,
            intents: BTreeMap::new(),
            instance: None,
        }
    }

    /// A stream that begins with `record`.
    pub(crate) fn begin(record: &Record) -> Self {
        Self::empty(record.seq)
    }

    /// Takes the next record of the stream.
    pub(crate) fn take(
        &mut self,
        record: &Record,
        hash: Hash,
        at: At,
        found: &mut Vec<Found>,
    ) -> Taken {
        let seq = record.seq;
        let links = record.prev == self.last;
        let reported = matches!(self.doubt, Doubt::Reported);
        if seq == self.next {
            self.link(links, seq, at, found);
        } else if links && !reported && self.last_at.is_some() {
            let before = self.next.saturating_sub(1);
            let what =
                format!("it names the record with seq {before}, and says seq {seq} of itself");
            found.push(Found::new(BreakKind::Renumbered, at, seq, what));
            self.next = self.next.saturating_add(1);
            self.settle(found);
            self.doubt = Doubt::Reported;
            self.accept(record, hash, at, found);
            return Taken::Yes;
        } else if seq > self.next {
            self.settle(found);
            self.gaps.push(Gap { from: self.next, to: seq, at });
            self.doubt = Doubt::Nothing;
        } else if !self.replaces_last(record, found) {
            return self.late(record, at, found);
        }
        self.next = seq.saturating_add(1);
        self.accept(record, hash, at, found);
        Taken::Yes
    }

    /// Compares the record that was due with the one before it.
    fn link(&mut self, links: bool, seq: u64, at: At, found: &mut Vec<Found>) {
        let Some(last_at) = self.last_at else {
            self.doubt = Doubt::Nothing;
            if !links {
                let before = if seq == 0 {
                    "it is the first, and"
                } else {
                    "the one before it was removed, and"
                };
                let what = format!("{before} its `prev` is not the hash that it has to be");
                found.push(Found::new(BreakKind::Changed, at, seq, what));
                self.doubt = Doubt::Reported;
            }
            return;
        };
        self.doubt = match (self.doubt, links) {
            (Doubt::Nothing, true) | (Doubt::Reported, _) => Doubt::Nothing,
            (Doubt::Nothing, false) => Doubt::Unlinked { before: last_at, hash: self.last },
            (Doubt::Unlinked { before, .. }, true) => {
                let what = format!(
                    "the next record of its stream (record {}) names another SHA-256",
                    last_at.index
                );
                found.push(Found::new(BreakKind::Changed, before, seq.saturating_sub(2), what));
                Doubt::Nothing
            }
            (Doubt::Unlinked { before, .. }, false) => {
                let (j, k) = (last_at.index, at.index);
                let what = format!(
                    "record {j} does not name it, nor record {k} that one: record {j} was changed, or both were"
                );
                let until = Some(j.saturating_add(1));
                let seq = seq.saturating_sub(2);
                found.push(Found { until, ..Found::new(BreakKind::Changed, before, seq, what) });
                Doubt::Nothing
            }
        };
    }

    /// Says of an unlinked record what can be said without a next one.
    pub(crate) fn settle(&mut self, found: &mut Vec<Found>) {
        if let (Doubt::Unlinked { before, .. }, Some(last)) = (self.doubt, self.last_at) {
            let what = format!(
                "the next record of its stream (record {}) names another SHA-256: one of the two was changed",
                last.index
            );
            let seq = self.next.saturating_sub(2);
            let until = Some(last.index.saturating_add(1));
            found.push(Found { until, ..Found::new(BreakKind::Changed, before, seq, what) });
            self.doubt = Doubt::Nothing;
        }
    }

    /// Whether `record` is what the last one claimed to be: that one does not name the one before them, and this one does.
    fn replaces_last(&mut self, record: &Record, found: &mut Vec<Found>) -> bool {
        let (Doubt::Unlinked { hash, .. }, Some(last_at)) = (self.doubt, self.last_at) else {
            return false;
        };
        if record.seq.saturating_add(1) != self.next || record.prev != hash {
            return false;
        }
        let what = "it does not name the record before it in its stream, and another record with its number does";
        found.push(Found::new(BreakKind::Fork, last_at, record.seq, what.to_owned()));
        self.doubt = Doubt::Nothing;
        true
    }

    /// A number below the one that is due.
    fn late(&mut self, record: &Record, at: At, found: &mut Vec<Found>) -> Taken {
        let seq = record.seq;
        let Some(place) = self.gaps.iter().position(|gap| (gap.from..gap.to).contains(&seq)) else {
            return Taken::Repeated;
        };
        let gap = self.gaps.remove(place);
        let what = format!("its stream had seq {} before it (record {})", gap.to, gap.at.index);
        found.push(Found::new(BreakKind::Moved, at, seq, what));
        let after = seq.saturating_add(1);
        let parts = [Gap { to: seq, ..gap.clone() }, Gap { from: after, ..gap }];
        self.gaps.extend(parts.into_iter().filter(|gap| gap.from < gap.to));
        self.note(record, at, found);
        Taken::Yes
    }

    /// Goes on from the record.
    fn accept(&mut self, record: &Record, hash: Hash, at: At, found: &mut Vec<Found>) {
        if self.ended {
            let what = "its stream had its `end` record before".to_owned();
            found.push(Found::new(BreakKind::AfterEnd, at, record.seq, what));
        }
        self.note(record, at, found);
        self.last = hash;
        self.last_at = Some(at);
    }

    /// Notes what the record is.
    fn note(&mut self, record: &Record, at: At, found: &mut Vec<Found>) {
        let seq = record.seq;
        let mut wrong = |what: &str| {
            found.push(Found::new(BreakKind::Malformed, at, seq, what.to_owned()));
        };
        match &record.kind {
            Kind::Stream { instance } => {
                self.instance = Some(instance.clone());
                if seq != 0 {
                    wrong("it is a `stream` record, and not the first of its stream");
                }
            }
            _ if seq == 0 => wrong("it is the first of its stream, and not a `stream` record"),
            Kind::Intent { record } => {
                self.intents.insert(record.clone(), (at, seq));
            }
            Kind::Decision { record } if !self.intents.is_empty() => {
                self.intents.remove(record);
            }
            Kind::Gap { refused, .. } => self.declared.extend(refused),
            Kind::End => self.ended = true,
            _ => {}
        }
        self.records = self.records.saturating_add(1);
    }
}
