//! JSON that comes in pieces: a document, lines of documents, or several in a row.
//!
//! What is not masked goes on as it came, every byte of it. Strings and member names are read through their escapes, and JSON in a string
//! once more; a field that a path leads to is replaced by one string. What is not JSON is scanned as text from there on.

mod logprobs;
mod spelling;
mod structure;
mod text;

use memchr::memchr2;

use super::path::Place;
use super::rules::{OnUncertain, Rules, Stop, Uncertain};
use super::sink::Sink;
use logprobs::Logprobs;
pub use spelling::Spelling;
pub use structure::is_scalar;
pub use text::Text;

/// Deepest nesting that is followed.
pub const MAX_DEPTH: usize = 256;
/// The same, of JSON that stands in a string.
const MAX_DEPTH_WITHIN: usize = 64;
/// Longest member name that paths can have.
const MAX_NAME: usize = 256;

/// Masks JSON.
#[derive(Clone, Debug, Default)]
pub struct Json {
    /// In how many strings it stands.
    level: u8,
    root: Place,
    state: State,
    levels: Vec<Level>,
    /// The place of the value that is read, or comes next.
    place: Place,
    /// How deep the value begins that is being left out.
    hidden: Option<usize>,
    /// The string that is read, or all that follows what is no JSON.
    text: Text,
    spelling: Spelling,
    /// The member name that is read, for paths.
    name: Vec<u8>,
    number: Number,
    /// What repeats a text token by token.
    logprobs: Option<Box<Logprobs>>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    object: bool,
    place: Place,
    index: u32,
}

/// A number, `true`, `false` or `null`.
#[derive(Clone, Debug, Default)]
struct Number {
    raw: Vec<u8>,
    text: Vec<u8>,
    /// How many bytes of `raw` each byte of `text` is.
    lengths: Vec<u8>,
    /// It was too long, and has gone on as a text.
    long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value comes; in an array that has just begun, its end may.
    Value {
        first: bool,
    },
    /// A member name comes; in an object that has just begun, its end may.
    Name {
        first: bool,
    },
    Colon,
    /// A comma comes, or an end; at the top, another document, and a number only on another line.
    After {
        line: bool,
    },
    String {
        name: bool,
    },
    Number,
    /// It was no JSON.
    Broken,
}

impl Default for State {
    fn default() -> Self {
        Self::Value { first: false }
    }
}

impl Json {
    /// At the beginning of a body.
    pub fn new(rules: &Rules) -> Self {
        let mut json = Self::default();
        json.begin(0, rules.fields.root());
        json
    }

    /// Another document begins. It stands in `level` strings, at `place`.
    pub fn begin(&mut self, level: u8, place: Place) {
        self.level = level;
        self.root = place;
        self.state = State::default();
        self.levels.clear();
        self.place = place;
        self.hidden = None;
        self.spelling = Spelling::default();
        self.number = Number::default();
        self.logprobs = None;
    }

    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn feed(&mut self, mut piece: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        while !piece.is_empty() {
            piece = self.through(to, |json, to| json.step(piece, to))?;
        }
        Ok(())
    }

    /// Takes some of the piece. What is left of it.
    fn step<'p>(&mut self, piece: &'p [u8], to: &mut Sink<'_>) -> Result<&'p [u8], Stop> {
        let Some((byte, rest)) = piece.split_first() else { return Ok(piece) };
        match self.state {
            State::Broken => return self.text.plain(piece, to).map(|()| &[][..]),
            State::String { name } if self.spelling.is_idle() => {
                let end = memchr2(b'"', b'\\', piece);
                let (run, after) =
                    piece.split_at_checked(end.unwrap_or(piece.len())).unwrap_or((piece, &[]));
                if !run.is_empty() {
                    if !after.starts_with(b"\"") || !self.passes(name, run, to) {
                        self.run(name, run, to)?;
                    }
                    return Ok(after);
                }
            }
            State::Value { .. } if matches!(byte, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                let length = self.pass_number(piece, to);
                if let Some(after) = length.and_then(|length| piece.get(length..)) {
                    return Ok(after);
                }
            }
            _ => {}
        }
        let byte = std::slice::from_ref(byte);
        self.one(byte, byte, to)?;
        Ok(rest)
    }

