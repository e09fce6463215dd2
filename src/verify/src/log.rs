//! A whole log, line by line.

use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, Read};
use crate::finding::{Break, BreakKind, Place, Remark, RemarkKind};
use crate::line::{Hash, Line, StreamId};
use crate::members::Kind;
use crate::merkle::Tree;
use crate::note::NoteError;
use crate::pruned::Pruned;
use crate::report::{Report, StreamReport};
use crate::source::Segment;
use crate::stream::{At, Found, Stream, Taken};

/// Most repeated records that are compared with what was there before; the others are called forks.
const MOST_REPEATS: usize = 10_000;

/// The state of a verification: everything that later lines are compared with.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    report: Report,
    segments: Vec<String>,
    /// Lines of the segment so far.
    line: u64,
    /// The index of the next line.
    index: u64,
    /// The tree over all lines so far; `None` once some are known to be missing.
    tree: Option<Tree>,
    streams: BTreeMap<StreamId, Stream>,
    /// Checkpoints of sizes that are still to come, and where they stand.
    due: BTreeMap<u64, Vec<(Checkpoint, Place)>>,
    /// The smallest size of those.
    next_due: u64,
    /// The size up to which a checkpoint has agreed.
    agreed: u64,
    /// Whether a checkpoint has disagreed: the later ones would only say it again.
    disagreed: bool,
    pruned: bool,
    heads: Vec<Claim>,
    repeats: Vec<Repeat>,
    found: Vec<Found>,
}

/// What a `head` record says of another stream.
#[derive(Clone, Debug)]
struct Claim {
    at: At,
    of: StreamId,
    seq: u64,
    hash: Hash,
    because: String,
}

/// A record whose number was taken.
#[derive(Clone, Debug)]
pub(crate) struct Repeat {
    pub(crate) at: At,
    pub(crate) stream: StreamId,
    pub(crate) seq: u64,
    pub(crate) hash: Hash,
}

