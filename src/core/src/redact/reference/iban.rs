//! International bank account numbers.

use super::super::checks::{iban, iban_length};

/// An account number that is being read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Iban {
    start: u64,
    text: Vec<u8>,
    wanted: usize,
    /// Whether the last byte was a space between groups of four.
    spaced: bool,
    /// Whether a word goes on that is none.
    in_word: bool,
}

impl Iban {
    /// Takes the byte at `at`; an account number that has ended, from where to where.
    pub fn step(&mut self, byte: u8, at: u64) -> Option<(u64, u64)> {
        let found = if self.takes(byte) {
            if self.text.is_empty() {
                self.start = at;
            }
            self.spaced = byte == b' ';
            if !self.spaced {
                self.text.push(byte);
            }
            return None;
        } else {
            self.end(byte, at)
        };
        if self.takes(byte) {
            self.start = at;
            self.text.push(byte);
        }
        found
    }

    /// The text ends at `at`.
    pub fn finish(&mut self, at: u64) -> Option<(u64, u64)> {
        self.end(b' ', at)
    }

    /// From where the text may still be one.
    pub fn live(&self) -> Option<u64> {
        (!self.text.is_empty()).then_some(self.start)
    }

    fn takes(&mut self, byte: u8) -> bool {
        match self.text.len() {
            0 => byte.is_ascii_uppercase() && !self.in_word,
            1 => byte.is_ascii_uppercase(),
            2 | 3 => {
                if let [a, b] = *self.text {
                    self.wanted = iban_length([a, b]).unwrap_or_default();
                }
                byte.is_ascii_digit() && self.wanted > 0
            }
            n if n < self.wanted => {
                let space = byte == b' ' && n.is_multiple_of(4) && !self.spaced;
                space || byte.is_ascii_digit() || byte.is_ascii_uppercase()
            }
            _ => false,
        }
    }

    fn end(&mut self, byte: u8, at: u64) -> Option<(u64, u64)> {
        let word = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let whole = self.wanted > 0 && self.text.len() == self.wanted && !self.spaced && !word;
        let found = (whole && iban(&self.text)).then_some((self.start, at));
        self.in_word = word && !(self.spaced && byte.is_ascii_uppercase());
        self.text.clear();
        self.wanted = 0;
        self.spaced = false;
        found
    }
}
