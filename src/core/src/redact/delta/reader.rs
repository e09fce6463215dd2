//! Reads JSON that is there as a whole, by where things stand in it.
//!
//! As strict about structure as what masks it afterwards: what is read here is not found to be no JSON there.

use std::ops::Range;

use super::super::json::{MAX_DEPTH, Spelling, is_scalar};

/// Reads one document. `None` everywhere: it is no JSON, or nested too deep.
#[derive(Debug)]
pub struct Reader<'d> {
    data: &'d [u8],
    at: usize,
}

impl<'d> Reader<'d> {
    /// At `at` in `data`.
    pub const fn new(data: &'d [u8], at: usize) -> Self {
        Self { data, at }
    }

    /// Another one at the next value. It is not taken.
    pub fn ahead(&mut self) -> Option<Self> {
        self.peek()?;
        Some(Self { data: self.data, at: self.at })
    }

    /// The bytes there.
    pub fn bytes(&self, range: Range<usize>) -> &'d [u8] {
        self.data.get(range).unwrap_or_default()
    }

    /// The next byte that is not white space. It is not taken.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.data.get(self.at)?;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.step();
        }
    }

    /// Takes this byte, after white space.
    pub fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.step())
    }

    /// Takes a string. Where it stands, without its quotes.
    pub fn string(&mut self) -> Option<Range<usize>> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            let rest = self.data.get(self.at..)?;
            let run = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20))?;
            self.at = self.at.saturating_add(run);
            match rest.get(run)? {
                b'"' => {
                    let end = self.at;
                    self.step();
                    return Some(start..end);
                }
                b'\\' if *rest.get(run.saturating_add(1))? >= 0x20 => {
                    self.at = self.at.saturating_add(2);
                }
                _ => return None,
            }
        }
    }

    /// Takes any value. Where it stands.
    pub fn value(&mut self) -> Option<Range<usize>> {
        self.peek()?;
        let start = self.at;
        let mut objects: Vec<bool> = Vec::new();
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                open @ (b'{' | b'[') => {
                    self.step();
                    let object = open == b'{';
                    let end = if object { b'}' } else { b']' };
                    if self.peek()? == end {
                        self.step();
                    } else {
                        objects.push(object);
                        (objects.len() < MAX_DEPTH / 2).then_some(())?;
                        if object {
                            self.name()?;
                        }
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // A value has ended, and perhaps what it was in.
            loop {
                let Some(object) = objects.last().copied() else { return Some(start..self.at) };
                match (object, self.peek()?) {
                    (_, b',') => {
                        self.step();
                        if object {
                            self.name()?;
                        }
                        break;
                    }
                    (true, b'}') | (false, b']') => {
                        self.step();
                        objects.pop();
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Takes a member name and its colon. Where the name stands.
    pub fn name(&mut self) -> Option<Range<usize>> {
        let name = self.string()?;
        self.take(b':')?;
        Some(name)
    }

    /// After a value in an object or array: whether another one comes. Takes the comma, or the end.
    pub fn another(&mut self, end: u8) -> Option<bool> {
        match self.peek()? {
            b',' => {
                self.step();
                Some(true)
            }
            byte if byte == end => {
                self.step();
                Some(false)
            }
            _ => None,
        }
    }

    /// Whether nothing but white space follows.
    pub fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }

    fn scalar(&mut self) -> Option<()> {
        let rest = self.data.get(self.at..)?;
        let ends = |b: &u8| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
        let length = rest.iter().position(ends).unwrap_or(rest.len());
        self.at = self.at.saturating_add(length);
        rest.get(..length).filter(|text| is_scalar(text)).map(|_| ())
    }

    const fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

/// What a string without its quotes stands for, up to `most` bytes.
pub fn unescaped(raw: &[u8], most: usize) -> Vec<u8> {
    let mut text = Vec::new();
    each_character(raw, &mut |_, plain| {
        let room = most.saturating_sub(text.len()).min(plain.len());
        text.extend_from_slice(plain.get(..room).unwrap_or_default());
    });
    text
}

/// Hands on a string without its quotes: each run that is written as it is, and each spelling with what it stands for.
pub fn each_character(raw: &[u8], put: &mut dyn FnMut(&[u8], &[u8])) {
    let mut spelling = Spelling::default();
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        if spelling.is_idle() && *byte != b'\\' {
            let end = rest.iter().position(|b| *b == b'\\').unwrap_or(rest.len());
            let (run, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            put(run, run);
            rest = after;
            continue;
        }
        let byte = std::slice::from_ref(byte);
        if spelling.take(byte, byte, put) {
            rest = after;
        }
    }
    spelling.finish(put);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_where_they_stand() {
        for text in [
            "{}",
            "[]",
            "-1.5e3",
            "null",
            "\"a\\\"b\"",
            r#"{"a":[1,{"b":null},[]],"c":{}}"#,
            "[ 1 , \"x\" ]",
        ] {
            let padded = format!(" {text} ,");
            let mut reader = Reader::new(padded.as_bytes(), 0);
            let range = reader.value().unwrap();
            assert_eq!(reader.bytes(range), text.as_bytes());
            assert_eq!(reader.peek(), Some(b','));
        }
        for text in
            ["", "{", "{]", "[1,]", "{\"a\"}", "{\"a\":}", "[1 2]", "\"a", "\"a\nb\"", "nul", "[}"]
        {
            assert_eq!(Reader::new(text.as_bytes(), 0).value(), None, "{text}");
        }
        assert_eq!(Reader::new(&b"[".repeat(100_000), 0).value(), None);
    }

    #[test]
    fn names_are_read_through_escapes() {
        assert_eq!(unescaped(br"d\u0065lta\ud83d", 99), "delta\u{fffd}".as_bytes());
        assert_eq!(unescaped(b"abcdef", 3), b"abc");
    }
}
