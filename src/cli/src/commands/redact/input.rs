//! The response, in pieces.

use std::collections::VecDeque;
use std::io::Read;

use crate::source::os_reason;

/// Most bytes that are read at a time.
const READ_BYTES: usize = 16 * 1024;
/// How an event stream can start: with a field, or with a comment.
const EVENTS: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];

/// Where pieces end.
#[derive(Debug)]
pub enum Cuts {
    /// After so many bytes each.
    Every(u64),
    /// At these places, ascending; behind them, wherever a read ends.
    At(VecDeque<u64>),
}

impl Cuts {
    /// After so many bytes each.
    pub const fn every(size: u64) -> Self {
        Self::Every(size)
    }

    /// At these places.
    ///
    /// # Errors
    /// When they do not ascend.
    pub fn at(places: &[u64]) -> Result<Self, String> {
        if places.first() == Some(&0) || !places.is_sorted_by(|a, b| a < b) {
            return Err("`--splits` takes ascending places above 0, such as `3,9,40`".to_owned());
        }
        Ok(Self::At(places.iter().copied().collect()))
    }
}

/// A reader whose pieces end where they should.
#[derive(Debug)]
pub struct Input<R> {
    from: R,
    cuts: Cuts,
    at: u64,
    /// Read already, to see what it is.
    seen: VecDeque<Vec<u8>>,
}

impl<R: Read> Input<R> {
    /// Reads `from`.
    pub const fn new(from: R, cuts: Cuts) -> Self {
        Self { from, cuts, at: 0, seen: VecDeque::new() }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, String> {
        match self.seen.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None => self.read(),
        }
    }

    /// The content type that it has by how it starts. Where pieces end makes no difference.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub fn guess(&mut self) -> Result<&'static str, String> {
        let mut start = Vec::new();
        loop {
            if let Some(content_type) = content_type(&start) {
                return Ok(content_type);
            }
            match self.read()? {
                Some(piece) => {
                    start.extend_from_slice(&piece);
                    self.seen.push_back(piece);
                }
                None => return Ok(TEXT),
            }
        }
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        let length = match &mut self.cuts {
            Cuts::Every(size) => Some(*size),
            Cuts::At(places) => places.pop_front().map(|place| place.saturating_sub(self.at)),
        };
        let mut piece = Vec::new();
        let read = match length {
            Some(length) => self.from.by_ref().take(length).read_to_end(&mut piece),
            None => {
                piece.resize(READ_BYTES, 0);
                let read = self.from.read(&mut piece);
                piece.truncate(*read.as_ref().unwrap_or(&0));
                read
            }
        };
        let read = read.map_err(|e| format!("cannot read standard input: {}", os_reason(&e)))?;
        self.at = self.at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok((read > 0).then_some(piece))
    }
}

/// The byte order mark that JSON and event streams may start with.
const MARK: &[u8] = b"\xef\xbb\xbf";
const TEXT: &str = "text/plain";

/// What starts like this; `None` while that can be more than one thing.
fn content_type(start: &[u8]) -> Option<&'static str> {
    if MARK.starts_with(start) {
        return None;
    }
    let start = start.strip_prefix(MARK).unwrap_or(start).trim_ascii_start();
    match start.first()? {
        b'{' | b'[' => Some("application/json"),
        _ if EVENTS.iter().any(|field| start.starts_with(field)) => Some("text/event-stream"),
        _ if EVENTS.iter().any(|field| field.starts_with(start)) => None,
        _ => Some(TEXT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives three bytes at a time.
    struct Slow(&'static [u8]);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.0.len().min(buffer.len()).min(3);
            self.0.read(&mut buffer[..length])
        }
    }

    fn pieces(cuts: Cuts) -> Vec<String> {
        let mut input = Input::new(Slow(b"abcdefghij"), cuts);
        let mut pieces = Vec::new();
        while let Some(piece) = input.next_piece().unwrap() {
            pieces.push(String::from_utf8(piece).unwrap());
        }
        pieces
    }

    #[test]
    fn pieces_end_where_they_should() {
        assert_eq!(pieces(Cuts::every(4)), ["abcd", "efgh", "ij"]);
        assert_eq!(pieces(Cuts::at(&[1, 5, 99]).unwrap()), ["a", "bcde", "fghij"]);
        assert_eq!(pieces(Cuts::at(&[4]).unwrap()), ["abcd", "efg", "hij"]);
        assert_eq!(pieces(Cuts::at(&[]).unwrap()), ["abc", "def", "ghi", "j"]);
        assert!(Cuts::at(&[0]).is_err() && Cuts::at(&[3, 3]).is_err());
    }

    #[test]
    fn what_it_is_shows_at_the_start_wherever_it_is_cut() {
        for (text, expected) in [
            (&b" \n{\"a\":1}"[..], "application/json"),
            (b"\xef\xbb\xbf[1]", "application/json"),
            (b"data: {}\n\n", "text/event-stream"),
            (b": comment", "text/event-stream"),
            (b"retry: 3", "text/event-stream"),
            (b"date: today", TEXT),
            (b"even", TEXT),
            (b"", TEXT),
            (b"Hello", TEXT),
        ] {
            for size in 1..=8 {
                let mut input = Input::new(text, Cuts::every(size));
                assert_eq!(input.guess().unwrap(), expected, "{text:?} by {size}");
                let mut whole = Vec::new();
                while let Some(piece) = input.next_piece().unwrap() {
                    whole.extend_from_slice(&piece);
                }
                assert_eq!(whole, text, "nothing is lost");
            }
        }
    }
}
