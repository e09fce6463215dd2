//! The files of a log.
//!
//! `segments/<20 digits>.jsonl` are records, `segments/<same>.notes` the checkpoints that were made while it was the newest.
//! The digits are the place in the log of the segment's first record.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Where the segments of the log in `directory` are.
pub fn folder(directory: &Path) -> PathBuf {
    directory.join("segments")
}

/// The records from `first` on.
pub fn records(directory: &Path, first: u64) -> PathBuf {
    folder(directory).join(format!("{first:020}.jsonl"))
}

/// The checkpoints that were made while the segment was the newest.
pub fn notes(directory: &Path, first: u64) -> PathBuf {
    folder(directory).join(format!("{first:020}.notes"))
}

/// The place of the first record in a segment with this file name.
pub fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// The first records of all segments, in order.
///
/// # Errors
/// When the folder cannot be read; one that is missing has none.
pub fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let entries = match std::fs::read_dir(folder(directory)) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry?.file_name().to_str().and_then(first_of));
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads `length` bytes of a file.
///
/// # Errors
/// When it has not so many there.
pub fn read_at(file: &mut File, position: u64, length: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(position))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
