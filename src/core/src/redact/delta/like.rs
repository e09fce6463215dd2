//! Most events are like one before, but for their text: the same bytes around it mean the same.

use std::ops::Range;

use super::super::channel::{Channel, Tally};
use super::super::path::Place;
use super::super::rules::Rules;
use super::Event;
use super::find::{Delta, Found, Key};

/// How many events are remembered.
const MAX_LIKES: usize = 4;
/// Longest event without its text that is remembered.
const MAX_AROUND: usize = 2048;
/// Longest padding that is read here.
const MAX_PADDING: usize = 64;
/// Most digits of a number that is read here: too few to be anything that a detector finds.
const MAX_DIGITS: usize = 6;

/// The last events that had one delta and in which nothing else was masked.
#[derive(Clone, Debug, Default)]
pub struct Likes {
    likes: Vec<Like>,
    /// The one to forget next.
    next: usize,
    hit: bool,
}

/// An event around what differs from one to the next.
#[derive(Clone, Debug)]
pub struct Like {
    name: Vec<u8>,
    /// What differs, each with what stands before it.
    slots: Vec<(Vec<u8>, Slot)>,
    after: Vec<u8>,
    key: Key,
    place: Place,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// The delta.
    Text,
    /// What evens out its length.
    Padding,
    /// The number of the event.
    Sequence,
}

/// What an event has where the one that it is like had something else.
#[derive(Debug)]
pub struct Likeness {
    /// Its delta.
    pub delta: Delta,
    /// Padding that hides how long the delta is.
    pub padding: Option<Range<usize>>,
    /// Its number.
    pub sequence: Option<Range<usize>>,
}

impl Likes {
    /// The parts of an event that is like one of these.
    pub fn find(&mut self, event: &Event<'_>, rules: &Rules) -> Option<Likeness> {
        let found = self.likes.iter().find_map(|like| like.read(event, rules));
        let found = found.filter(|_| !event.last);
        self.hit = found.is_some();
        found
    }

    /// Whether the last event was like one of these.
    pub const fn is_hit(&self) -> bool {
        self.hit
    }

    /// Remembers an event.
    pub fn keep(&mut self, like: Like) {
        if self.likes.len() < MAX_LIKES {
            self.likes.push(like);
        } else if let Some(slot) = self.likes.get_mut(self.next) {
            *slot = like;
            self.next = self.next.saturating_add(1) % MAX_LIKES;
        }
    }
}

impl Like {
    /// An event with one delta; `None` if it is too long to be remembered.
    pub fn of(event: &Event<'_>, delta: &Delta, found: &Found) -> Option<Self> {
        let mut parts = vec![(delta.range.clone(), Slot::Text)];
        parts.extend(found.obfuscation.clone().map(|range| (range, Slot::Padding)));
        parts.extend(found.sequence.clone().map(|range| (range, Slot::Sequence)));
        parts.sort_unstable_by_key(|(range, _)| range.start);
        let (mut slots, mut at, mut length) = (Vec::new(), 0, event.name.len());
        for (range, slot) in parts {
            let before = event.data.get(at..range.start)?;
            length = length.saturating_add(before.len());
            slots.push((before.to_vec(), slot));
            at = range.end;
        }
        let after = event.data.get(at..)?.to_vec();
        let name = event.name.to_vec();
        (length.saturating_add(after.len()) <= MAX_AROUND).then(|| Self {
            name,
            slots,
            after,
            key: delta.key.clone(),
            place: delta.place,
        })
    }

    /// The parts of an event that is like this one. What has spellings in it is left to those who can read it.
    fn read(&self, event: &Event<'_>, rules: &Rules) -> Option<Likeness> {
        if event.name != self.name {
            return None;
        }
        let (mut text, mut padding, mut sequence) = (None, None, None);
        let mut at = 0_usize;
        for (before, slot) in &self.slots {
            let rest = event.data.get(at..)?.strip_prefix(before.as_slice())?;
            let start = at.saturating_add(before.len());
            let length = match slot {
                Slot::Sequence => rest.iter().position(|b| !b.is_ascii_digit()),
                Slot::Text | Slot::Padding => {
                    rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20))
                }
            }?;
            at = start.saturating_add(length);
            let value = rest.get(..length)?;
            let place = match slot {
                Slot::Text => &mut text,
                Slot::Padding if is_harmless(value, rules) => &mut padding,
                Slot::Sequence if (1..=MAX_DIGITS).contains(&length) => &mut sequence,
                Slot::Padding | Slot::Sequence => return None,
            };
            *place = Some(start..at);
        }
        if event.data.get(at..)? != self.after {
            return None;
        }
        let delta = Delta { range: text?, key: self.key.clone(), place: self.place };
        Some(Likeness { delta, padding, sequence })
    }
}

/// Whether nothing is to be masked in a padding.
fn is_harmless(padding: &[u8], rules: &Rules) -> bool {
    if padding.len() > MAX_PADDING || !padding.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    if rules.detectors.is_clean(padding) {
        return true;
    }
    let (mut channel, mut tally, mut out) = (Channel::default(), Tally::default(), Vec::new());
    channel.plain(rules, padding, &mut tally, &mut out);
    channel.finish(rules, &mut tally, &mut out);
    out == padding && tally.blocked().is_none()
}
