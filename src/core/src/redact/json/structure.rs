//! What stands between the strings: where values begin and end, and where it is no JSON.

use super::super::catalogue::is_secret_name;
use super::super::path::Place;
use super::{
    Json, Level, Logprobs, MAX_DEPTH, MAX_DEPTH_WITHIN, Number, OnUncertain, Sink, State, Stop,
    Uncertain,
};

/// A quote in so many strings: each doubles the backslashes before it and adds one.
const QUOTE: &[u8; 16] = b"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"";
/// What stands in for a field, between quotes.
const MASK: &[u8] = b"[masked]";
/// Longest number that is read as a whole; a longer one is a text.
const MAX_NUMBER: usize = 32;
/// The level of a text that is not read as JSON.
const TEXT: u8 = u8::MAX;

impl Json {
    pub(super) fn structure(
        &mut self,
        raw: &[u8],
        text: &[u8],
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let [byte] = *text else {
            self.broken(to);
            return self.text.spelled(raw, text, to);
        };
        match (self.state, byte) {
            (_, b' ' | b'\t' | b'\r' | b'\n') => {
                self.put(raw, to);
                if byte == b'\n' && matches!(self.state, State::After { .. }) {
                    self.state = State::After { line: true };
                }
            }
            (State::Value { .. }, b'{' | b'[') => {
                let most = if self.level == 0 { MAX_DEPTH } else { MAX_DEPTH_WITHIN };
                if self.levels.len() < most {
                    self.begin_container(byte == b'{', raw, to);
                } else if to.rules.on_uncertain == OnUncertain::Block {
                    return Err(Stop::Uncertain(Uncertain::TooDeep));
                } else {
                    self.broken(to);
                    return self.text.spelled(raw, text, to);
                }
            }
            (State::Value { .. }, b'"') => {
                self.begin_value(to);
                self.put(raw, to);
                self.text.begin(self.level.saturating_add(1), self.place);
                if self.is_in(true) && is_secret_name(&self.name) {
                    self.text.begin_member();
                }
                self.state = State::String { name: false };
            }
            (State::Name { .. }, b'"') => {
                self.put(raw, to);
                self.name.clear();
                self.text.begin(TEXT, Place::default());
                self.state = State::String { name: true };
            }
            (State::Value { first: true } | State::After { .. }, b']') if self.is_in(false) => {
                self.end_container(raw, to);
            }
            (State::Name { first: true } | State::After { .. }, b'}') if self.is_in(true) => {
                self.end_container(raw, to);
            }
            (State::Colon, b':') => {
                self.put(raw, to);
                self.state = State::Value { first: false };
            }
            (State::After { .. }, b',') if !self.levels.is_empty() => self.next_item(raw, to),
            (State::Value { .. }, b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I') => {
                self.begin_value(to);
                self.state = State::Number;
                return self.in_number(raw, text, to);
            }
            (State::After { line }, _) if self.another(line, byte) => {
                self.state = State::Value { first: false };
                self.place = self.root;
                return self.structure(raw, text, to);
            }
            _ => {
                self.broken(to);
                return self.text.spelled(raw, text, to);
            }
        }
        Ok(())
    }

    /// Whether another document begins: in a row, or on a line of its own, but not in a string.
    const fn another(&self, line: bool, byte: u8) -> bool {
        self.levels.is_empty()
            && self.level == 0
            && (line || matches!(byte, b'{' | b'[' | b'"'))
            && !matches!(byte, b',' | b':' | b']' | b'}')
    }

    fn is_in(&self, object: bool) -> bool {
        self.levels.last().is_some_and(|level| level.object == object)
    }

    /// A value begins; when a path leads to it, it is left out.
    fn begin_value(&mut self, to: &mut Sink<'_>) {
        if self.hidden.is_none()
            && let Some(path) = to.rules.fields.hit(self.place)
        {
            to.tally.count_field(path);
            let quote = self.quote();
            to.put(quote);
            to.put(MASK);
            to.put(quote);
            self.hidden = Some(self.levels.len());
        }
    }

