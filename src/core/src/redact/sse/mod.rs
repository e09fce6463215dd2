//! Server-sent events (WHATWG HTML, section 9.2) that come in pieces.
//!
//! Only texts change: comments, line ends, the order of fields, and how they are written, stay as they came, byte by byte. An event
//! goes out when it is complete.

mod line;

use std::ops::Range;

use memchr::memchr2;

use super::channel::Channel;
use super::delta::{Deltas, Event, Rest};
use super::json::Text;
use super::rules::{OnUncertain, Stop, Uncertain};
use super::sink::Sink;
use line::{Field, Line, lines};

/// Longest event.
const MAX_EVENT: usize = 256 * 1024;

/// May stand before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Masks server-sent events.
#[derive(Clone, Debug)]
pub struct Sse {
    /// The event that has begun.
    event: Vec<u8>,
    /// Whether the line that has begun is empty so far.
    blank: bool,
    /// Whether a line has just ended with a carriage return: a line feed belongs to it.
    after_return: bool,
    /// An event that is too long goes out as a text.
    long: Option<Box<Channel>>,
    deltas: Deltas,
    /// A line that is no data.
    text: Text,
    /// How the last line of data ended.
    line_end: Vec<u8>,
}

impl Default for Sse {
    fn default() -> Self {
        Self {
            event: Vec::new(),
            blank: true,
            after_return: false,
            long: None,
            deltas: Deltas::default(),
            text: Text::default(),
            line_end: b"\n".to_vec(),
        }
    }
}

impl Sse {
    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn feed(&mut self, mut piece: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        while let Some((first, rest)) = piece.split_first() {
            if std::mem::replace(&mut self.after_return, false) && *first == b'\n' {
                if self.event.is_empty() && self.long.is_none() {
                    to.put(b"\n");
                } else {
                    self.take(b"\n", to)?;
                }
                piece = rest;
                continue;
            }
            let end = memchr2(b'\n', b'\r', piece);
            let Some(end) = end else {
                self.blank = false;
                return self.take(piece, to);
            };
            let (line, after) =
                piece.split_at_checked(end.saturating_add(1)).unwrap_or((piece, &[]));
            self.take(line, to)?;
            self.after_return = line.ends_with(b"\r");
            let complete = self.blank && end == 0;
            self.blank = true;
            if complete {
                self.complete(false, to)?;
            }
            piece = after;
        }
        Ok(())
    }

