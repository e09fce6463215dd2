//! Most events are like one before, but for their text: the same bytes around it mean the same.

use super::super::path::Place;
use super::Event;
use super::find::{Delta, Key};

/// How many events are remembered.
const MAX_LIKES: usize = 4;
/// Longest event without its text that is remembered.
const MAX_AROUND: usize = 2048;

/// The last events that had one delta and in which nothing else was masked.
#[derive(Clone, Debug, Default)]
pub struct Likes {
    likes: Vec<Like>,
    /// The one to forget next.
    next: usize,
    hit: bool,
}

/// An event around the text of its one delta.
#[derive(Clone, Debug)]
pub struct Like {
    name: Vec<u8>,
    before: Vec<u8>,
    after: Vec<u8>,
    key: Key,
    place: Place,
}

impl Likes {
    /// The delta of an event that is like one of these.
    pub fn delta(&mut self, event: &Event<'_>) -> Option<Delta> {
        let delta = self.likes.iter().find_map(|like| like.delta(event)).filter(|_| !event.last);
        self.hit = delta.is_some();
        delta
    }

    /// Whether the last event was like one of these.
    pub const fn is_hit(&self) -> bool {
        self.hit
    }

    /// Remembers an event, if what was written for it around the text is what it was.
    pub fn keep(&mut self, like: Like, written: &[u8], text: &[u8]) {
        let same = written
            .strip_prefix(like.before.as_slice())
            .and_then(|rest| rest.strip_suffix(like.after.as_slice()))
            .is_some_and(|between| between == text);
        if !same {
            return;
        }
        if self.likes.len() < MAX_LIKES {
            self.likes.push(like);
        } else if let Some(slot) = self.likes.get_mut(self.next) {
            *slot = like;
            self.next = self.next.saturating_add(1) % MAX_LIKES;
        }
    }
}

impl Like {
    /// An event and its delta; `None` if it is too long to be remembered.
    pub fn of(event: &Event<'_>, delta: &Delta) -> Option<Self> {
        let before = event.data.get(..delta.range.start)?.to_vec();
        let after = event.data.get(delta.range.end..)?.to_vec();
        let length = before.len().saturating_add(after.len()).saturating_add(event.name.len());
        (length <= MAX_AROUND).then(|| Self {
            name: event.name.to_vec(),
            before,
            after,
            key: delta.key.clone(),
            place: delta.place,
        })
    }

    /// The delta of an event that is like this one. A text with spellings or with an end in it is left to those who can read it.
    fn delta(&self, event: &Event<'_>) -> Option<Delta> {
        let text = event.data.strip_prefix(self.before.as_slice())?;
        let text = text.strip_suffix(self.after.as_slice())?;
        let plain = !text.iter().any(|b| matches!(b, b'"' | b'\\' | 0..0x20));
        let start = self.before.len();
        (plain && event.name == self.name).then(|| Delta {
            range: start..start.saturating_add(text.len()),
            key: self.key.clone(),
            place: self.place,
        })
    }
}
