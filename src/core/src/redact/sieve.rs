//! Passes over text in which nothing begins: tells where the last four bytes are worth a look.
//!
//! Sixteen kinds of windows of four bytes are looked for at a time, by one table look-up a byte (Baeza-Yates and Gonnet's shift-and,
//! over sets of windows). A window is four sets of bytes; several windows of a kind run into each other, so that a hit may be none, but
//! nothing is missed. What a hit means is decided by who asked for it, who needs to look back only: it does not matter where a piece ends.

use super::set::Set;

/// Bytes of a window.
pub const WINDOW: usize = 4;
/// Kinds of windows.
pub const KINDS: u32 = 16;

/// What is looked for. Bits 16 n + k of an entry: the byte may stand at place n of a window of kind k.
#[derive(Clone, Debug)]
pub struct Sieve([u64; 256]);

impl Sieve {
    /// Looks for nothing yet.
    pub const fn new() -> Self {
        Self([0; 256])
    }

    /// Looks for windows of these bytes, one set for each place.
    pub fn add(&mut self, kind: u32, window: [Set; WINDOW]) {
        for (place, set) in (0_u32..).zip(window) {
            let bit = 1_u64.wrapping_shl(place.wrapping_mul(KINDS).wrapping_add(kind));
            for (byte, entry) in (0..=u8::MAX).zip(&mut self.0) {
                if set.has(byte) {
                    *entry |= bit;
                }
            }
        }
    }

    /// Where windows end in `piece`, and of which kinds they are, as bits; `before` is what stands right before it.
    pub fn hits<'t>(&'t self, before: [u8; 3], piece: &'t [u8]) -> Hits<'t> {
        let state = before.into_iter().fold(u64::MAX, |state, byte| self.step(state, byte));
        Hits { sieve: self, state, rest: piece.iter(), length: piece.len() }
    }

    fn step(&self, state: u64, byte: u8) -> u64 {
        let entry = self.0.get(usize::from(byte)).copied().unwrap_or_default();
        (state.wrapping_shl(KINDS) | 0xffff) & entry
    }
}

/// The places in a piece that are worth a look.
#[derive(Clone, Debug)]
pub struct Hits<'t> {
    sieve: &'t Sieve,
    state: u64,
    rest: std::slice::Iter<'t, u8>,
    length: usize,
}

impl Iterator for Hits<'_> {
    type Item = (usize, u16);

    fn next(&mut self) -> Option<Self::Item> {
        for byte in self.rest.by_ref() {
            self.state = self.sieve.step(self.state, *byte);
            let kinds = self.state.wrapping_shr(48);
            if kinds != 0 {
                let at = self.length.saturating_sub(self.rest.len()).saturating_sub(1);
                return Some((at, u16::try_from(kinds).unwrap_or(u16::MAX)));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_found_wherever_the_piece_begins() {
        let any = Set::EMPTY.not();
        let mut sieve = Sieve::new();
        sieve.add(0, [any, any, Set::of(b"a-z"), Set::of(b"@")]);
        sieve.add(15, [Set::of(b"t"), Set::of(b"o"), Set::of(b"k"), Set::of(b"e")]);
        let text = b"   a token b@ @ toke";
        let expected = [(8, 1 << 15), (12, 1), (19, 1 << 15)];
        for cut in 3..text.len() {
            let before = [text[cut - 3], text[cut - 2], text[cut - 1]];
            let found: Vec<_> =
                sieve.hits(before, &text[cut..]).map(|(at, k)| (at + cut, k)).collect();
            let rest: Vec<_> = expected.iter().copied().filter(|(at, _)| *at >= cut).collect();
            assert_eq!(found, rest, "{cut}");
        }
    }
}