    /// The body has ended.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn finish(&mut self, to: &mut Sink<'_>) -> Result<(), Stop> {
        self.complete(true, to)?;
        let rests = self.deltas.finish(to);
        self.put_rests(&rests, to)
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        let long = self.long.as_ref().map_or(0, |long| long.held());
        self.event.len().saturating_add(long).saturating_add(self.deltas.held())
    }

    /// More of the event.
    fn take(&mut self, bytes: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        if let Some(long) = &mut self.long {
            long.plain(to.rules, bytes, to.tally, to.out);
            return Ok(());
        }
        if self.event.len().saturating_add(bytes.len()) <= MAX_EVENT {
            self.event.extend_from_slice(bytes);
            return Ok(());
        }
        if to.rules.on_uncertain == OnUncertain::Block {
            return Err(Stop::Uncertain(Uncertain::EventTooLong));
        }
        let long = self.long.insert(Box::default());
        long.plain(to.rules, &self.event, to.tally, to.out);
        long.plain(to.rules, bytes, to.tally, to.out);
        self.event.clear();
        Ok(())
    }

    /// An event has ended, or the body with it.
    fn complete(&mut self, last: bool, to: &mut Sink<'_>) -> Result<(), Stop> {
        if let Some(mut long) = self.long.take() {
            long.finish(to.rules, to.tally, to.out);
            return Ok(());
        }
        let mut event = std::mem::take(&mut self.event);
        let went = if event.is_empty() { Ok(()) } else { self.event(&event, last, to) };
        event.clear();
        self.event = event;
        went
    }

    fn event(&mut self, raw: &[u8], last: bool, to: &mut Sink<'_>) -> Result<(), Stop> {
        let at = |range: Range<usize>| raw.get(range).unwrap_or_default();
        let lines = lines(raw);
        if lines.is_empty() {
            // A byte order mark, and nothing else.
            to.put(raw);
            return Ok(());
        }
        let is_data = |line: &&Line| line.field == Field::Data;
        let (first, end) = (lines.iter().find(is_data), lines.iter().rfind(is_data));
        let (Some(first), Some(end)) = (first, end) else {
            return self.other(raw, &lines, to);
        };
        let (mut joined, mut joins) = (Vec::new(), Vec::new());
        // Most data is one line, and can be read where it is.
        let data = if first.start == end.start {
            at(first.value.clone())
        } else {
            self.join(raw, &lines, &mut joined, &mut joins, to)?;
            &joined
        };
        let name = lines.iter().rfind(|line| line.field == Field::Event);
        let head = name.map(|line| at(line.start..line.value.end)).unwrap_or_default();
        let head = head.strip_prefix(BOM).unwrap_or(head);
        let name = name.map(|line| at(line.value.clone())).unwrap_or_default();
        if end.end > end.value.end {
            self.line_end = at(end.value.end..end.end).to_vec();
        }
        let rests = self.deltas.begin(Event { name, data, head, last }, to)?;
        self.put_rests(&rests, to)?;

        let start = to.out.len();
        let _earlier = to.tally.take_drop();
        let before = |line: &&Line| line.start < first.start;
        self.other(raw, lines.iter().filter(before), to)?;
        to.put(at(first.start..first.value.start));
        self.deltas.write(data, &joins, to)?;
        to.put(at(end.value.end..end.end));
        self.other(raw, lines.iter().filter(|line| line.start > end.start), to)?;
        if to.tally.take_drop() && !self.deltas.has_any() {
            to.out.truncate(start);
        }
        Ok(())
    }

    /// Puts together the lines of data. What stands between them is how the line end is written that they are joined by.
    fn join(
        &mut self,
        raw: &[u8],
        lines: &[Line],
        data: &mut Vec<u8>,
        joins: &mut Vec<(usize, Vec<u8>)>,
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let at = |range: Range<usize>| raw.get(range).unwrap_or_default();
        let mut written: Option<Vec<u8>> = None;
        for line in lines {
            match (&mut written, line.field) {
                (None, Field::Data) => {}
                (None, _) => continue,
                (Some(written), Field::Data) => {
                    written.extend_from_slice(at(line.start..line.value.start));
                    joins.push((data.len(), std::mem::take(written)));
                    data.push(b'\n');
                }
                (Some(written), _) => {
                    let mut sink = Sink::new(to.rules, to.tally, written);
                    self.other(raw, [line], &mut sink)?;
                    continue;
                }
            }
            data.extend_from_slice(at(line.value.clone()));
            written = Some(at(line.value.end..line.end).to_vec());
        }
        Ok(())
    }

    /// Lines that are no data: each is a text of its own, and what no event has, several lines together.
    fn other<'l>(
        &mut self,
        raw: &[u8],
        lines: impl IntoIterator<Item = &'l Line>,
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        for line in lines {
            if line.field == Field::Unknown {
                self.text.plain(raw.get(line.start..line.end).unwrap_or_default(), to)?;
                continue;
            }
            self.text.finish(to);
            let text = raw.get(line.start..line.value.end).unwrap_or_default();
            if !self.text.pass(text, to) {
                self.text.plain(text, to)?;
                self.text.finish(to);
            }
            to.put(raw.get(line.value.end..line.end).unwrap_or_default());
        }
        self.text.finish(to);
        Ok(())
    }

    /// Writes events of what was held.
    fn put_rests(&mut self, rests: &[Rest], to: &mut Sink<'_>) -> Result<(), Stop> {
        for rest in rests {
            if !rest.head.is_empty() {
                self.other(&rest.head, &lines(&rest.head), to)?;
                to.put(&self.line_end);
            }
            to.put(b"data: ");
            to.put(&rest.data);
            to.put(&self.line_end);
            to.put(&self.line_end);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
