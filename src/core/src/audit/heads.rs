//! What the VMs of one proxy tell each other: the last record of each stream, so that none can end unseen.
//!
//! The text lies in the proxy's shared data, a line for each stream: `STREAM SEQUENCE HASH BEAT STATE`. Every VM renews its own line, and
//! takes off that of a stream which has ended, to write a record of it.

use std::fmt::Write as _;

use serde_json::json;

use super::chain::{Hash, Head};
use crate::hex::unhex;
use crate::time::UnixMillis;

/// A stream that has not been heard of for so long has ended without a word, in milliseconds.
const SILENCE_MS: u64 = 10_000;
/// Most streams that are remembered; a proxy has one for each worker.
const MOST: usize = 1024;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// It said so.
    Closed,
    /// It has not been heard of.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    head: Head,
    beat: UnixMillis,
    closed: bool,
}

/// The text with this stream's own head renewed, and the streams that have ended taken off it.
pub fn renew(
    text: &str,
    own: &Head,
    closed: bool,
    now: UnixMillis,
) -> (String, Vec<(Head, Because)>) {
    let mut entries = read(text);
    let mut ended = Vec::new();
    entries.retain(|entry| {
        if entry.head.stream == own.stream {
            return false;
        }
        let because = match entry {
            Entry { closed: true, .. } => Because::Closed,
            entry if now.since(entry.beat) > SILENCE_MS => Because::Lost,
            _ => return true,
        };
        // Who ends can tell of no other stream any more.
        if !closed {
            ended.push((entry.head.clone(), because));
        }
        closed
    });
    entries.push(Entry { head: own.clone(), beat: now, closed });
    (write(&entries), ended)
}

/// The record of a stream that has ended.
pub fn record(of: &Head, because: Because, now: UnixMillis) -> String {
    json!({
        "kind": "head",
        "time": now.to_string(),
        "of": {"stream": of.stream, "seq": of.sequence, "hash": of.hash.to_string()},
        "because": match because {
            Because::Closed => "closed",
            Because::Lost => "lost",
        },
    })
    .to_string()
}

/// What cannot be read is left out: shared data are the filter's own.
fn read(text: &str) -> Vec<Entry> {
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let stream = words.next()?.to_owned();
        let sequence = words.next()?.parse().ok()?;
        let hash = Hash(unhex(words.next()?)?);
        let beat = UnixMillis(words.next()?.parse().ok()?);
        let closed = words.next()? == "closed";
        Some(Entry { head: Head { stream, sequence, hash }, beat, closed })
    };
    text.lines().take(MOST).filter_map(entry).collect()
}

fn write(entries: &[Entry]) -> String {
    let mut text = String::new();
    for Entry { head, beat, closed } in entries {
        let state = if *closed { "closed" } else { "open" };
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "{} {} {} {} {state}", head.stream, head.sequence, head.hash, beat.0);
    }
    text
}
