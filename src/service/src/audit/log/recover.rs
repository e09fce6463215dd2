//! Finding out what a log has, when the collector starts.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::merkle::{Frontier, leaf};
use super::note::{self, Checkpoint, Notary};
use super::pruned;
use super::state;
use super::streams::Streams;
use crate::audit::record::Line;
use crate::audit::segments;

/// Why a log is not gone on with.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be read or written.
    #[error("cannot use the audit log `{0}`: {reason}", reason = crate::settings::os_reason(.1))]
    File(PathBuf, std::io::Error),
    /// There is another collector.
    #[error(
        "another collector writes the audit log `{0}`; stop it, or set another `audit.directory`"
    )]
    Locked(PathBuf),
    /// It is not what was written. To go on would cover that up.
    #[error(
        "the audit log `{directory}` was changed: {what}; run `scopewarden audit verify` on it, keep it, and set another `audit.directory`"
    )]
    Changed {
        /// Which log.
        directory: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
}

/// What a log has.
pub(super) struct Recovered {
    /// The first record that was not removed.
    pub(super) first: u64,
    pub(super) log: Frontier,
    pub(super) streams: Streams,
    /// The newest segment, by its first record, and its length in bytes; `None` when there is none yet.
    pub(super) segment: Option<(u64, u64)>,
    /// Length of the newest segment's checkpoints.
    pub(super) notes: u64,
    /// The last checkpoint, and how many records it covers.
    pub(super) checkpoint: Option<(u64, String)>,
}

/// Reads the log in `directory`; cuts off what a crash left.
pub(super) fn recover(directory: &Path, notary: &Notary) -> Result<Recovered, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |e| OpenError::File(path, e)
    };
    let changed = |what: String| OpenError::Changed { directory: directory.to_owned(), what };
    let folder = segments::folder(directory);
    std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let (base, base_streams) = pruned::load(directory, notary).map_err(|what| match what {
        pruned::LoadError::File(e) => OpenError::File(pruned::file(directory), e),
        pruned::LoadError::Form => changed("`pruned` is not a note of this key".to_owned()),
    })?;
    let first = base.size();
    pruned::finish(directory, first).map_err(failed(&folder))?;
    let all = segments::list(directory).map_err(failed(&folder))?;
    let mut found = Recovered {
        first,
        log: base,
        streams: base_streams,
        segment: None,
        notes: 0,
        checkpoint: None,
    };
    let Some(last) = all.last().copied() else { return Ok(found) };
    // What the checkpoints before the last segment say, and after it.
    let mut before = None;
    if let Some(previous) = all.iter().rev().nth(1) {
        before = newest(directory, *previous, notary).map_err(failed(&folder))?.0;
    }
    let (newest, notes) = newest(directory, last, notary).map_err(failed(&folder))?;
    found.notes = notes;
    let mut from = all.first().copied().unwrap_or(last);
    if let Some((log, streams)) = state::load(directory, last)
        && before.as_ref().is_some_and(|(c, _)| c.size == last && c.root == log.root())
    {
        (from, found.log, found.streams) = (last, log, streams);
    }
    let signed = newest.or(before);
    for segment in all.into_iter().filter(|segment| *segment >= from) {
        if segment != found.log.size() {
            let what = format!("a segment with record {} is missing", found.log.size());
            return Err(changed(what));
        }
        let path = segments::records(directory, segment);
        let mark = signed.as_ref().map(|(checkpoint, _)| checkpoint);
        let (length, rest) = scan(&path, &mut found, mark).map_err(|e| match e {
            ScanError::File(e) => OpenError::File(path.clone(), e),
            ScanError::Changed(what) => changed(what),
        })?;
        if rest > 0 && segment != last {
            return Err(changed(format!("segment {segment} ends in the middle of a record")));
        }
        cut(&path, length, rest).map_err(failed(&path))?;
        found.segment = Some((segment, length));
    }
    if let Some((checkpoint, text)) = signed {
        if checkpoint.size > found.log.size() {
            let (has, had) = (found.log.size(), checkpoint.size);
            return Err(changed(format!("it has {has} records, and had {had} when it was signed")));
        }
        found.checkpoint = Some((checkpoint.size, text));
    }
    Ok(found)
}

/// The newest checkpoint of a segment, and the length of all that are whole; cuts off what a crash left.
fn newest(
    directory: &Path,
    segment: u64,
    notary: &Notary,
) -> std::io::Result<(Option<(Checkpoint, String)>, u64)> {
    let path = segments::notes(directory, segment);
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((None, 0)),
        Err(e) => return Err(e),
    };
    let (notes, end) = note::split(&text);
    let end = u64::try_from(end).unwrap_or(u64::MAX);
    let rest = u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_sub(end);
    cut(&path, end, rest)?;
    // Those of a key that was replaced are no less true, but nobody here can tell.
    let found = notes.iter().rev().find_map(|note| {
        let text = notary.open(note)?;
        Some((Checkpoint::parse(text, notary.name())?, (*note).to_owned()))
    });
    if found.is_none() && !notes.is_empty() {
        tracing::warn!(file = %path.display(), "the checkpoints were signed with another key: they are not compared with the log");
    }
    Ok((found, end))
}

enum ScanError {
    File(std::io::Error),
    Changed(String),
}

/// Takes in the records of a segment. Returns the length of its whole lines, and what is there after them.
fn scan(
    path: &Path,
    found: &mut Recovered,
    signed: Option<&Checkpoint>,
) -> Result<(u64, u64), ScanError> {
    let file = File::open(path).map_err(ScanError::File)?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let (mut length, mut bytes) = (0_u64, Vec::new());
    loop {
        bytes.clear();
        let read = file.read_until(b'\n', &mut bytes).map_err(ScanError::File)?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let Some(line) = bytes.strip_suffix(b"\n") else { return Ok((length, read)) };
        let index = found.log.size();
        let line = std::str::from_utf8(line).ok().and_then(Line::head);
        let line = line.ok_or_else(|| ScanError::Changed(format!("record {index} is not one")))?;
        found.log.push(leaf(line.text));
        found.streams.add(line.stream, line.seq, line.hash());
        found.streams.trim(0);
        length = length.saturating_add(read);
        if signed.is_some_and(|c| c.size == found.log.size() && c.root != found.log.root()) {
            let what =
                format!("the first {} records are not those that were signed", found.log.size());
            return Err(ScanError::Changed(what));
        }
    }
}

/// Cuts off what was never acknowledged, and makes sure that the rest is on the disk: what a killed process had written may not
/// be there yet.
fn cut(path: &Path, length: u64, rest: u64) -> std::io::Result<()> {
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    if rest > 0 {
        tracing::warn!(file = %path.display(), bytes = rest, "what a crash left unfinished is cut off; it was never acknowledged");
        file.set_len(length)?;
    }
    file.sync_all()
}
