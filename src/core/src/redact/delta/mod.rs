//! Texts that come as deltas, a few characters in each event.
//!
//! Each text is masked as one, whatever the events it is spread over. An event is never held back: of its text, it takes along what is
//! settled, perhaps nothing. What is held when the text ends goes out in an event of its own right before the one that ends it,
//! or in that one if it has text, too.
//!
//! `logprobs` repeat the text token by token, and `obfuscation` evens out its length. Both stay while a text goes on as it came;
//! when something of it is held or masked, the first becomes `null` or `[]`, and the second empty.

mod carrier;
mod end;
mod find;
mod like;
mod reader;
mod walk;

use std::ops::Range;

use super::json::Text;
use super::rules::{OnUncertain, Rules, Stop, Uncertain};
use super::sink::Sink;
use carrier::Carrier;
use end::End;
use find::{Delta, Found, Key, find};
use like::{Like, Likeness, Likes};
use reader::each_character;

/// Most texts that are followed at a time.
const MAX_TEXTS: usize = 256;

/// The texts of one response.
#[derive(Clone, Debug, Default)]
pub struct Deltas {
    flows: Vec<Flow>,
    /// What becomes of the event that is read, in order.
    patches: Vec<Patch>,
    /// The text of its deltas.
    texts: Vec<u8>,
    /// The first number of each text that does not go on as it came.
    changed: Vec<Option<u32>>,
    /// The number of the last event.
    sequence: Vec<u8>,
    /// What of an event is no delta.
    rest: Text,
    /// What most events are like.
    likes: Likes,
    /// Whether the event that has begun is a JSON object.
    is_read: bool,
    /// The one delta of the event that has begun, if the next one may be like it.
    single: Option<Like>,
}

/// One text.
#[derive(Clone, Debug)]
struct Flow {
    key: Key,
    text: Text,
    /// What the rest of it would go out in.
    carrier: Option<Carrier>,
    /// The line that names the event around that.
    head: Vec<u8>,
}

/// An event, or a message that is one.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// Its name, if it has one.
    pub name: &'e [u8],
    /// Its data.
    pub data: &'e [u8],
    /// The line that names it, without its end.
    pub head: &'e [u8],
    /// Whether nothing follows.
    pub last: bool,
}

/// An event that was not there before: what was held of a text that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The line that names it, or nothing.
    pub head: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
}

/// What is written for a part of the data.
#[derive(Clone, Debug)]
struct Patch {
    at: Range<usize>,
    with: With,
}

#[derive(Clone, Debug)]
enum With {
    /// The inside of a string, from `texts`.
    Text(Range<usize>),
    /// Another value.
    Value(&'static [u8]),
}

impl Deltas {
    /// Takes an event: its deltas go to their texts. What is held of texts that it ends, and that go on in it no more, comes back.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn begin(&mut self, event: Event<'_>, to: &mut Sink<'_>) -> Result<Vec<Rest>, Stop> {
        self.patches.clear();
        self.texts.clear();
        self.changed.clear();
        self.single = None;
        if let Some(Likeness { delta, padding, sequence }) = self.likes.find(&event, to.rules) {
            let mut texts = std::mem::take(&mut self.texts);
            self.delta(event, &delta, false, &mut texts, to)?;
            self.texts = texts;
            if let Some(range) = sequence {
                self.number(event.data, range);
            }
            self.patch_padding(padding);
            self.is_read = true;
            self.patches.sort_unstable_by_key(|patch| patch.at.start);
            return Ok(Vec::new());
        }
        let found = find(to.rules, event.data);
        self.is_read = found.is_some();
        let found = found.unwrap_or_default();
        let end = if event.last { End::All } else { End::of(&event, &found) };
        let mut texts = std::mem::take(&mut self.texts);
        for (nth, delta) in found.deltas.iter().enumerate() {
            let again = found.deltas.iter().skip(nth.saturating_add(1)).any(|d| d.key == delta.key);
            let ends = !again && end.ends(&delta.key);
            self.delta(event, delta, ends, &mut texts, to)?;
        }
        self.texts = texts;
        let rests = self.rests(&end, to);
        if let Some(range) = found.sequence.clone() {
            self.number(event.data, range);
        }
        self.patch_repeats(&found, event.data);
        self.patches.sort_unstable_by_key(|patch| patch.at.start);
        if let ([delta], [_], false) =
            (found.deltas.as_slice(), self.patches.as_slice(), end.is_any())
            && found.logprobs.is_empty()
        {
            self.single = Like::of(&event, delta, &found);
        }
        Ok(rests)
    }

