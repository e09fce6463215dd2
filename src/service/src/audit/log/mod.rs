//! The log: segments that only grow, and signed checkpoints of them.
//!
//! ```text
//!  requests ──► append ──► writer thread: one write, one fsync for all that wait ──► each is told what became of its lines
//!                            └─ every second, or 1,000 records: a checkpoint, and its copy in the mirror
//! ```

pub mod merkle;
pub mod note;
mod pruned;
mod recover;
mod state;
mod streams;
pub mod tail;
mod writer;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use tokio::sync::{Semaphore, oneshot, watch};

pub use pruned::prune;
pub use recover::OpenError;
pub use writer::{Entry, Fate, Unavailable};

use crate::audit::metrics::Metrics;
use crate::desk::Clock;
use note::Notary;
use writer::{Message, Tools, Writer};

/// Records in bytes that may wait to be written.
const WAITING: usize = 64 << 20;

/// How a log is kept.
pub struct Config {
    /// Where.
    pub directory: PathBuf,
    /// Length of a segment, in bytes.
    pub segment_bytes: u64,
    /// Another file that gets every checkpoint.
    pub mirror: Option<PathBuf>,
    /// Who signs.
    pub notary: Arc<Notary>,
    /// What the time is.
    pub clock: Clock,
    /// How files are opened.
    pub open: tail::Opener,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// A log that is written.
#[derive(Debug)]
pub struct Log {
    inbox: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    size: watch::Receiver<u64>,
    checkpoint: watch::Receiver<Arc<str>>,
    indexed: Arc<AtomicU64>,
    first: u64,
    ended: watch::Receiver<bool>,
}

impl Log {
    /// Opens the log, and makes it when there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let Config { directory, segment_bytes, mirror, notary, clock, open, metrics } = config;
        let lock = lock(&directory)?;
        let found = recover::recover(&directory, &notary)?;
        let first = found.first;
        let (size, checkpoint) = (watch::Sender::new(0), watch::Sender::new(Arc::from("")));
        let indexed = Arc::new(AtomicU64::new(0));
        let (seen, signed) = (size.subscribe(), checkpoint.subscribe());
        let failed = |e| OpenError::File(directory.clone(), e);
        let tools = Tools {
            directory: directory.clone(),
            segment_bytes,
            mirror,
            notary,
            clock,
            open,
            metrics,
            indexed: Arc::clone(&indexed),
            size,
            checkpoint,
        };
        let writer = Writer::new(tools, found).map_err(failed)?;
        let (inbox, messages) = mpsc::channel();
        let (end, ended) = watch::channel(false);
        std::thread::Builder::new()
            .name("audit-log".to_owned())
            .spawn(move || {
                writer.run(&messages);
                drop(lock);
                end.send_replace(true);
            })
            .map_err(failed)?;
        let room = Arc::new(Semaphore::new(WAITING));
        Ok(Self { inbox, room, size: seen, checkpoint: signed, indexed, first, ended })
    }

    /// Writes lines, and returns what became of each when they are on the disk.
    ///
    /// # Errors
    /// [`Unavailable`] when nothing was written: the disk is full, too much waits, or the service stops.
    pub async fn append(&self, lines: Vec<Entry>) -> Result<Vec<Fate>, Unavailable> {
        let bytes: usize = lines.iter().map(Entry::bytes).sum();
        let bytes = u32::try_from(bytes.min(WAITING)).map_err(|_| Unavailable)?;
        // Who sends more than can be written is told so at once, and keeps it.
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Unavailable)?;
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Append { lines, reply, room }).map_err(|_| Unavailable)?;
        answer.await.map_err(|_| Unavailable)?
    }

    /// How many records are on the disk, from the very first of the log.
    pub fn size(&self) -> watch::Receiver<u64> {
        self.size.clone()
    }

    /// The first record that was not removed when the log was opened.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The last checkpoint, as a signed note.
    pub fn checkpoint(&self) -> Arc<str> {
        Arc::clone(&self.checkpoint.borrow())
    }

    /// Tells how many records the index has: the hashes of later ones are remembered here.
    pub fn indexed(&self, records: u64) {
        self.indexed.store(records, Ordering::Relaxed);
    }

    /// Writes what waits and the last checkpoint.
    pub async fn close(&self) {
        let _ = self.inbox.send(Message::Close);
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

/// One writer: held until the file is closed, however the process ends.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let failed = |e| OpenError::File(path.clone(), e);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(failed)?;
    let file =
        File::options().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
