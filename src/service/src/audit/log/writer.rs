//! The one task that writes: everybody who waits shares one write and one sync.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::merkle::{Frontier, leaf};
use super::note::Notary;
use super::recover::Recovered;
use super::state;
use super::streams::{Seen, Streams};
use super::tail::{Opener, Tail, sync_directory};
use crate::audit::metrics::Metrics;
use crate::audit::record::{Digest, Line, Stream};
use crate::audit::segments;
use crate::desk::Clock;

/// Most records that are written at once, unless one request has more.
const GROUP: usize = 1000;
/// Records after which a checkpoint is made.
const CHECKPOINT_RECORDS: u64 = 1000;
/// How long after a record a checkpoint is made; a little less than the second that is promised.
const CHECKPOINT_AFTER: Duration = Duration::from_millis(900);

/// A line that was read, with its hashes.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) stream: Stream,
    pub(super) seq: u64,
    prev: Digest,
    pub(super) hash: Digest,
    leaf: Digest,
    text: String,
}

impl Entry {
    /// How many bytes it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        self.text.len().saturating_add(size_of::<Self>())
    }

    /// Its stream, and its number there.
    pub fn place(&self) -> (Stream, u64) {
        (self.stream, self.seq)
    }

    /// The hash of the line.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// The line.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<Line<'_>> for Entry {
    fn from(line: Line<'_>) -> Self {
        let Line { stream, seq, prev, text } = line;
        Self { stream, seq, prev, hash: line.hash(), leaf: leaf(text), text: text.to_owned() }
    }
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on the disk.
    Stored,
    /// It was there already.
    Duplicate,
    /// Another line is there.
    Conflict,
    /// A line is there that is too old to be remembered; the index knows which.
    Old,
}

/// The log cannot be written now. Nothing of the request is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot be written now")]
pub struct Unavailable;

/// What the writer is asked.
pub(super) enum Message {
    Append {
        lines: Vec<Entry>,
        reply: oneshot::Sender<Result<Vec<Fate>, Unavailable>>,
        room: OwnedSemaphorePermit,
    },
    Close,
}

/// What the writer works with.
pub(super) struct Tools {
    pub(super) directory: PathBuf,
    pub(super) segment_bytes: u64,
    pub(super) mirror: Option<PathBuf>,
    pub(super) notary: Arc<Notary>,
    pub(super) clock: Clock,
    pub(super) open: Opener,
    pub(super) metrics: Arc<Metrics>,
    /// How many records the index has.
    pub(super) indexed: Arc<AtomicU64>,
    /// How many records are on the disk.
    pub(super) size: watch::Sender<u64>,
    /// The last checkpoint.
    pub(super) checkpoint: watch::Sender<Arc<str>>,
}

pub(super) struct Writer {
    tools: Tools,
    log: Frontier,
    streams: Streams,
    segment: Option<Open>,
    /// Records that the last checkpoint covers.
    covered: u64,
    /// When the first record came that none covers.
    uncovered: Option<Instant>,
    broken: bool,
}

/// The newest segment.
struct Open {
    records: Tail,
    notes: Tail,
}

/// What a group of requests is about to add.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    new: Vec<(Stream, u64, Digest, Digest)>,
    hashes: HashMap<(Stream, u64), Digest>,
}

impl Writer {
    /// Goes on with a log.
    pub(super) fn new(tools: Tools, found: Recovered) -> std::io::Result<Self> {
        let segment = match found.segment {
            None => None,
            Some((first, length)) => {
                let open = |path: PathBuf, length| {
                    Ok::<_, std::io::Error>(Tail::new((tools.open)(&path)?, length))
                };
                let records = open(segments::records(&tools.directory, first), length)?;
                Some(Open {
                    records,
                    notes: open(segments::notes(&tools.directory, first), found.notes)?,
                })
            }
        };
        let (covered, text) = found.checkpoint.unwrap_or_else(|| {
            (found.first, tools.notary.checkpoint(&found.log, tools.clock.now()))
        });
        tools.checkpoint.send_replace(text.into());
        tools.metrics.checkpoint_size.store(covered, Ordering::Relaxed);
        tools.size.send_replace(found.log.size());
        let uncovered = (covered < found.log.size()).then(Instant::now);
        Ok(Self {
            tools,
            log: found.log,
            streams: found.streams,
            segment,
            covered,
            uncovered,
            broken: false,
        })
    }