    /// Takes one character, written as `raw`.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn character(&mut self, raw: &[u8], text: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        self.through(to, |json, to| json.one(raw, text, to))
    }

    /// Does a step. While `logprobs` are read, what it writes is held.
    fn through<T>(
        &mut self,
        to: &mut Sink<'_>,
        step: impl FnOnce(&mut Self, &mut Sink<'_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let Some(logprobs) = &mut self.logprobs else { return step(self, to) };
        let mut written = std::mem::take(&mut logprobs.written);
        let depth = logprobs.depth;
        let went = step(self, &mut Sink::new(to.rules, to.tally, &mut written));
        let Some(mut logprobs) = self.logprobs.take() else { return went };
        logprobs.written = written;
        let ended = self.levels.len() == depth && matches!(self.state, State::After { .. });
        if ended || self.state == State::Broken {
            to.put(&logprobs.finish(to.rules));
        } else if logprobs.is_too_long() {
            to.put(logprobs.nothing());
            self.hidden = Some(depth);
            // What of a string is held belongs to them.
            self.text = Text::default();
        } else {
            self.logprobs = Some(logprobs);
        }
        went
    }

    fn one(&mut self, raw: &[u8], text: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        match self.state {
            State::Broken => self.text.spelled(raw, text, to),
            State::String { name } => self.in_string(name, raw, text, to),
            State::Number => self.in_number(raw, text, to),
            _ => self.structure(raw, text, to),
        }
    }

    /// The text has ended, and with it all JSON.
    pub fn finish(&mut self, to: &mut Sink<'_>) {
        if let Some(mut logprobs) = self.logprobs.take() {
            let mut written = std::mem::take(&mut logprobs.written);
            self.end(&mut Sink::new(to.rules, to.tally, &mut written));
            logprobs.written = written;
            to.put(&logprobs.finish(to.rules));
        } else {
            self.end(to);
        }
    }

    fn end(&mut self, to: &mut Sink<'_>) {
        match self.state {
            State::Number if self.number.is_valid() => self.end_number(to),
            State::Number => self.broken(to),
            // Cut off in a spelling: it stands for nothing, and what is before it ends here.
            State::String { name } => {
                let mut spelling = std::mem::take(&mut self.spelling);
                spelling.finish(&mut |raw, text| {
                    let _ended = self.spelled(name, raw, text, to);
                });
            }
            _ => {}
        }
        if self.hidden.is_none() {
            self.text.finish(to);
        }
    }

    /// Whether a document has ended, and nothing of another one has come.
    pub fn is_between(&self) -> bool {
        self.levels.is_empty() && matches!(self.state, State::After { .. })
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        let logprobs = self.logprobs.as_ref().map_or(0, |logprobs| logprobs.written.len());
        let own = self.spelling.held().saturating_add(self.number.raw.len());
        own.saturating_add(self.text.held()).saturating_add(logprobs)
    }

    fn in_string(
        &mut self,
        name: bool,
        raw: &[u8],
        text: &[u8],
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        if text == b"\\" || !self.spelling.is_idle() {
            let mut spelling = std::mem::take(&mut self.spelling);
            let mut went = Ok(());
            let taken = spelling.take(raw, text, &mut |raw, text| {
                went = went.and_then(|()| self.spelled(name, raw, text, to));
            });
            self.spelling = spelling;
            went?;
            if taken {
                return Ok(());
            }
        }
        match text {
            b"\"" => {
                self.end_string(name, raw, to);
                Ok(())
            }
            b"\\" => self.in_string(name, raw, text, to),
            _ if raw == text => self.run(name, raw, to),
            _ => self.spelled(name, raw, text, to),
        }
    }

    fn end_string(&mut self, name: bool, raw: &[u8], to: &mut Sink<'_>) {
        if self.hidden.is_none() {
            self.text.finish(to);
        }
        self.put(raw, to);
        if name {
            let object = self.levels.last().map(|l| l.place).unwrap_or_default();
            self.place = to.rules.fields.member(object, &self.name);
            self.state = State::Colon;
        } else {
            self.after_value();
        }
    }

    /// Takes a string as a whole, if nothing can be in it.
    fn passes(&mut self, name: bool, run: &[u8], to: &mut Sink<'_>) -> bool {
        let passes = self.hidden.is_none() && self.text.pass(run, to);
        if passes && name {
            self.read_name(run);
        } else if passes {
            self.repeat(run, to);
        }
        passes
    }

    /// Characters of a string that are written as they are.
    fn run(&mut self, name: bool, run: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        if name {
            self.read_name(run);
        } else {
            self.repeat(run, to);
        }
        if self.hidden.is_none() { self.text.plain(run, to) } else { Ok(()) }
    }

    /// A character of a string, written as `raw`.
    fn spelled(
        &mut self,
        name: bool,
        raw: &[u8],
        text: &[u8],
        to: &mut Sink<'_>,
    ) -> Result<(), Stop> {
        if name {
            self.read_name(text);
        } else {
            self.repeat(text, to);
        }
        if self.hidden.is_none() { self.text.spelled(raw, text, to) } else { Ok(()) }
    }

    /// A string that may be a token of a text.
    fn repeat(&mut self, text: &[u8], to: &Sink<'_>) {
        if let Some(logprobs) = &mut self.logprobs {
            logprobs.string(to.rules, self.levels.len(), &self.name, text);
        }
    }

    /// A name that is longer than any in a path is cut where it cannot be one any more.
    fn read_name(&mut self, text: &[u8]) {
        let room = MAX_NAME.saturating_add(1).saturating_sub(self.name.len());
        self.name.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
    }

    fn put(&self, raw: &[u8], to: &mut Sink<'_>) {
        if self.hidden.is_none() {
            to.put(raw);
        }
    }
}

#[cfg(test)]
mod tests;
