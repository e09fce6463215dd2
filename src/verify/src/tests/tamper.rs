//! Every small change to a log of a thousand records is found, and found where it is.

#![expect(clippy::arithmetic_side_effects, reason = "places in a small log")]

use super::writer::{Writer, checkpoint, collected, joined, key, several};
use crate::blocks;
use crate::checkpoint;
use crate::line::Line;
use crate::log::Log;
use crate::source::Segment;
use crate::{Break, BreakKind, Report};

const RECORDS: usize = 1000;
const STREAMS: u64 = 7;

/// A log whose lines were read once, and the state before each of them.
struct Tampered {
    writer: Writer,
    read: Vec<Line>,
    before: Vec<Log>,
}

impl Tampered {
    /// Its only checkpoint is one of all records: all else that tells is the records themselves.
    fn new() -> Self {
        let writer = several(RECORDS, STREAMS);
        let read: Vec<Line> = writer.lines.iter().map(|line| Line::read(line)).collect();
        let mut log = Log::new(true);
        let notes = checkpoint(&writer.lines);
        log.segment(&Segment { name: "log".to_owned(), first: Some(0), bytes: 0 });
        log.checkpoints("mirror", checkpoint::read(notes.as_bytes(), Some(&key())), true);
        let mut before = Vec::new();
        for line in &read {
            before.push(log.clone());
            log.line(line, 1);
        }
        assert!(log.end().is_sound());
        Self { writer, read, before }
    }

    /// The report when the lines `from..to` are replaced by these bytes. Soon after something was found, nothing more is read.
    fn with(&self, from: usize, to: usize, bytes: &[u8]) -> Report {
        let mut log = self.before[from].clone();
        let put_in: Vec<Line> = blocks::lines(bytes).map(Line::read).collect();
        let mut more = 5 * STREAMS;
        for line in put_in.iter().chain(&self.read[to..]) {
            log.line(line, 1);
            more -= u64::from(log.is_broken());
            if more == 0 {
                break;
            }
        }
        for repeat in log.repeats() {
            log.repeated(&repeat, None);
        }
        log.end()
    }
}

/// The first record that is said to be bad is the one at `index`.
fn assert_names(report: &Report, index: usize, what: &str) -> Break {
    let Some(first) = report.breaks.first() else { panic!("not found: {what}") };
    let from = first.place.index.unwrap();
    let range = match first.kind {
        // What is missing is before the record that is named; so is the other one of two that were swapped, or have one number.
        BreakKind::Missing | BreakKind::Fork | BreakKind::Moved => 0..from + 1,
        _ => from..first.place.until.unwrap_or(from + 1),
    };
    assert!(range.contains(&(index as u64)), "{what}: record {index}, not {first:?}");
    first.clone()
}

#[test]
fn every_flipped_byte_is_found() {
    let log = Tampered::new();
    let mut flips = 0;
    let mut exact = 0;
    for (index, line) in log.writer.lines.iter().enumerate() {
        let mut bytes = joined(std::slice::from_ref(line));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                // Every bit of a byte in turn, so that no position and no bit is left out.
                if bit != (at + index) % 8 && at % 16 != 0 {
                    continue;
                }
                bytes[at] ^= 1 << bit;
                // Without its LF the line goes on into the next one, which is last when there is none.
                let joins = at + 1 == bytes.len();
                let report = if joins && index + 1 < RECORDS {
                    let both =
                        [&bytes[..], &joined(&log.writer.lines[index + 1..=index + 1])].concat();
                    log.with(index, index + 2, &both)
                } else {
                    log.with(index, index + 1, &bytes)
                };
                let first = assert_names(&report, index, &format!("byte {at}, bit {bit}"));
                exact += usize::from(first.place.until.is_none());
                flips += 1;
                bytes[at] ^= 1 << bit;
            }
        }
    }
    assert!(flips > 300_000, "{flips}");
    // Of a record with another `prev` it is not known whether the one before it was changed too.
    assert!(exact * 100 > flips * 65, "{exact} of {flips}");
}

#[test]
fn every_deleted_record_is_found() {
    let log = Tampered::new();
    for index in 0..RECORDS {
        let report = log.with(index, index + 1, b"");
        assert!(!report.is_sound(), "{index}");
        // What is named is the next record of the stream, or the end.
        let named = report.breaks[0].place.until.or(report.breaks[0].place.index).unwrap();
        assert!(named >= index as u64, "{index}: {:?}", report.breaks);
    }
}

#[test]
fn every_swap_of_neighbours_is_found() {
    let log = Tampered::new();
    for index in 0..RECORDS - 1 {
        let mut pair = log.writer.lines[index..index + 2].to_vec();
        pair.reverse();
        let report = log.with(index, index + 2, &joined(&pair));
        assert_names(&report, index, "swapped");
    }
}

#[test]
fn every_inserted_record_is_found() {
    let log = Tampered::new();
    let mut forged = Writer::default();
    forged.begin(99);
    for index in 0..RECORDS {
        let line = &log.writer.lines[index];
        let again = joined(&[line.clone(), line.clone()]);
        assert_names(&log.with(index, index + 1, &again), index + 1, "again");
        let new = joined(&[forged.lines[0].clone(), line.clone()]);
        assert_names(&log.with(index, index + 1, &new), index, "a new stream");
        let empty = joined(&[Vec::new(), line.clone()]);
        assert_names(&log.with(index, index + 1, &empty), index, "an empty line");
    }
}

#[test]
fn every_cut_is_found() {
    let log = Tampered::new();
    let bytes = joined(&log.writer.lines);
    let whole = collected(&log.writer.lines, RECORDS, RECORDS);
    for index in 0..RECORDS {
        let first = assert_names(&log.before[index].clone().end(), index, "cut");
        assert_eq!(first.place.until, Some(RECORDS as u64));
    }
    // Within a line: what is left of it is no record.
    for at in (1..bytes.len()).step_by(997) {
        let mut cut = whole.clone();
        cut.segments[0].1.truncate(at);
        let kept = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        assert_names(&cut.verify(), kept, "cut within a line");
    }
}

#[test]
fn every_flipped_byte_of_a_checkpoint_is_found() {
    let writer = several(40, 3);
    let whole = collected(&writer.lines, 20, 10);
    for segment in 0..whole.segments.len() {
        let notes = whole.segments[segment].2.clone().into_bytes();
        for at in 0..notes.len() {
            for bit in [0, 2, 5] {
                let mut flipped = notes.clone();
                flipped[at] ^= 1 << bit;
                let Ok(flipped) = String::from_utf8(flipped) else { continue };
                let mut tampered = whole.clone();
                tampered.segments[segment].2 = flipped;
                let report = tampered.verify();
                // The last one's empty line is all that may go: it is between notes, not part of one.
                let between = at + 1 == notes.len();
                assert!(
                    !report.is_sound() || between,
                    "{segment}, byte {at}, bit {bit}: {report:?}"
                );
            }
        }
    }
}
