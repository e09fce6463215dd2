//! JSON that comes in pieces: a document, lines of documents, or several in a row.
//!
//! What is not masked goes on as it came, every byte of it. Strings and member names are read through their escapes; a field that a
//! path leads to is replaced by one string. What is not JSON is scanned as text from there on.

use super::channel::{Channel, Tally};
use super::path::Place;
use super::rules::{Rules, Stop, Uncertain};

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 512;
/// Longest number that can be something personal, with its sign.
const MAX_NUMBER: usize = 32;
/// Longest member name that paths can have.
const MAX_NAME: usize = 256;
/// What stands in for a field.
const MASK: &[u8] = b"\"[masked]\"";

/// Masks JSON.
#[derive(Clone, Debug)]
pub struct Json {
    state: State,
    levels: Vec<Level>,
    /// The place of the value that is read, or comes next.
    place: Place,
    /// How deep the value begins that is being left out.
    hidden: Option<usize>,
    channel: Channel,
    /// The member name that is read, for paths.
    name: Vec<u8>,
    token: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    object: bool,
    place: Place,
    index: u32,
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
    /// A comma comes, or an end.
    After,
    String {
        name: bool,
    },
    Escape {
        name: bool,
    },
    /// Hex digits of `\u` are read.
    Unicode {
        name: bool,
    },
    /// A high surrogate was read; its low one has to come.
    Pair {
        name: bool,
        slash: bool,
    },
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// It was no JSON.
    Broken,
}

impl Json {
    /// At the beginning of a document.
    pub fn new(rules: &Rules) -> Self {
        Self {
            state: State::Value { first: false },
            levels: Vec::new(),
            place: rules.fields.root(),
            hidden: None,
            channel: Channel::default(),
            name: Vec::new(),
            token: Vec::new(),
        }
    }

    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn feed(
        &mut self,
        rules: &Rules,
        mut piece: &[u8],
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        while let Some((byte, rest)) = piece.split_first() {
            if self.state == State::Broken {
                self.channel.plain(rules, piece, tally, out);
                return Ok(());
            }
            if let State::String { name } = self.state {
                let end =
                    piece.iter().position(|b| matches!(b, b'"' | b'\\')).unwrap_or(piece.len());
                let (run, after) = piece.split_at_checked(end).unwrap_or((piece, &[]));
                if !run.is_empty() {
                    self.plain(rules, name, run, tally, out);
                    piece = after;
                    continue;
                }
            }
            self.byte(rules, *byte, tally, out)?;
            piece = rest;
        }
        Ok(())
    }

    /// The response has ended.
    pub fn finish(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        match self.state {
            State::Scalar => self.scalar(rules, tally, out),
            // Cut off in a spelling: it stands for nothing, and what is before it ends here.
            State::Escape { .. } | State::Unicode { .. } | State::Pair { .. } => {
                let token = std::mem::take(&mut self.token);
                self.text(rules, &token, b"\xef\xbf\xbd", tally, out);
            }
            _ => {}
        }
        if self.hidden.is_none() || self.state == State::Broken {
            self.channel.finish(rules, tally, out);
        }
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.channel.held().saturating_add(self.token.len())
    }

    fn byte(
        &mut self,
        rules: &Rules,
        byte: u8,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        match self.state {
            State::String { name } => self.in_string(rules, name, byte, tally, out),
            State::Escape { name } => self.escaped(rules, name, byte, tally, out),
            State::Unicode { name } => self.unicode(rules, name, byte, tally, out),
            State::Pair { name, slash } => self.pair(rules, name, slash, byte, tally, out),
            State::Scalar
                if !matches!(
                    byte,
                    b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'[' | b'{' | b':'
                ) =>
            {
                self.token.push(byte);
                if self.token.len() > MAX_NUMBER {
                    self.flush_token(out);
                }
            }
            State::Scalar => {
                self.scalar(rules, tally, out);
                self.after_value();
                return self.structure(rules, byte, tally, out);
            }
            _ => return self.structure(rules, byte, tally, out),
        }
        Ok(())
    }

