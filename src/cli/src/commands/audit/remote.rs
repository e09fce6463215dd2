//! A log at a service, fetched segment by segment.

use std::io::{self, Cursor, Read};

use scopewarden_verify::{Directory, Segment, Source, Unreadable};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::client::{Answer, Client, Lost};
use crate::exit::Failure;
use crate::runtime::runtime;

/// A log at a service.
pub(crate) struct Remote {
    client: Client,
    runtime: Runtime,
    /// What it has: names and lengths.
    files: Vec<(String, u64)>,
}

impl Remote {
    /// Asks the service what it has.
    pub(crate) fn new(client: Client) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let listed = match runtime.block_on(client.get(&["v1", "audit", "segments"], &[]))? {
            Answer::Done(listed) => listed,
            Answer::Refused(why) => return Err(Failure::new(why)),
        };
        let mut files = Vec::new();
        for segment in listed.get("segments").and_then(Value::as_array).into_iter().flatten() {
            let bytes = |name| segment.get(name).and_then(Value::as_u64).unwrap_or(0);
            let Some(name) = segment.get("name").and_then(Value::as_str) else { continue };
            files.push((name.to_owned(), bytes("bytes")));
            if bytes("notes_bytes") > 0 {
                files.push((name.replace(".jsonl", ".notes"), bytes("notes_bytes")));
            }
        }
        if listed.get("pruned") == Some(&Value::Bool(true)) {
            files.push(("pruned".to_owned(), 0));
        }
        Ok(Self { client, runtime, files })
    }

    fn fetch(&self, name: &str) -> Result<Vec<u8>, Unreadable> {
        let fetched = self.runtime.block_on(self.client.bytes(&["v1", "audit", "segments", name]));
        fetched.map_err(|lost| {
            let why = match lost {
                Lost::ForNow(Failure::Said { message, .. })
                | Lost::ForGood(Failure::Said { message, .. }) => message,
                _ => "no answer".to_owned(),
            };
            Unreadable { what: name.to_owned(), error: io::Error::other(why) }
        })
    }

    fn optional(&self, name: &str) -> Result<Option<Vec<u8>>, Unreadable> {
        let known = self.files.iter().any(|(file, _)| file == name);
        known.then(|| self.fetch(name)).transpose()
    }
}

impl Source for Remote {
    fn segments(&self) -> Result<Vec<Segment>, Unreadable> {
        let mut segments: Vec<Segment> = self
            .files
            .iter()
            .filter_map(|(name, bytes)| {
                Some(Segment {
                    first: Some(Directory::first_of(name)?),
                    name: name.clone(),
                    bytes: *bytes,
                })
            })
            .collect();
        segments.sort_by_key(|segment| segment.first);
        Ok(segments)
    }

    fn open(&self, segment: &Segment) -> Result<Box<dyn Read + '_>, Unreadable> {
        Ok(Box::new(Cursor::new(self.fetch(&segment.name)?)))
    }

    fn notes(&self, segment: &Segment) -> Result<Vec<u8>, Unreadable> {
        Ok(self.optional(&segment.name.replace(".jsonl", ".notes"))?.unwrap_or_default())
    }

    fn pruned(&self) -> Result<Option<Vec<u8>>, Unreadable> {
        self.optional("pruned")
    }
}
