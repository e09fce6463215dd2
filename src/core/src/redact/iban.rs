//! International bank account numbers: found by the first check digit, behind the two letters of a country.

use super::checks::{iban, iban_length};
use super::view::{View, place_in};

/// Longest account number.
const MAX: usize = 34;

/// An account number that is being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Iban(Option<Open>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    start: u64,
    text: [u8; MAX],
    length: usize,
    wanted: usize,
    /// Whether the last byte was a space between groups of four.
    spaced: bool,
}

impl Open {
    fn takes(&mut self, byte: u8) -> bool {
        let digit = byte.is_ascii_digit();
        let space =
            byte == b' ' && self.length >= 4 && self.length.is_multiple_of(4) && !self.spaced;
        let letter = byte.is_ascii_uppercase() && self.length >= 4;
        if self.length >= self.wanted || !(digit || space || letter) {
            return false;
        }
        self.spaced = space;
        if !space {
            self.push(byte);
        }
        true
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.text.get_mut(self.length) {
            *slot = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    fn ends_before(&self, byte: u8, at: u64) -> Option<(u64, u64)> {
        let text = self.text.get(..self.length).unwrap_or_default();
        let whole = self.length == self.wanted && !self.spaced && !is_word(byte);
        (whole && iban(text)).then_some((self.start, at))
    }
}

impl Iban {
    /// Whether one is being read.
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// There are two capital letters that begin a word before the digit at `at` of the piece, which is at `base` of the text.
    pub fn begin(&mut self, view: &View<'_>, at: usize, base: u64) {
        let country = [view.byte(at, 2), view.byte(at, 1)];
        let Some(wanted) = iban_length(country).filter(|wanted| *wanted <= MAX) else { return };
        let start = place_in(base, at).saturating_sub(2);
        let mut open = Open { start, text: [0; MAX], length: 0, wanted, spaced: false };
        country.iter().for_each(|letter| open.push(*letter));
        self.0 = Some(open);
    }

    /// Reads on from `at` of the piece. What has ended goes to `found`; gives the place behind what it has read.
    pub fn read(
        &mut self,
        piece: &[u8],
        at: usize,
        base: u64,
        found: &mut Option<(u64, u64)>,
    ) -> usize {
        let Some(open) = &mut self.0 else { return at };
        for (place, byte) in piece.iter().enumerate().skip(at) {
            if !open.takes(*byte) {
                *found = open.ends_before(*byte, place_in(base, place));
                self.0 = None;
                return place.saturating_add(1);
            }
        }
        piece.len()
    }

    /// The text ends at `at`.
    pub fn finish(&mut self, at: u64) -> Option<(u64, u64)> {
        self.0.take().and_then(|open| open.ends_before(b' ', at))
    }

    /// From where the text may still be one; it has come to `now`, with these bytes.
    pub const fn live(&self, last: [u8; 3], now: u64) -> Option<u64> {
        if let Some(open) = &self.0 {
            return Some(open.start);
        }
        let [a, b, c] = last;
        match (is_word(a), b.is_ascii_uppercase(), is_word(b), c.is_ascii_uppercase()) {
            (false, true, _, true) => Some(now.saturating_sub(2)),
            (_, _, false, true) => Some(now.saturating_sub(1)),
            _ => None,
        }
    }
}

/// Whether a byte goes on with a word: letters of other alphabets do, too.
pub const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}
