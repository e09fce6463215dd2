//! Removing old segments so that the rest stays verifiable.
//!
//! `pruned` is a signed note about the records that were removed: how many, the complete subtrees of the Merkle tree over them,
//! and the last line of each stream. Roots are still computed over all records, and chains still have a beginning.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use scopewarden_core::hex::{hex, unhex};
use scopewarden_core::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::merkle::{Frontier, leaf};
use super::note::{self, Checkpoint, Notary};
use super::state;
use super::streams::{Known, Streams};
use super::tail::{replace, sync_directory};
use crate::audit::record::{Line, Stream};
use crate::audit::segments;

#[derive(Default, Deserialize, Serialize)]
struct Stored {
    frontier: Vec<String>,
    heads: BTreeMap<String, Head>,
}

#[derive(Deserialize, Serialize)]
struct Head {
    seq: u64,
    hash: String,
}

pub(super) enum LoadError {
    File(io::Error),
    Form,
}

pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join("pruned")
}

/// What was removed.
pub(super) fn load(directory: &Path, notary: &Notary) -> Result<(Frontier, Streams), LoadError> {
    let note = match std::fs::read_to_string(file(directory)) {
        Ok(note) => note,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(e) => return Err(LoadError::File(e)),
    };
    let (log, heads) = parse(&note, notary).ok_or(LoadError::Form)?;
    let known = heads
        .into_iter()
        .map(|(stream, (seq, head))| (stream, Known { runs: BTreeMap::from([(0, seq)]), head }));
    Ok((log, Streams::from_known(known.collect())))
}

type Heads = BTreeMap<Stream, (u64, [u8; 32])>;

fn parse(note: &str, notary: &Notary) -> Option<(Frontier, Heads)> {
    let mut lines = notary.open(note)?.lines();
    lines.next().filter(|first| first.strip_suffix("/pruned") == Some(notary.name()))?;
    let size = lines.next()?.parse().ok()?;
    let stored: Stored = serde_json::from_str(lines.next()?).ok()?;
    let heads = stored
        .heads
        .into_iter()
        .map(|(stream, head)| Some((Stream::parse(&stream)?, (head.seq, unhex(&head.hash)?))));
    Some((state::decode(size, &stored.frontier)?, heads.collect::<Option<_>>()?))
}

/// Removes the segments whose last checkpoint was made before `until`, but never the newest. Returns the first record that is
/// left, if something was removed.
///
/// # Errors
/// What the operating system says; when it fails halfway, the next start or the next time goes on.
pub fn prune(directory: &Path, notary: &Notary, until: UnixMillis) -> io::Result<Option<u64>> {
    let all = segments::list(directory)?;
    let mut old = 0_usize;
    for first in all.iter().take(all.len().saturating_sub(1)) {
        match last_checkpoint(directory, *first, notary)? {
            Some(time) if time < until => old = old.saturating_add(1),
            _ => break,
        }
    }
    let (Some(gone), Some(first)) = (all.get(..old), all.get(old)) else { return Ok(None) };
    if gone.is_empty() {
        return Ok(None);
    }
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let (mut log, mut heads) = match std::fs::read_to_string(file(directory)) {
        Ok(note) => {
            parse(&note, notary).ok_or_else(|| invalid("`pruned` is not a note of this key"))?
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Default::default(),
        Err(e) => return Err(e),
    };
    for segment in gone {
        if *segment != log.size() {
            return Err(invalid("a segment is missing"));
        }
        scan(&segments::records(directory, *segment), &mut log, &mut heads)?;
    }
    if log.size() != *first {
        return Err(invalid("a segment has not the records that its successor begins after"));
    }
    let heads = heads
        .iter()
        .map(|(stream, (seq, hash))| (stream.to_string(), Head { seq: *seq, hash: hex(hash) }));
    let stored = Stored { frontier: state::encode(&log), heads: heads.collect() };
    let json = serde_json::to_string(&stored)?;
    let note = notary.sign(&format!("{}/pruned\n{first}\n{json}\n", notary.name()));
    replace(&file(directory), note.as_bytes())?;
    finish(directory, *first)?;
    Ok(Some(*first))
}

/// Removes all segments before `first`, about which `pruned` has been written.
pub(super) fn finish(directory: &Path, first: u64) -> io::Result<()> {
    let old = segments::list(directory)?.into_iter().filter(|segment| *segment < first);
    let mut removed = false;
    for segment in old {
        // The records last: as long as they are there, they are found again.
        for path in [segments::notes(directory, segment), segments::records(directory, segment)] {
            match std::fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => removed = true,
            }
        }
    }
    if removed { sync_directory(&segments::folder(directory)) } else { Ok(()) }
}

fn scan(path: &Path, log: &mut Frontier, heads: &mut Heads) -> io::Result<()> {
    for line in BufReader::new(std::fs::File::open(path)?).lines() {
        let text = line?;
        let line = Line::head(&text).ok_or(io::ErrorKind::InvalidData)?;
        log.push(leaf(&text));
        let head = heads.entry(line.stream).or_insert((line.seq, [0; 32]));
        if line.seq >= head.0 {
            *head = (line.seq, line.hash());
        }
    }
    Ok(())
}

/// When the segment's last checkpoint was made: by this machine's clock, not by what senders say.
fn last_checkpoint(
    directory: &Path,
    first: u64,
    notary: &Notary,
) -> io::Result<Option<UnixMillis>> {
    let text = match std::fs::read_to_string(segments::notes(directory, first)) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let last = note::split(&text).0.pop().and_then(|note| {
        // Of a replaced key too: nothing is trusted but the time.
        let text = note.split_once("\n\n").map(|(text, _)| text)?;
        Checkpoint::parse(text, notary.name())
    });
    Ok(last.map(|checkpoint| checkpoint.time))
}
