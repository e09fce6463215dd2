//! Tells which literals end at a place of a text, by looking back.

use super::set::Set;
use super::sieve::{Sieve, WINDOW};
use super::view::View;

/// Longest literal; of a longer one, its end is looked for.
pub const MAX_LITERAL: usize = 60;

/// Literals, found by their last bytes.
#[derive(Clone, Debug, Default)]
pub struct Literals {
    /// By slot, the longest first.
    entries: Vec<Entry>,
    /// For each hash of last bytes, its entries: from where to where.
    slots: Vec<(u16, u16)>,
    /// Whether there are literals of 1, 2 or 3 bytes.
    short: [bool; WINDOW],
}

#[derive(Clone, Debug)]
struct Entry {
    key: u32,
    text: Vec<u8>,
    shape: u16,
}

/// A literal that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which shape begins with it.
    pub shape: u16,
    /// Its bytes.
    pub length: usize,
}

impl Literals {
    /// Finds each of these, which begin the shape beside them.
    pub fn new(literals: impl IntoIterator<Item = (Vec<u8>, u16)>) -> Self {
        let mut built = Self::default();
        for (text, shape) in literals {
            let cut = text.len().saturating_sub(MAX_LITERAL);
            let text = text.get(cut..).unwrap_or_default().to_vec();
            if let Some(short) = built.short.get_mut(text.len()) {
                *short = true;
            }
            if !text.is_empty() {
                built.entries.push(Entry { key: key(&text), text, shape });
            }
        }
        // Stable: of one length, the one that was named first comes first.
        built.entries.sort_by_key(|e| (slot(e.key), std::cmp::Reverse(e.text.len())));
        built.slots = vec![(0, 0); 256];
        for (at, entry) in (0_u16..).zip(&built.entries) {
            if let Some((from, to)) = built.slots.get_mut(slot(entry.key)) {
                if from == to {
                    *from = at;
                }
                *to = at.saturating_add(1);
            }
        }
        built
    }

    /// Has a sieve look for the last bytes of each: the short ones as kind `short`, the others as the kinds from `first` on, so that those
    /// are together that end alike.
    pub fn sift(&self, sieve: &mut Sieve, short: u32, first: u32) {
        let kinds = super::sieve::KINDS.saturating_sub(first).max(1);
        let mut lasts: Vec<u8> =
            self.entries.iter().filter_map(|e| e.text.last().copied()).collect();
        lasts.sort_unstable();
        lasts.dedup();
        for entry in &self.entries {
            let mut window = [Set::EMPTY.not(); WINDOW];
            for (place, byte) in window.iter_mut().rev().zip(entry.text.iter().rev()) {
                *place = Set::of(&[*byte]);
            }
            let last = entry.text.last().copied().unwrap_or_default();
            let nth = lasts.iter().position(|b| *b == last).unwrap_or_default();
            let nth = u32::try_from(nth).unwrap_or_default().checked_rem(kinds).unwrap_or_default();
            let kind = if entry.text.len() < WINDOW { short } else { first.saturating_add(nth) };
            sieve.add(kind, window);
        }
    }

    /// Calls `each` for the literals whose last byte is at `at`, the longest first; `short`: also for those shorter than a window.
    pub fn ending(&self, view: &View<'_>, at: usize, short: bool, mut each: impl FnMut(Ended)) {
        let last: [u8; WINDOW] =
            [view.byte(at, 3), view.byte(at, 2), view.byte(at, 1), view.byte(at, 0)];
        let whole = u32::from_be_bytes(last);
        self.with_key(view, at, whole, WINDOW, &mut each);
        if short {
            for length in (1..WINDOW).rev() {
                if self.short.get(length).is_some_and(|s| *s) {
                    self.with_key(
                        view,
                        at,
                        key(last.get(WINDOW.saturating_sub(length)..).unwrap_or_default()),
                        length,
                        &mut each,
                    );
                }
            }
        }
    }

    fn with_key(
        &self,
        view: &View<'_>,
        at: usize,
        key: u32,
        length: usize,
        each: &mut impl FnMut(Ended),
    ) {
        let (from, to) = self.slots.get(slot(key)).copied().unwrap_or_default();
        let entries = self.entries.get(usize::from(from)..usize::from(to)).unwrap_or_default();
        for entry in entries {
            let long = if length == WINDOW {
                entry.text.len() >= WINDOW
            } else {
                entry.text.len() == length
            };
            if entry.key == key && long && view.ends_with(at, &entry.text) {
                each(Ended { shape: entry.shape, length: entry.text.len() });
            }
        }
    }
}

/// The last bytes, at most four.
fn key(text: &[u8]) -> u32 {
    let from = text.len().saturating_sub(WINDOW);
    text.get(from..)
        .unwrap_or_default()
        .iter()
        .fold(0, |key, byte| key.wrapping_shl(8) | u32::from(*byte))
}

/// Fibonacci hashing to eight bits.
const fn slot(key: u32) -> usize {
    key.wrapping_mul(0x9e37_79b1).wrapping_shr(24) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each literal that ends in the text, through the sieve: where, and which.
    fn found(literals: &[&str], text: &str) -> Vec<(usize, u16)> {
        let built = Literals::new(literals.iter().map(|l| l.as_bytes().to_vec()).zip(0..));
        let mut sieve = Sieve::new();
        built.sift(&mut sieve, 0, 1);
        let tail = crate::redact::view::Tail::default();
        let view = tail.then(text.as_bytes());
        let mut found = Vec::new();
        for (at, kinds) in sieve.hits([b' '; 3], text.as_bytes()) {
            built.ending(&view, at, kinds & 1 == 1, |ended| {
                found.push((at.saturating_add(1), ended.shape))
            });
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn literals_within_each_other() {
        assert_eq!(found(&["he", "she", "his", "hers"], "ushers"), [(4, 0), (4, 1), (6, 3)]);
        assert_eq!(found(&["sk-", "sk-proj-"], "xsk-sk-proj-"), [(4, 0), (7, 0), (12, 1)]);
        assert_eq!(found(&[], "text"), []);
        assert_eq!(found(&["", "x"], "x"), [(1, 1)]);
    }

    #[test]
    fn of_a_long_literal_the_end_counts() {
        let long = "x".repeat(30) + &"y".repeat(60);
        let text = "z".to_owned() + &"y".repeat(60);
        assert_eq!(found(&[&long], &text), [(61, 0)]);
    }

    proptest! {
        #[test]
        fn nothing_is_missed(literals in prop::collection::vec("[abc]{1,6}", 0..8), text in "[abcd]{0,40}") {
            let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
            let mut expected = Vec::new();
            for (name, literal) in (0..).zip(&literals) {
                for (end, window) in (literal.len()..).zip(text.as_bytes().windows(literal.len())) {
                    if window == literal.as_bytes() {
                        expected.push((end, name));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(found(&literals, &text), expected);
        }
    }
}
