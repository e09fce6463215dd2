//! Reads a source to its end: one thread reads, some hash and parse, one compares.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::blocks::{self, Piece};
use crate::checkpoint::{self, Read};
use crate::line::Line;
use crate::log::Log;
use crate::note::VerifierKey;
use crate::report::Report;
use crate::source::{Segment, Source, Unreadable};
use crate::{pruned, repeats};

/// Most threads that hash and parse.
const MOST_WORKERS: usize = 8;
/// Blocks that wait for each of them.
const QUEUE: usize = 2;

/// What a log is verified against.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The key of its checkpoints; without one their signatures are not checked.
    pub key: Option<VerifierKey>,
    /// Checkpoints from elsewhere, and the name of where: the only thing that tells of an end that was cut off together with
    /// the log's own.
    pub checkpoints: Option<(String, Vec<u8>)>,
}

/// What is read, in order.
enum Job {
    Notes(String, Vec<u8>, bool),
    Segment(Segment),
    Piece(Piece, bool),
    Failed(Unreadable),
}

/// The same, worked on.
enum Done {
    Checkpoints(String, Read, bool),
    Segment(Segment),
    Lines(Vec<(Line, u64)>),
    TooLong(u64),
    Torn(u64, bool),
    Failed(Unreadable),
}

/// Verifies all of `source`; `progress` is told how many bytes were compared so far.
///
/// # Errors
/// When something that is there cannot be read. What can be read and is wrong is in the report.
pub fn verify(
    source: &dyn Source,
    options: &Options,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Unreadable> {
    let key = options.key.as_ref();
    let mut log = Log::new(key.is_some());
    // Listed before `pruned` is read: what was removed in between is accounted for there.
    let mut segments = source.segments()?;
    if let Some(bytes) = source.pruned()? {
        let read = pruned::read(&bytes, key);
        let kept = read.as_ref().map_or(0, |pruned| pruned.tree.size());
        segments = not_removed(segments, kept);
        log.pruned(read);
    }
    for name in source.strays() {
        log.stray(&name);
    }
    if let Some((name, bytes)) = &options.checkpoints {
        log.checkpoints(name, checkpoint::read(bytes, key), true);
    }
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS);
    thread::scope(|scope| {
        let mut jobs = Vec::new();
        let mut results = Vec::new();
        for _ in 0..workers {
            let (job, todo) = sync_channel(QUEUE);
            let (done, result) = sync_channel(QUEUE);
            scope.spawn(move || work(&todo, &done, key));
            jobs.push(job);
            results.push(result);
        }
        let segments = &segments;
        scope.spawn(move || read(source, segments, &jobs));
        // In turns, as they were given out: everything stays in order.
        for result in results.iter().cycle() {
            let Ok(done) = result.recv() else { break };
            take(&mut log, done, progress)?;
        }
        Ok(())
    })?;
    repeats::compare(&mut log, source, &segments)?;
    Ok(log.end())
}

/// Without the segments that were to be removed when the program was stopped.
fn not_removed(segments: Vec<Segment>, kept: u64) -> Vec<Segment> {
    let ends: Vec<Option<u64>> = segments.iter().skip(1).map(|next| next.first).collect();
    let ends = ends.into_iter().chain([None]);
    let kept = segments.into_iter().zip(ends).filter(|(_, end)| end.is_none_or(|end| end > kept));
    kept.map(|(segment, _)| segment).collect()
}

/// Gives every piece of the log to the next worker in turn.
fn read(source: &dyn Source, segments: &[Segment], workers: &[SyncSender<Job>]) {
    let mut turns = workers.iter().cycle();
    let mut give = |job| turns.next().is_some_and(|worker| worker.send(job).is_ok());
    if let Err(error) = read_all(source, segments, &mut give) {
        give(Job::Failed(error));
    }
}

fn read_all(
    source: &dyn Source,
    segments: &[Segment],
    give: &mut dyn FnMut(Job) -> bool,
) -> Result<(), Unreadable> {
    let notes = |at: usize| {
        let Some(segment) = segments.get(at) else { return Ok(None) };
        let name = segment.name.replace(".jsonl", ".notes");
        let last = at.saturating_add(1) == segments.len();
        Ok(Some(Job::Notes(name, source.notes(segment)?, last)))
    };
    if let Some(first) = notes(0)? {
        give(first);
    }
    for (at, segment) in segments.iter().enumerate() {
        // One segment ahead: a checkpoint may be written to the next one just after that was begun.
        let next = notes(at.saturating_add(1))?;
        let last = next.is_none();
        if let Some(next) = next {
            give(next);
        }
        if !give(Job::Segment(segment.clone())) {
            return Ok(());
        }
        blocks::each(source.open(segment)?, |piece| give(Job::Piece(piece, last)))
            .map_err(|error| Unreadable { what: segment.name.clone(), error })?;
    }
    Ok(())
}

/// Parses and hashes.
fn work(todo: &Receiver<Job>, done: &SyncSender<Done>, key: Option<&VerifierKey>) {
    while let Ok(job) = todo.recv() {
        let result = match job {
            Job::Notes(name, bytes, last) => {
                Done::Checkpoints(name, checkpoint::read(&bytes, key), last)
            }
            Job::Segment(segment) => Done::Segment(segment),
            Job::Piece(Piece::Lines(block), _) => Done::Lines(
                blocks::lines(&block)
                    .map(|line| (Line::read(line), (line.len() as u64).saturating_add(1)))
                    .collect(),
            ),
            Job::Piece(Piece::TooLong(bytes), _) => Done::TooLong(bytes),
            Job::Piece(Piece::Torn(bytes), last) => Done::Torn(bytes, last),
            Job::Failed(error) => Done::Failed(error),
        };
        if done.send(result).is_err() {
            return;
        }
    }
}

/// Compares.
fn take(log: &mut Log, done: Done, progress: &mut dyn FnMut(u64)) -> Result<(), Unreadable> {
    match done {
        Done::Checkpoints(name, read, last) => log.checkpoints(&name, read, last),
        Done::Segment(segment) => log.segment(&segment),
        Done::Lines(lines) => {
            for (line, bytes) in &lines {
                log.line(line, *bytes);
            }
            progress(log.bytes());
        }
        Done::TooLong(bytes) => log.too_long(bytes),
        Done::Torn(bytes, last) => log.torn(bytes, last),
        Done::Failed(error) => return Err(error),
    }
    Ok(())
}