    fn quote(&self) -> &'static [u8] {
        let length = 1_usize.wrapping_shl(u32::from(self.level.min(4)));
        QUOTE.get(QUOTE.len().saturating_sub(length)..).unwrap_or(QUOTE)
    }

    pub(super) fn after_value(&mut self) {
        if self.hidden == Some(self.levels.len()) {
            self.hidden = None;
        }
        self.state = State::After { line: false };
    }

    fn begin_container(&mut self, object: bool, raw: &[u8], to: &mut Sink<'_>) {
        self.begin_value(to);
        let inside = self.levels.last().is_some_and(|level| level.object);
        if inside && self.name == b"logprobs" && self.hidden.is_none() && self.logprobs.is_none() {
            let mut logprobs = Logprobs::new(self.levels.len(), object);
            logprobs.written.extend_from_slice(raw);
            self.logprobs = Some(Box::new(logprobs));
        } else {
            self.put(raw, to);
        }
        self.levels.push(Level { object, place: self.place, index: 0 });
        if object {
            self.state = State::Name { first: true };
        } else {
            self.place = to.rules.fields.element(self.place, 0);
            self.state = State::Value { first: true };
        }
    }

    fn next_item(&mut self, raw: &[u8], to: &mut Sink<'_>) {
        self.put(raw, to);
        let Some(level) = self.levels.last_mut() else { return };
        if level.object {
            self.state = State::Name { first: false };
        } else {
            level.index = level.index.saturating_add(1);
            self.place = to.rules.fields.element(level.place, level.index);
            self.state = State::Value { first: false };
        }
    }

    fn end_container(&mut self, raw: &[u8], to: &mut Sink<'_>) {
        self.put(raw, to);
        self.levels.pop();
        self.after_value();
    }

    /// Not JSON: from here on it is text, and nothing of it is left out. A number that has begun belongs to it.
    pub(super) fn broken(&mut self, to: &mut Sink<'_>) {
        self.state = State::Broken;
        self.spelling = Default::default();
        if self.hidden.take().is_some() {
            // Where the field would have ended is not known.
            to.put(MASK);
        }
        let number = std::mem::take(&mut self.number);
        if !number.long {
            self.text.begin(TEXT, Place::default());
        }
        number.write(&mut self.text, to);
    }

    pub(super) fn in_number(
        &mut self,
        raw: &[u8],
        text: &[u8],
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        let [byte] = *text else {
            self.broken(to);
            return self.text.spelled(raw, text, to);
        };
        match byte {
            b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' if self.number.is_valid() => {
                self.end_number(to);
                self.after_value();
                self.structure(raw, text, to)
            }
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.'
                if !self.number.is_full() =>
            {
                self.number.raw.extend_from_slice(raw);
                self.number.text.push(byte);
                self.number.lengths.push(u8::try_from(raw.len()).unwrap_or(u8::MAX));
                Ok(())
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' if self.number.is_valid() => {
                self.long_number(raw, text, to)
            }
            _ => {
                self.broken(to);
                self.text.spelled(raw, text, to)
            }
        }
    }

    /// Takes a number that is there as a whole, if nothing can be in it. How many bytes it has.
    pub(super) fn pass_number(&mut self, piece: &[u8], to: &mut Sink<'_>) -> Option<usize> {
        if !matches!(self.state, State::Value { .. }) {
            return None;
        }
        let ends = |b: &u8| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        let length = piece.iter().take(MAX_NUMBER).position(ends)?;
        let text = piece.get(..length)?;
        let clean = matches!(text, b"true" | b"false" | b"null")
            || (is_scalar(text) && to.rules.detectors.is_clean_number(text));
        clean.then(|| {
            self.begin_value(to);
            self.put(text, to);
            self.after_value();
            length
        })
    }

    /// A number that is too long to be looked at as a whole is looked at as a text.
    fn long_number(&mut self, raw: &[u8], text: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        if self.hidden.is_some() {
            return Ok(());
        }
        if !self.number.long {
            self.text.begin(TEXT, Place::default());
            self.number.write(&mut self.text, to);
            self.number = Number { long: true, ..Number::default() };
        }
        self.text.spelled(raw, text, to)
    }

    pub(super) fn end_number(&mut self, to: &mut Sink<'_>) {
        let number = std::mem::take(&mut self.number);
        if self.hidden.is_some() {
            return;
        }
        if number.long {
            self.text.finish(to);
            return;
        }
        if number.is_literal() || to.rules.detectors.is_clean_number(&number.text) {
            to.put(&number.raw);
            return;
        }
        self.text.begin(TEXT, Place::default());
        let from = to.out.len();
        number.write(&mut self.text, to);
        self.text.finish(to);
        if to.out.get(from..) != Some(&number.raw) {
            // A number that is masked is a text.
            let masked = to.out.split_off(from);
            let quote = self.quote();
            to.put(quote);
            to.put(&masked);
            to.put(quote);
        }
    }
}

impl Number {
    fn is_full(&self) -> bool {
        self.long || self.text.len() >= MAX_NUMBER
    }

    fn is_literal(&self) -> bool {
        matches!(self.text.as_slice(), b"true" | b"false" | b"null")
    }

    /// Whether it is a number as far as it goes, or a word of JSON or JavaScript.
    pub(super) fn is_valid(&self) -> bool {
        self.long
            || self.is_literal()
            || matches!(self.text.as_slice(), b"NaN" | b"Infinity" | b"-Infinity")
            || self.text.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
    }

    fn write(&self, text: &mut super::Text, to: &mut Sink<'_>) {
        if self.raw == self.text {
            text.scan(&self.text, to);
            return;
        }
        let mut rest = self.raw.as_slice();
        for (length, byte) in self.lengths.iter().zip(&self.text) {
            let (raw, after) = rest.split_at_checked(usize::from(*length)).unwrap_or((rest, &[]));
            text.scan_spelled(raw, std::slice::from_ref(byte), to);
            rest = after;
        }
    }
}

/// Whether it is a number, as far as it goes, or a word of JSON or of JavaScript's numbers.
pub fn is_scalar(text: &[u8]) -> bool {
    let number = |b: &u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    matches!(text, b"true" | b"false" | b"null" | b"NaN" | b"Infinity" | b"-Infinity")
        || (matches!(text.first(), Some(b'0'..=b'9' | b'-')) && text.iter().all(number))
}