    fn structure(
        &mut self,
        rules: &Rules,
        byte: u8,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            self.put(&[byte], out);
            return Ok(());
        }
        match (self.state, byte) {
            (State::Value { .. }, b'{' | b'[') => {
                self.begin_value(rules, out);
                self.put(&[byte], out);
                if self.levels.len() >= MAX_DEPTH {
                    return Err(Stop::Uncertain(Uncertain::TooDeep));
                }
                let object = byte == b'{';
                self.levels.push(Level { object, place: self.place, index: 0 });
                if object {
                    self.state = State::Name { first: true };
                } else {
                    self.place = rules.fields.element(self.place, 0);
                    self.state = State::Value { first: true };
                }
            }
            (State::Value { .. }, b'"') => {
                self.begin_value(rules, out);
                self.put(&[byte], out);
                self.state = State::String { name: false };
            }
            (State::Name { .. }, b'"') => {
                self.put(&[byte], out);
                self.name.clear();
                self.state = State::String { name: true };
            }
            (State::Value { first: true } | State::After, b']') => {
                self.end_container(false, byte, rules, tally, out)
            }
            (State::Name { first: true } | State::After, b'}') => {
                self.end_container(true, byte, rules, tally, out)
            }
            (State::Colon, b':') => {
                self.put(&[byte], out);
                self.state = State::Value { first: false };
            }
            (State::After, b',') if !self.levels.is_empty() => self.next_item(rules, byte, out),
            // Another document, in a row or on a line of its own.
            (State::After, b'{' | b'[' | b'"') if self.levels.is_empty() => {
                self.state = State::Value { first: false };
                self.place = rules.fields.root();
                return self.structure(rules, byte, tally, out);
            }
            (State::Value { .. }, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                self.begin_value(rules, out);
                self.token.push(byte);
                self.state = State::Scalar;
            }
            (State::After, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if self.levels.is_empty() => {
                self.state = State::Value { first: false };
                self.place = rules.fields.root();
                return self.structure(rules, byte, tally, out);
            }
            _ => self.broken(rules, byte, tally, out),
        }
        Ok(())
    }

    /// A value begins; when a path leads to it, it is left out.
    fn begin_value(&mut self, rules: &Rules, out: &mut Vec<u8>) {
        if self.hidden.is_none() && rules.fields.is_hit(self.place) {
            out.extend_from_slice(MASK);
            self.hidden = Some(self.levels.len());
        }
    }

    fn after_value(&mut self) {
        if self.hidden == Some(self.levels.len()) {
            self.hidden = None;
        }
        self.state = State::After;
    }

    fn next_item(&mut self, rules: &Rules, byte: u8, out: &mut Vec<u8>) {
        self.put(&[byte], out);
        let Some(level) = self.levels.last_mut() else { return };
        if level.object {
            self.state = State::Name { first: false };
        } else {
            level.index = level.index.saturating_add(1);
            self.place = rules.fields.element(level.place, level.index);
            self.state = State::Value { first: false };
        }
    }

    fn end_container(
        &mut self,
        object: bool,
        byte: u8,
        rules: &Rules,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        match self.levels.last() {
            Some(level) if level.object == object => {
                self.put(&[byte], out);
                self.levels.pop();
                self.after_value();
            }
            _ => self.broken(rules, byte, tally, out),
        }
    }

    /// Not JSON: from here on it is text, and nothing of it is left out.
    fn broken(&mut self, rules: &Rules, byte: u8, tally: &mut Tally, out: &mut Vec<u8>) {
        self.state = State::Broken;
        if self.hidden.take().is_some() {
            // Where the field would have ended is not known.
            out.extend_from_slice(b"[masked]");
        }
        self.channel.plain(rules, &[byte], tally, out);
    }

    fn scalar(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        let token = std::mem::take(&mut self.token);
        if self.hidden.is_some() {
            return;
        }
        let mut masked = Vec::new();
        let before = tally.clone();
        let mut text = Channel::default();
        text.plain(rules, &token, tally, &mut masked);
        text.finish(rules, tally, &mut masked);
        if *tally == before {
            out.extend_from_slice(&token);
        } else {
            // A number that is masked is a text.
            out.push(b'"');
            out.extend_from_slice(&masked);
            out.push(b'"');
        }
    }

    fn flush_token(&mut self, out: &mut Vec<u8>) {
        let token = std::mem::take(&mut self.token);
        self.put(&token, out);
    }

    fn in_string(
        &mut self,
        rules: &Rules,
        name: bool,
        byte: u8,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        match byte {
            b'"' => {
                if self.hidden.is_none() {
                    self.channel.finish(rules, tally, out);
                }
                self.put(b"\"", out);
                if name {
                    let object = self.levels.last().map(|l| l.place).unwrap_or_default();
                    self.place = rules.fields.member(object, &self.name);
                    self.state = State::Colon;
                } else {
                    self.after_value();
                }
            }
            _ => {
                self.token.push(byte);
                self.state = State::Escape { name };
            }
        }
    }

