//! Where a log is.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A place that a log can be read from, more than once.
pub trait Source: Sync {
    /// The segments there are, in order.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn segments(&self) -> Result<Vec<Segment>, Unreadable>;

    /// The lines of a segment.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, segment: &Segment) -> Result<Box<dyn Read + '_>, Unreadable>;

    /// The checkpoints made while a segment was the newest; nothing when there are none.
    ///
    /// # Errors
    /// When they are there and cannot be read.
    fn notes(&self, segment: &Segment) -> Result<Vec<u8>, Unreadable>;

    /// The account of removed records, when there are such.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn pruned(&self) -> Result<Option<Vec<u8>>, Unreadable>;

    /// Files that are not part of a log.
    fn strays(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A segment of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its name, for people.
    pub name: String,
    /// The index of its first record, as its name has it; `None` when it has none.
    pub first: Option<u64>,
    /// Its length in bytes, or what is known of it.
    pub bytes: u64,
}

/// A log, or a part of one, that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// What cannot.
    pub what: String,
    /// Why.
    pub error: io::Error,
}

impl Unreadable {
    fn of(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = path.display().to_string();
        move |error| Self { what, error }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read `{}`: {}", self.what, self.error)
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// What a collector keeps: `segments/`, and `pruned` once retention removed some.
#[derive(Clone, Debug)]
pub struct Directory(pub PathBuf);

impl Directory {
    /// The index of a segment's first record, from a file's name: twenty digits and `.jsonl`.
    pub fn first_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".jsonl")?;
        let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    }

    fn names(&self) -> Result<Vec<(String, u64)>, Unreadable> {
        let folder = self.0.join("segments");
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Unreadable::of(&folder))? {
            let entry = entry.map_err(Unreadable::of(&folder))?;
            let bytes = entry.metadata().map_err(Unreadable::of(&entry.path()))?.len();
            names.push((entry.file_name().to_string_lossy().into_owned(), bytes));
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl Source for Directory {
    fn segments(&self) -> Result<Vec<Segment>, Unreadable> {
        let segments = self.names()?.into_iter().filter_map(|(name, bytes)| {
            Some(Segment {
                first: Some(Self::first_of(&name)?),
                name: format!("segments/{name}"),
                bytes,
            })
        });
        Ok(segments.collect())
    }

    fn open(&self, segment: &Segment) -> Result<Box<dyn Read + '_>, Unreadable> {
        let path = self.0.join(&segment.name);
        Ok(Box::new(fs::File::open(&path).map_err(Unreadable::of(&path))?))
    }

    fn notes(&self, segment: &Segment) -> Result<Vec<u8>, Unreadable> {
        Ok(optional(&self.0.join(&segment.name).with_extension("notes"))?.unwrap_or_default())
    }

    fn pruned(&self) -> Result<Option<Vec<u8>>, Unreadable> {
        optional(&self.0.join("pruned"))
    }

    fn strays(&self) -> Vec<String> {
        let names = self.names().unwrap_or_default().into_iter().map(|(name, _)| name);
        names
            .filter(|name| {
                let segment = name.strip_suffix(".notes").map(|stem| format!("{stem}.jsonl"));
                Self::first_of(segment.as_ref().unwrap_or(name)).is_none()
            })
            .map(|name| format!("segments/{name}"))
            .collect()
    }
}

fn optional(path: &Path) -> Result<Option<Vec<u8>>, Unreadable> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(Unreadable::of(path)),
    }
}

/// One file of lines: an export, or a segment alone.
#[derive(Clone, Debug)]
pub struct File(pub PathBuf);

impl Source for File {
    fn segments(&self) -> Result<Vec<Segment>, Unreadable> {
        let bytes = fs::metadata(&self.0).map_err(Unreadable::of(&self.0))?.len();
        let first =
            self.0.file_name().and_then(|name| Directory::first_of(&name.to_string_lossy()));
        Ok(vec![Segment { name: self.0.display().to_string(), first, bytes }])
    }

    fn open(&self, _: &Segment) -> Result<Box<dyn Read + '_>, Unreadable> {
        Ok(Box::new(fs::File::open(&self.0).map_err(Unreadable::of(&self.0))?))
    }

    fn notes(&self, _: &Segment) -> Result<Vec<u8>, Unreadable> {
        Ok(Vec::new())
    }

    fn pruned(&self) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(None)
    }
}