impl Log {
    /// A log of which nothing was read yet; `signatures_checked` is only reported.
    pub(crate) fn new(signatures_checked: bool) -> Self {
        let mut report = Report::default();
        report.checkpoints.signatures_checked = signatures_checked;
        Self {
            report,
            segments: Vec::new(),
            line: 0,
            index: 0,
            tree: Some(Tree::default()),
            streams: BTreeMap::new(),
            due: BTreeMap::new(),
            next_due: u64::MAX,
            agreed: 0,
            disagreed: false,
            pruned: false,
            heads: Vec::new(),
            repeats: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Goes on from what retention removed.
    pub(crate) fn pruned(&mut self, read: Result<Pruned, NoteError>) {
        self.pruned = true;
        match read {
            Ok(pruned) => {
                self.index = pruned.tree.size();
                self.tree = Some(pruned.tree);
                let heads = pruned.heads.into_iter();
                self.streams =
                    heads.map(|(id, (seq, hash))| (id, Stream::resumed(seq, hash))).collect();
            }
            Err(error) => {
                self.tree = None;
                let place = Place { segment: Some("pruned".to_owned()), ..Place::default() };
                self.breaks(BreakKind::Pruned, place, || error.to_string());
            }
        }
        self.report.first = self.index;
        self.agreed = self.index;
    }

    /// Takes the checkpoints of a file; nothing is written any more to one that is not the last.
    pub(crate) fn checkpoints(&mut self, file: &str, read: Read, last: bool) {
        let place = |line: usize| Place {
            segment: Some(file.to_owned()),
            line: Some(line as u64),
            ..Place::default()
        };
        let counted = read.good.len().saturating_add(read.bad.len()) as u64;
        self.report.checkpoints.found = self.report.checkpoints.found.saturating_add(counted);
        for (line, error) in read.bad {
            self.breaks(BreakKind::Checkpoint, place(line), || error.to_string());
        }
        if read.torn {
            let place = Place { segment: Some(file.to_owned()), ..Place::default() };
            let what = || "it ends within a checkpoint".to_owned();
            if last {
                self.remark(RemarkKind::Unfinished, place, what);
            } else {
                self.breaks(BreakKind::Checkpoint, place, what);
            }
        }
        for (line, checkpoint) in read.good {
            if checkpoint.size < self.index {
                let what = || {
                    format!(
                        "a checkpoint of {} records is of records before these",
                        checkpoint.size
                    )
                };
                self.remark(RemarkKind::NotCompared, place(line), what);
                continue;
            }
            self.next_due = self.next_due.min(checkpoint.size);
            self.due.entry(checkpoint.size).or_default().push((checkpoint, place(line)));
        }
        self.compare();
    }

    /// Begins a segment.
    pub(crate) fn segment(&mut self, segment: &Segment) {
        let begins = self.segments.is_empty();
        self.segments.push(segment.name.clone());
        self.report.segments = self.report.segments.saturating_add(1);
        self.line = 0;
        let Some(first) = segment.first.filter(|first| *first != self.index) else { return };
        let index = self.index;
        let what = || match (begins, first > index) {
            (true, true) => format!(
                "the log begins with record {first}: the segments with records {index} to {} are missing",
                first.saturating_sub(1)
            ),
            (false, true) => format!(
                "it begins with record {first}, and the one before it ends with record {}: {} missing",
                index.saturating_sub(1),
                count(first.saturating_sub(index), "record is", "records are")
            ),
            (_, false) => {
                format!("it begins with record {first}, and {index} records come before it")
            }
        };
        let place = Place {
            segment: Some(segment.name.clone()),
            index: Some(first.min(index)),
            ..Place::default()
        };
        self.breaks(BreakKind::Segment, place, what);
        if begins {
            self.report.first = first;
        }
        self.index = first;
        self.tree = None;
    }

    /// Takes a line.
    pub(crate) fn line(&mut self, line: &Line, bytes: u64) {
        self.line = self.line.saturating_add(1);
        let at = At {
            index: self.index,
            segment: self.segments.len().saturating_sub(1),
            line: self.line,
        };
        match &line.read {
            Ok(record) => {
                let stream =
                    self.streams.entry(record.stream).or_insert_with(|| Stream::begin(record));
                let taken = stream.take(record, line.hash, at, &mut self.found);
                if taken == Taken::Repeated && self.repeats.len() < MOST_REPEATS {
                    let (stream, seq) = (record.stream, record.seq);
                    self.repeats.push(Repeat { at, stream, seq, hash: line.hash });
                } else if taken == Taken::Repeated {
                    self.repeated(
                        &Repeat { at, stream: record.stream, seq: record.seq, hash: line.hash },
                        None,
                    );
                }
                self.drain(record.stream);
                self.mention(&record.kind, at, record.stream, record.seq);
            }
            Err(why) => self.breaks(BreakKind::Malformed, self.place(at, None), || why.clone()),
        }
        if let Some(tree) = &mut self.tree {
            tree.push(line.leaf);
        }
        self.index = self.index.saturating_add(1);
        self.report.records = self.report.records.saturating_add(1);
        self.report.bytes = self.report.bytes.saturating_add(bytes);
        if self.index >= self.next_due {
            self.compare();
        }
    }

    /// Takes a line that is too long to be read.
    pub(crate) fn too_long(&mut self, bytes: u64) {
        let why = format!("it has {bytes} bytes, {} are the most", crate::line::MAX_LINE);
        self.line(&Line { hash: [0; 32], leaf: [0; 32], read: Err(why) }, bytes.saturating_add(1));
        self.tree = None;
    }

    /// Takes bytes after the last LF of a segment.
    pub(crate) fn torn(&mut self, bytes: u64, last: bool) {
        let place = Place {
            segment: self.segments.last().cloned(),
            line: Some(self.line.saturating_add(1)),
            index: Some(self.index),
            ..Place::default()
        };
        let bytes = count(bytes, "byte", "bytes");
        if last {
            let what =
                || format!("{bytes} after the last line: still being written, or left by a crash");
            self.remark(RemarkKind::Unfinished, place, what);
        } else {
            let what =
                || format!("it ends with {bytes} that are no line, and another segment follows");
            self.breaks(BreakKind::Torn, place, what);
        }
    }

    /// Notes a file that is not part of a log.
    pub(crate) fn stray(&mut self, name: &str) {
        let place = Place { segment: Some(name.to_owned()), ..Place::default() };
        self.remark(RemarkKind::Stray, place, || "it is not part of a log".to_owned());
    }

    /// Records whose number was taken before.
    pub(crate) fn repeats(&mut self) -> Vec<Repeat> {
        std::mem::take(&mut self.repeats)
    }

    /// Says what a repeated record is; `before` is the hash and index of the first with its number, when it was found.
    pub(crate) fn repeated(&mut self, repeat: &Repeat, before: Option<(Hash, u64)>) {
        let place = self.place(repeat.at, Some((repeat.stream, repeat.seq)));
        match before {
            Some((hash, index)) if hash == repeat.hash => {
                self.breaks(BreakKind::Duplicate, place, || format!("it is record {index} again"));
            }
            Some((_, index)) => {
                let what = || format!("record {index} is another one with the same number");
                self.breaks(BreakKind::Fork, place, what);
            }
            None => {
                let what = || "its number was given to an earlier record".to_owned();
                self.breaks(BreakKind::Fork, place, what);
            }
        }
    }

    /// Notes what is about more than the record's own stream.
    fn mention(&mut self, kind: &Kind, at: At, stream: StreamId, seq: u64) {
        match kind {
            Kind::Head { of, seq, hash, because } => {
                let (of, seq, hash, because) = (*of, *seq, *hash, because.clone());
                self.heads.push(Claim { at, of, seq, hash, because });
            }
            Kind::Gap { dropped, because, .. } => {
                let what = || {
                    format!(
                        "{} not kept, because {because}",
                        count(*dropped, "record was", "records were")
                    )
                };
                self.remark(RemarkKind::Gap, self.place(at, Some((stream, seq))), what);
            }
            Kind::Other { kind } => {
                let what = || format!("a record of the unknown kind `{kind}`");
                self.remark(RemarkKind::UnknownKind, self.place(at, Some((stream, seq))), what);
            }
            _ => {}
        }
    }

    /// Compares the checkpoints of the size that is reached.
    fn compare(&mut self) {
        while let Some(entry) = self.due.first_entry() {
            let size = *entry.key();
            if size > self.index {
                break;
            }
            for (checkpoint, place) in entry.remove() {
                self.compare_one(checkpoint, place);
            }
        }
        self.next_due = self.due.first_key_value().map_or(u64::MAX, |(size, _)| *size);
    }

    fn compare_one(&mut self, checkpoint: Checkpoint, place: Place) {
        let size = checkpoint.size;
        let Some(tree) = self.tree.as_ref().filter(|tree| tree.size() == size) else {
            let what =
                || format!("the checkpoint of {size} records is after records that are missing");
            return self.remark(RemarkKind::NotCompared, place, what);
        };
        if tree.root() == checkpoint.root {
            self.agreed = size;
            self.report.checkpoints.agree = self.report.checkpoints.agree.saturating_add(1);
            self.report.checkpoints.newest = Some(checkpoint);
            return;
        }
        if std::mem::replace(&mut self.disagreed, true) {
            return;
        }
        let made = checkpoint.time.map_or_else(String::new, |time| format!(" of {time}"));
        let at = match (&place.segment, place.line) {
            (Some(file), Some(line)) => format!(" ({file}:{line})"),
            _ => String::new(),
        };
        let records = Place { index: Some(self.agreed), until: Some(size), ..Place::default() };
        let what =
            || format!("the checkpoint{made}{at} has another root over the first {size} records");
        self.breaks(BreakKind::Root, records, what);
    }

    /// What the log is, once all of it was taken.
    pub(crate) fn end(mut self) -> Report {
        let streams = std::mem::take(&mut self.streams);
        for claim in std::mem::take(&mut self.heads) {
            self.head(&claim, streams.get(&claim.of));
        }
        for (id, mut stream) in streams {
            stream.settle(&mut self.found);
            self.drain(id);
            self.finish(id, &stream);
        }
        if let Some((size, signed)) = self.due.pop_last() {
            let made = signed.into_iter().next().and_then(|(checkpoint, _)| checkpoint.time);
            let made = made.map_or_else(String::new, |time| format!(" of {time}"));
            let place = Place { index: Some(self.index), until: Some(size), ..Place::default() };
            let missing = count(size.saturating_sub(self.index), "record is", "records are");
            // Those that are missing in the middle make the log shorter too.
            let at_the_end = if self.report.breaks_total == 0 { " at the end" } else { "" };
            let what = || {
                format!("the checkpoint{made} is of {size} records: {missing} missing{at_the_end}")
            };
            self.breaks(BreakKind::Cut, place, what);
        }
        self.report.root = self.tree.as_ref().map(Tree::root);
        // A record is named before the range that it lies in.
        self.report.breaks.sort_by_key(|b| {
            let index = b.place.index.unwrap_or(u64::MAX);
            (b.place.until.map_or(index, |until| until.saturating_sub(1)), b.place.until.is_some())
        });
        self.report.remarks.sort_by_key(|r| (r.kind, r.place.index));
        self.report
    }

    /// Compares what a proxy knew of a stream with what the log has.
    fn head(&mut self, claim: &Claim, stream: Option<&Stream>) {
        let place = self.place(claim.at, None);
        let Claim { of, seq, because, .. } = claim;
        let Some(stream) = stream else {
            if !self.pruned {
                let lost = count(seq.saturating_add(1), "record", "records");
                let what =
                    || format!("it says that stream {of} ({because}) had {lost}: the log has none");
                self.breaks(BreakKind::Lost, place, what);
            }
            return;
        };
        let has = stream.next.saturating_sub(1);
        if has < *seq {
            let lost = count(
                seq.saturating_sub(has),
                "record of that stream was",
                "records of that stream were",
            );
            let what = || {
                format!(
                    "it says that stream {of} ({because}) ended with seq {seq}, the log has up to {has}: {lost} lost"
                )
            };
            self.breaks(BreakKind::Lost, place, what);
        } else if has == *seq && stream.last != claim.hash {
            let place = stream.last_at.map_or(place, |at| self.place(at, Some((*of, *seq))));
            let what = || format!("record {} names another SHA-256 for it", claim.at.index);
            self.breaks(BreakKind::Changed, place, what);
        }
    }

    fn finish(&mut self, id: StreamId, stream: &Stream) {
        for gap in &stream.gaps {
            let declared = stream.declared.range(gap.from..gap.to).count() as u64;
            let missing = gap.to.saturating_sub(gap.from).saturating_sub(declared);
            if missing == 0 {
                continue;
            }
            let records = count(missing, "record", "records");
            let which = match gap.to.saturating_sub(1) {
                last if last == gap.from => format!("seq {last}"),
                last => format!("seq {} to {last}", gap.from),
            };
            let what = || format!("{records} of its stream missing before it: {which}");
            self.breaks(BreakKind::Missing, self.place(gap.at, Some((id, gap.to))), what);
        }
        for (record, (at, seq)) in &stream.intents {
            let what =
                || format!("the request `{record}` was released, and what came of it is not known");
            self.remark(RemarkKind::NoOutcome, self.place(*at, Some((id, *seq))), what);
        }
        if let Some(at) = stream.last_at.filter(|_| !stream.ended) {
            let what = || "its stream goes on, or its proxy ended without a word".to_owned();
            let last = stream.next.saturating_sub(1);
            self.remark(RemarkKind::Open, self.place(at, Some((id, last))), what);
        }
        self.report.streams.push(StreamReport {
            stream: id,
            instance: stream.instance.clone(),
            records: stream.records,
            first_seq: stream.first_seq,
            last_seq: (stream.records > 0).then(|| stream.next.saturating_sub(1)),
            ended: stream.ended,
        });
    }

    /// Reports what a stream found.
    fn drain(&mut self, id: StreamId) {
        for found in std::mem::take(&mut self.found) {
            let place = Place { until: found.until, ..self.place(found.at, Some((id, found.seq))) };
            self.breaks(found.kind, place, || found.what);
        }
    }

    fn place(&self, at: At, record: Option<(StreamId, u64)>) -> Place {
        Place {
            segment: self.segments.get(at.segment).cloned(),
            line: Some(at.line),
            index: Some(at.index),
            until: None,
            stream: record.map(|(stream, _)| stream),
            seq: record.map(|(_, seq)| seq),
        }
    }

    fn breaks(&mut self, kind: BreakKind, place: Place, what: impl FnOnce() -> String) {
        self.report.breaks_total = self.report.breaks_total.saturating_add(1);
        if self.report.breaks.len() < Report::MOST {
            self.report.breaks.push(Break { kind, place, what: what() });
        }
    }

    fn remark(&mut self, kind: RemarkKind, place: Place, what: impl FnOnce() -> String) {
        self.report.remarks_total = self.report.remarks_total.saturating_add(1);
        if self.report.remarks.len() < Report::MOST {
            self.report.remarks.push(Remark { kind, place, what: what() });
        }
    }

    /// Bytes of the lines so far.
    pub(crate) const fn bytes(&self) -> u64 {
        self.report.bytes
    }

    /// Whether anything is wrong so far.
    #[cfg(test)]
    pub(crate) const fn is_broken(&self) -> bool {
        self.report.breaks_total > 0 || !self.repeats.is_empty()
    }
}

/// A number and what is counted.
fn count(n: u64, one: &str, more: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { more })
}
