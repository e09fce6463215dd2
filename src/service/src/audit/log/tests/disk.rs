//! Disks that fail, and processes that end in the middle.

use super::*;

/// A disk with so much room left, on which every so many syncs fail.
struct Small {
    file: std::fs::File,
    room: Arc<AtomicUsize>,
    syncs: Arc<AtomicUsize>,
}

impl Medium for Small {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.room.load(Ordering::SeqCst);
        if bytes.len() > room {
            // Some of it was written, as a full disk does it.
            self.file.append(&bytes[..room])?;
            self.room.store(0, Ordering::SeqCst);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room.fetch_sub(bytes.len(), Ordering::SeqCst);
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let left = self.syncs.load(Ordering::SeqCst);
        if left == 0 {
            return Err(io::Error::other("input/output error"));
        }
        self.syncs.store(left.saturating_sub(1), Ordering::SeqCst);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        self.room
            .fetch_add(usize::try_from(before.saturating_sub(length)).unwrap(), Ordering::SeqCst);
        self.file.truncate(length)
    }
}

fn small(room: &Arc<AtomicUsize>, syncs: &Arc<AtomicUsize>) -> Opener {
    let (room, syncs) = (Arc::clone(room), Arc::clone(syncs));
    Box::new(move |path| {
        let file = std::fs::File::options().append(true).create(true).open(path)?;
        Ok(Box::new(Small { file, room: Arc::clone(&room), syncs: Arc::clone(&syncs) }))
    })
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let (room, syncs) = (Arc::new(AtomicUsize::new(6000)), Arc::new(AtomicUsize::new(1_000_000)));
    let log = Log::open(Config {
        open: small(&room, &syncs),
        segment_bytes: 1 << 20,
        ..config(folder.path())
    });
    let log = log.unwrap();
    let sent = lines(1, 60);
    let mut stored = 0;
    while log.append(entries(&sent[stored..stored + 2])).await.is_ok() {
        stored += 2;
        assert!(stored < 50, "the disk has no end");
    }
    assert!(stored > 4);
    // Nothing of what was refused is there, and it is refused again.
    assert_eq!(all_lines(folder.path()), sent[..stored]);
    assert_eq!(log.append(entries(&sent[stored..])).await, Err(Unavailable));
    // What was stored before is acknowledged: it is on the disk.
    assert_eq!(log.append(entries(&sent[..stored])).await, Ok(vec![Fate::Duplicate; stored]));
    room.store(1 << 20, Ordering::SeqCst);
    let left = entries(&sent[stored..]);
    assert_eq!(log.append(left).await, Ok(vec![Fate::Stored; 60 - stored]));
    log.close().await;
    assert_eq!(verify(folder.path(), &notary(1)), (sent, 60));
}

#[tokio::test]
async fn what_could_not_be_synced_is_not_acknowledged() {
    for fail in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let (room, syncs) = (Arc::new(AtomicUsize::new(1 << 20)), Arc::new(AtomicUsize::new(fail)));
        let log =
            Log::open(Config { open: small(&room, &syncs), ..config(folder.path()) }).unwrap();
        let sent = lines(1, 40);
        let mut acknowledged = 0;
        for chunk in sent.chunks(4) {
            match log.append(entries(chunk)).await {
                Ok(fates) => acknowledged += fates.len(),
                Err(Unavailable) => break,
            }
        }
        assert!(acknowledged < 40 && all_lines(folder.path()).len() >= acknowledged);
        syncs.store(1_000_000, Ordering::SeqCst);
        log.append(entries(&sent)).await.unwrap();
        log.close().await;
        assert_eq!(verify(folder.path(), &notary(1)), (sent, 40), "{fail}");
    }
}

/// The newest segment's files.
fn newest(directory: &Path) -> (PathBuf, PathBuf) {
    let last = segments::list(directory).unwrap().pop().unwrap();
    (segments::records(directory, last), segments::notes(directory, last))
}

async fn written(directory: &Path, sent: &[String]) {
    let log = Log::open(config(directory)).unwrap();
    for chunk in sent.chunks(3) {
        log.append(entries(chunk)).await.unwrap();
    }
    log.close().await;
}

#[tokio::test]
async fn a_line_that_a_crash_cut_off_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let sent = lines(1, 30);
    written(folder.path(), &sent[..20]).await;
    let (records, notes) = newest(folder.path());
    let before = (std::fs::read(&records).unwrap(), std::fs::read(&notes).unwrap());
    for cut in [1, 30, 200, sent[20].len()] {
        let add = |file: &Path, bytes: &[u8]| {
            use std::io::Write as _;
            std::fs::File::options().append(true).open(file).unwrap().write_all(bytes).unwrap();
        };
        add(&records, &sent[20].as_bytes()[..cut]);
        add(&notes, &before.1[..cut.min(90)]);
        let log = Log::open(config(folder.path())).unwrap();
        assert_eq!(*log.size().borrow(), 20);
        log.close().await;
        assert_eq!(
            (std::fs::read(&records).unwrap(), std::fs::read(&notes).unwrap()),
            before,
            "{cut}"
        );
    }
    written(folder.path(), &sent).await;
    assert_eq!(verify(folder.path(), &notary(1)), (sent, 30));
}

#[tokio::test]
async fn a_log_that_was_changed_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let sent = lines(1, 30);
    written(folder.path(), &sent).await;
    let (records, notes) = newest(folder.path());
    let all = segments::list(folder.path()).unwrap();
    assert!(all.len() > 3);
    let (text, signed) =
        (std::fs::read_to_string(&records).unwrap(), std::fs::read(&notes).unwrap());
    let cut: String = text.lines().take(1).map(|line| format!("{line}\n")).collect();
    for (change, what) in [
        (text.replacen("alice", "alicf", 1), "are not those that were signed"),
        (cut, "when it was signed"),
        (text.replacen("\"v\":1", "\"v\":2", 1), "is not one"),
    ] {
        std::fs::write(&records, change).unwrap();
        let error = Log::open(config(folder.path())).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("audit verify"), "{error}");
    }
    std::fs::write(&records, &text).unwrap();
    // A state that leads elsewhere is not believed.
    let state = folder.path().join(format!("state/{:020}.json", all[all.len() - 1]));
    let known = std::fs::read_to_string(&state).unwrap();
    std::fs::write(&state, known.replacen("\"head\":\"", "\"head\":\"0", 1)).unwrap();
    Log::open(config(folder.path())).unwrap().close().await;
    std::fs::remove_file(&state).unwrap();
    Log::open(config(folder.path())).unwrap().close().await;
    // In an older segment it is found too, when that one is read.
    let older = segments::records(folder.path(), all[1]);
    let old = std::fs::read_to_string(&older).unwrap();
    std::fs::write(&older, old.replacen("alice", "alicf", 1)).unwrap();
    let error = Log::open(config(folder.path())).unwrap_err().to_string();
    assert!(error.contains("are not those that were signed"), "{error}");
    std::fs::remove_file(&older).unwrap();
    let error = Log::open(config(folder.path())).unwrap_err().to_string();
    assert!(error.contains("is missing"), "{error}");
    std::fs::write(&older, old).unwrap();
    // Another key's checkpoints are no reason to stop.
    std::fs::write(&notes, signed).unwrap();
    let log = Log::open(Config { notary: notary(2), ..config(folder.path()) }).unwrap();
    assert_eq!(*log.size().borrow(), 30);
    log.close().await;
}