    /// Whether the data of the event that has begun is one JSON object, and was looked into.
    pub const fn is_read(&self) -> bool {
        self.is_read
    }

    /// Whether the event that has begun has deltas.
    pub fn has_any(&self) -> bool {
        !self.patches.is_empty()
    }

    /// Writes the data of the event that has begun. `joins`: where line ends in it are written otherwise.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn write(
        &mut self,
        data: &[u8],
        joins: &[(usize, Vec<u8>)],
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        if self.likes.is_hit() {
            let mut at = 0;
            for patch in &self.patches {
                to.put(data.get(at..patch.at.start).unwrap_or_default());
                to.put(self.written(&patch.with));
                at = patch.at.end;
            }
            to.put(data.get(at..).unwrap_or_default());
            return Ok(());
        }
        let start = to.out.len();
        self.rest.begin(0, to.rules.fields.root());
        let mut at = 0;
        for patch in &self.patches {
            spell(&mut self.rest, data, at..patch.at.start, joins, to)?;
            match &patch.with {
                With::Text(_) => to.put(self.written(&patch.with)),
                With::Value(value) => self.rest.plain(value, to)?,
            }
            at = patch.at.end;
        }
        spell(&mut self.rest, data, at..data.len(), joins, to)?;
        self.rest.finish(to);
        if let Some(like) = self.single.take().filter(|_| joins.is_empty())
            && let [Patch { at, .. }] = self.patches.as_slice()
            && let Some(written) = to.out.get(start..)
            && let Some(rest) = written.strip_prefix(data.get(..at.start).unwrap_or_default())
            && rest.strip_suffix(data.get(at.end..).unwrap_or_default()) == Some(&self.texts)
        {
            // What was written around the text is what it was.
            self.likes.keep(like);
        }
        Ok(())
    }

    /// The response has ended: what is held of all texts comes back.
    pub fn finish(&mut self, to: &mut Sink<'_>) -> Vec<Rest> {
        self.rests(&End::All, to)
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.flows.iter().map(|flow| flow.text.held()).fold(0, usize::saturating_add)
    }

    /// Takes a delta to its text. What may go on of that is written to `texts`.
    fn delta(
        &mut self,
        event: Event<'_>,
        delta: &Delta,
        ends: bool,
        texts: &mut Vec<u8>,
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let Some(nth) = self.flow(delta, to.rules)? else { return Ok(()) };
        let Some(flow) = self.flows.get_mut(nth) else { return Ok(()) };
        let raw = event.data.get(delta.range.clone()).unwrap_or_default();
        let (held, from) = (flow.text.held(), texts.len());
        let mut sink = Sink::new(to.rules, to.tally, texts);
        let mut went = Ok(());
        each_character(raw, &mut |raw, text| {
            went = went.and_then(|()| {
                if raw == text {
                    flow.text.plain(raw, &mut sink)
                } else {
                    flow.text.spelled(raw, text, &mut sink)
                }
            });
        });
        went?;
        if ends {
            flow.text.finish(&mut sink);
        }
        let unchanged = held == 0 && flow.text.held() == 0 && sink.out.get(from..) == Some(raw);
        if ends {
            self.flows.swap_remove(nth);
        } else if flow.carrier.is_none() && !unchanged {
            let root = to.rules.fields.root();
            flow.carrier = Some(Carrier::of(event.data, delta.range.start, root, to)?);
            flow.head = event.head.to_vec();
        }
        if !unchanged {
            self.changed.push(delta.key.first());
        }
        let with = With::Text(from..texts.len());
        self.patches.push(Patch { at: delta.range.clone(), with });
        Ok(())
    }

    /// The text that a delta belongs to. `None`: there are too many, and it is masked as a document.
    fn flow(&mut self, delta: &Delta, rules: &Rules) -> Result<Option<usize>, Stop> {
        if let Some(nth) = self.flows.iter().position(|flow| flow.key == delta.key) {
            return Ok(Some(nth));
        }
        if self.flows.len() >= MAX_TEXTS {
            return match rules.on_uncertain {
                OnUncertain::Block => Err(Stop::Uncertain(Uncertain::TooManyChannels)),
                OnUncertain::Scan => Ok(None),
            };
        }
        let mut text = Text::default();
        text.begin(1, delta.place);
        let (key, carrier, head) = (delta.key.clone(), None, Vec::new());
        self.flows.push(Flow { key, text, carrier, head });
        Ok(Some(self.flows.len().saturating_sub(1)))
    }

    /// What tells of a text that does not go on as it came, goes.
    fn patch_repeats(&mut self, found: &Found, data: &[u8]) {
        for (range, choice) in &found.logprobs {
            if choice.is_none() && !self.changed.is_empty() || self.changed.contains(choice) {
                let array = data.get(range.start) == Some(&b'[');
                let with = With::Value(if array { b"[]" } else { b"null" });
                self.patches.push(Patch { at: range.clone(), with });
            }
        }
        self.patch_padding(found.obfuscation.clone());
    }

    /// Padding would tell how long a text was that does not go on as it came.
    fn patch_padding(&mut self, padding: Option<Range<usize>>) {
        if let Some(at) = padding.filter(|_| !self.changed.is_empty()) {
            self.patches.push(Patch { at, with: With::Text(0..0) });
        }
    }

    /// Notes the number of an event.
    fn number(&mut self, data: &[u8], range: Range<usize>) {
        self.sequence.clear();
        self.sequence.extend_from_slice(data.get(range).unwrap_or_default());
    }

    /// What is written for a part of the data.
    fn written<'w>(&'w self, with: &'w With) -> &'w [u8] {
        match with {
            With::Text(range) => self.texts.get(range.clone()).unwrap_or_default(),
            With::Value(value) => value,
        }
    }

    /// Ends texts. What was held of them comes back.
    fn rests(&mut self, end: &End, to: &mut Sink<'_>) -> Vec<Rest> {
        let mut rests = Vec::new();
        let sequence = &self.sequence;
        self.flows.retain_mut(|flow| {
            if !end.ends(&flow.key) {
                return true;
            }
            let mut text = Vec::new();
            flow.text.finish(&mut Sink::new(to.rules, to.tally, &mut text));
            if let Some(carrier) = flow.carrier.take().filter(|_| !text.is_empty()) {
                let mut data = Vec::new();
                carrier.write(&text, sequence, &mut data);
                rests.push(Rest { head: std::mem::take(&mut flow.head), data });
            }
            false
        });
        rests
    }
}

/// Feeds a part of the data, line ends as they are written.
fn spell(
    text: &mut Text,
    data: &[u8],
    part: Range<usize>,
    joins: &[(usize, Vec<u8>)],
    to: &mut Sink<'_>,
) -> Result<(), Stop> {
    let mut at = part.start;
    for (join, raw) in joins.iter().filter(|(join, _)| part.contains(join)) {
        text.plain(data.get(at..*join).unwrap_or_default(), to)?;
        text.spelled(raw, b"\n", to)?;
        at = join.saturating_add(1);
    }
    text.plain(data.get(at..part.end).unwrap_or_default(), to)
}
