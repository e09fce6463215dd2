//! What is known at the beginning of a segment, so that a start reads the last segment only.
//!
//! It is derived, and trusted no further than that it has to lead to the root of a signed checkpoint.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scopewarden_core::hex::{hex, unhex};
use serde::{Deserialize, Serialize};

use super::merkle::Frontier;
use super::streams::{Known, Streams};
use super::tail::replace;
use crate::audit::record::{Digest, Stream};

#[derive(Deserialize, Serialize)]
struct Stored {
    size: u64,
    frontier: Vec<String>,
    streams: BTreeMap<String, StoredStream>,
}

#[derive(Deserialize, Serialize)]
struct StoredStream {
    runs: Vec<(u64, u64)>,
    head: String,
}

fn folder(directory: &Path) -> PathBuf {
    directory.join("state")
}

fn file(directory: &Path, first: u64) -> PathBuf {
    folder(directory).join(format!("{first:020}.json"))
}

/// Writes what is known at the beginning of the segment that begins with the next record; the ones before are not needed again.
pub(super) fn save(directory: &Path, log: &Frontier, streams: &Streams) -> io::Result<()> {
    let stored = Stored {
        size: log.size(),
        frontier: encode(log),
        streams: streams
            .all()
            .iter()
            .map(|(stream, known)| {
                let runs = known.runs.iter().map(|(first, last)| (*first, *last)).collect();
                (stream.to_string(), StoredStream { runs, head: hex(&known.head) })
            })
            .collect(),
    };
    let folder = folder(directory);
    std::fs::create_dir_all(&folder)?;
    let bytes = serde_json::to_vec(&stored)?;
    let file = file(directory, log.size());
    replace(&file, &bytes)?;
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path != file {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Reads what was known at the beginning of the segment `first`, if it is there and can be.
pub(super) fn load(directory: &Path, first: u64) -> Option<(Frontier, Streams)> {
    let bytes = std::fs::read(file(directory, first)).ok()?;
    let stored: Stored =
        serde_json::from_slice(&bytes).ok().filter(|s: &Stored| s.size == first)?;
    let log = decode(stored.size, &stored.frontier)?;
    let known = stored.streams.into_iter().map(|(stream, stored)| {
        let runs = stored.runs.into_iter().collect();
        Some((Stream::parse(&stream)?, Known { runs, head: unhex(&stored.head)? }))
    });
    Some((log, Streams::from_known(known.collect::<Option<_>>()?)))
}

/// The subtrees as text.
pub(super) fn encode(log: &Frontier) -> Vec<String> {
    log.peaks().iter().map(|peak| STANDARD.encode(peak)).collect()
}

/// Reads [`encode`].
pub(super) fn decode(size: u64, peaks: &[String]) -> Option<Frontier> {
    let peaks = peaks.iter().map(|text| STANDARD.decode(text).ok()?.try_into().ok());
    Frontier::from_peaks(size, peaks.collect::<Option<Vec<Digest>>>()?)
}