    fn escaped(
        &mut self,
        rules: &Rules,
        name: bool,
        byte: u8,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        self.token.push(byte);
        let text = match byte {
            b'u' => {
                self.state = State::Unicode { name };
                return;
            }
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            other => other,
        };
        self.state = State::String { name };
        let token = std::mem::take(&mut self.token);
        self.decoded(rules, name, &token, &[text], tally, out);
    }

    fn unicode(
        &mut self,
        rules: &Rules,
        name: bool,
        byte: u8,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        if !byte.is_ascii_hexdigit() {
            // Not a spelling: the bytes stand for themselves.
            let token = std::mem::take(&mut self.token);
            self.state = State::String { name };
            self.plain(rules, name, &token, tally, out);
            if matches!(byte, b'"' | b'\\') {
                self.in_string(rules, name, byte, tally, out);
            } else {
                self.plain(rules, name, &[byte], tally, out);
            }
            return;
        }
        self.token.push(byte);
        let (digits, high) = match self.token.len() {
            6 => (self.token.get(2..6), None),
            12 => (self.token.get(8..12), self.token.get(2..6).and_then(code)),
            _ => return,
        };
        let unit = digits.and_then(code).unwrap_or_default();
        match (high, unit) {
            (None, 0xd800..=0xdbff) => {
                self.state = State::Pair { name, slash: false };
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => {
                let point = 0x1_0000_u32
                    .saturating_add(high.saturating_sub(0xd800).saturating_mul(0x400))
                    .saturating_add(unit.saturating_sub(0xdc00));
                self.character(rules, name, point, tally, out);
            }
            (Some(_), _) => {
                let second = self.token.split_off(6);
                self.character(rules, name, 0xfffd, tally, out);
                self.token = second;
                self.state = State::Unicode { name };
                if (0xd800..=0xdbff).contains(&unit) {
                    self.state = State::Pair { name, slash: false };
                    return;
                }
                self.character(rules, name, unit, tally, out);
            }
            (None, _) => self.character(rules, name, unit, tally, out),
        }
        self.state = State::String { name };
    }

    /// A high surrogate waits for `\u`.
    fn pair(
        &mut self,
        rules: &Rules,
        name: bool,
        slash: bool,
        byte: u8,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        match (slash, byte) {
            (false, b'\\') => {
                self.token.push(byte);
                self.state = State::Pair { name, slash: true };
            }
            (true, b'u') => {
                self.token.push(byte);
                self.state = State::Unicode { name };
            }
            _ => {
                let rest = self.token.split_off(6);
                self.character(rules, name, 0xfffd, tally, out);
                self.token = rest;
                if slash {
                    self.escaped(rules, name, byte, tally, out);
                } else {
                    self.state = State::String { name };
                    if matches!(byte, b'"' | b'\\') {
                        self.in_string(rules, name, byte, tally, out);
                    } else {
                        self.plain(rules, name, &[byte], tally, out);
                    }
                }
            }
        }
    }

    fn character(
        &mut self,
        rules: &Rules,
        name: bool,
        point: u32,
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        let mut bytes = [0; 4];
        let text = char::from_u32(point).unwrap_or('\u{fffd}').encode_utf8(&mut bytes);
        let token = std::mem::take(&mut self.token);
        self.decoded(rules, name, &token, text.as_bytes(), tally, out);
    }

    fn plain(
        &mut self,
        rules: &Rules,
        name: bool,
        run: &[u8],
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        if name {
            self.read_name(run);
        }
        if self.hidden.is_none() {
            self.channel.plain(rules, run, tally, out);
        }
    }

    fn decoded(
        &mut self,
        rules: &Rules,
        name: bool,
        raw: &[u8],
        text: &[u8],
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        if name {
            self.read_name(text);
        }
        self.text(rules, raw, text, tally, out);
    }

    fn text(
        &mut self,
        rules: &Rules,
        raw: &[u8],
        text: &[u8],
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        if self.hidden.is_none() {
            self.channel.escape(rules, raw, text, tally, out);
        }
    }

    /// A name that is longer than any in a path is cut where it cannot be one any more.
    fn read_name(&mut self, text: &[u8]) {
        let room = MAX_NAME.saturating_add(1).saturating_sub(self.name.len());
        self.name.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
    }

    fn put(&self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.hidden.is_none() {
            out.extend_from_slice(bytes);
        }
    }
}

fn code(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests;