    /// Writes until it is told to close.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            let message = match self.uncovered {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) => inbox.recv_timeout(CHECKPOINT_AFTER.saturating_sub(since.elapsed())),
            };
            let open = match message {
                Ok(Message::Append { lines, reply, room }) => {
                    self.group(inbox, (lines, reply, room))
                }
                Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => false,
                Err(RecvTimeoutError::Timeout) => true,
            };
            let waits = self.log.size().saturating_sub(self.covered);
            let late = self.uncovered.is_some_and(|since| since.elapsed() >= CHECKPOINT_AFTER);
            if late || waits >= CHECKPOINT_RECORDS || (!open && waits > 0) {
                self.checkpoint();
            }
            if !open {
                return;
            }
        }
    }

    /// Writes a request, and those that came meanwhile; returns whether to go on.
    fn group(&mut self, inbox: &Receiver<Message>, first: Request) -> bool {
        let mut group = Group::default();
        let mut open = true;
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some((lines, reply, room)) = next.take() {
            let fates = lines.iter().map(|line| self.judge(line, &mut group)).collect();
            waiting.push((reply, fates, room));
            if group.new.len() < GROUP {
                match inbox.try_recv() {
                    Ok(Message::Append { lines, reply, room }) => next = Some((lines, reply, room)),
                    Ok(Message::Close) => open = false,
                    Err(_) => {}
                }
            }
        }
        let written = self.write(&group);
        let result = match written {
            Ok(()) => {
                if std::mem::take(&mut self.broken) {
                    tracing::info!("the audit log can be written again");
                }
                self.keep(group);
                Ok(())
            }
            Err(error) => {
                if !std::mem::replace(&mut self.broken, true) {
                    tracing::error!(%error, "the audit log cannot be written: senders are told to come again");
                }
                Err(Unavailable)
            }
        };
        for (reply, fates, _room) in waiting {
            // Whoever does not wait any longer sends it again.
            let _ = reply.send(result.map(|()| fates));
        }
        open
    }

    /// What becomes of a line; puts it into the group if it is new.
    fn judge(&self, line: &Entry, group: &mut Group) -> Fate {
        let place = (line.stream, line.seq);
        let seen = match group.hashes.get(&place) {
            Some(hash) => Seen::Line(*hash),
            None => self.streams.seen(line.stream, line.seq),
        };
        match seen {
            Seen::Line(hash) if hash == line.hash => Fate::Duplicate,
            Seen::Line(_) => Fate::Conflict,
            Seen::Old => Fate::Old,
            Seen::Free => {
                group.hashes.insert(place, line.hash);
                group.new.push((line.stream, line.seq, line.hash, line.leaf));
                group.bytes.extend_from_slice(line.text.as_bytes());
                group.bytes.push(b'\n');
                if !self.follows(line, group) {
                    self.tools.metrics.broken_links.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(stream = %line.stream, seq = line.seq, "an audit record does not go on from the one before it; it is kept, and `audit verify` reports it");
                }
                Fate::Stored
            }
        }
    }

    fn follows(&self, line: &Entry, group: &Group) -> bool {
        let before = line.seq.checked_sub(1).and_then(|seq| group.hashes.get(&(line.stream, seq)));
        match before {
            Some(hash) => *hash == line.prev,
            None => self.streams.follows(line.stream, line.seq, &line.prev),
        }
    }

    fn write(&mut self, group: &Group) -> std::io::Result<()> {
        if group.bytes.is_empty() {
            return Ok(());
        }
        let length = u64::try_from(group.bytes.len()).unwrap_or(u64::MAX);
        let full = self.segment.as_ref().is_some_and(|open| {
            let begun = open.records.length() > 0;
            begun && open.records.length().saturating_add(length) > self.tools.segment_bytes
        });
        if full {
            self.seal();
        }
        if full || self.segment.is_none() {
            self.segment = Some(self.begin()?);
        }
        let Some(open) = &mut self.segment else { return Ok(()) };
        let begun = Instant::now();
        open.records.write(&group.bytes)?;
        self.tools.metrics.fsync.observe(begun.elapsed());
        Ok(())
    }

    /// Takes what is on the disk now into account.
    fn keep(&mut self, group: Group) {
        if group.new.is_empty() {
            return;
        }
        for (stream, seq, hash, leaf) in group.new {
            self.log.push(leaf);
            self.streams.add(stream, seq, hash);
        }
        let size = self.log.size();
        self.streams.trim(size.saturating_sub(self.tools.indexed.load(Ordering::Relaxed)));
        self.uncovered.get_or_insert_with(Instant::now);
        self.tools.size.send_replace(size);
    }

    /// Ends the newest segment: a checkpoint covers all of it.
    fn seal(&mut self) {
        if self.covered < self.log.size() {
            self.checkpoint();
        }
        if let Err(error) = state::save(&self.tools.directory, &self.log, &self.streams) {
            tracing::warn!(%error, "the next start of the audit log will take longer");
        }
    }

    /// Makes the segment that begins with the next record.
    fn begin(&self) -> std::io::Result<Open> {
        let (tools, first) = (&self.tools, self.log.size());
        let make = |path: PathBuf| {
            let mut medium = (tools.open)(&path)?;
            // An attempt that failed may have left something.
            medium.truncate(0)?;
            Ok::<_, std::io::Error>(Tail::new(medium, 0))
        };
        let notes = make(segments::notes(&tools.directory, first))?;
        let records = make(segments::records(&tools.directory, first))?;
        sync_directory(&segments::folder(&tools.directory))?;
        Ok(Open { records, notes })
    }

    /// Signs what is there. What cannot be written now is tried again after a second.
    fn checkpoint(&mut self) {
        let Some(open) = &mut self.segment else { return };
        let tools = &self.tools;
        let note = tools.notary.checkpoint(&self.log, tools.clock.now());
        if let Err(error) = open.notes.write(format!("{note}\n").as_bytes()) {
            tracing::error!(%error, "a checkpoint of the audit log cannot be written");
            self.uncovered = Some(Instant::now());
            return;
        }
        if let Some(mirror) = &tools.mirror
            && let Err(error) = append(mirror, &note)
        {
            tools.metrics.mirror_failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, file = %mirror.display(), "a checkpoint of the audit log cannot be mirrored");
        }
        self.covered = self.log.size();
        self.uncovered = None;
        tools.metrics.checkpoint_size.store(self.covered, Ordering::Relaxed);
        tools.checkpoint.send_replace(note.into());
    }
}

type Request = (Vec<Entry>, oneshot::Sender<Result<Vec<Fate>, Unavailable>>, OwnedSemaphorePermit);

/// Appends a checkpoint to a file that something else may have moved away.
fn append(file: &Path, note: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.append(true).create(true).open(file)?;
    file.write_all(format!("{note}\n").as_bytes())?;
    file.sync_data()
}
