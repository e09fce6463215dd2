//! Sets of bytes.

/// A set of bytes, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set([u64; 4]);

impl Set {
    /// Nothing.
    pub const EMPTY: Self = Self([0; 4]);

    /// These bytes; `a-z` within is a range, and a `-` at the end is itself.
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "evaluated on constants, and bounded by the loop"
    )]
    pub const fn of(text: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        let mut at = 0;
        while at < text.len() {
            let low = text[at];
            let high = if at + 2 < text.len() && text[at + 1] == b'-' {
                at += 2;
                text[at]
            } else {
                low
            };
            let mut byte = low;
            loop {
                set.0[(byte >> 6) as usize] |= 1 << (byte & 63);
                if byte >= high {
                    break;
                }
                byte += 1;
            }
            at += 1;
        }
        set
    }

    /// Every byte that is not in it.
    #[must_use]
    pub const fn not(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([!a, !b, !c, !d])
    }

    /// Every byte of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// Whether the byte is in it.
    pub const fn has(&self, byte: u8) -> bool {
        let [a, b, c, d] = self.0;
        let word = match byte >> 6 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        word >> (byte & 63) & 1 == 1
    }

    /// Whether both have a byte in common.
    pub const fn meets(&self, other: &Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (a & e) | (b & f) | (c & g) | (d & h) != 0
    }
}

/// Letters and digits.
pub const ALNUM: Set = Set::of(b"A-Za-z0-9");
/// What words are made of, in tokens.
pub const WORD: Set = Set::of(b"A-Za-z0-9_");
/// The alphabet of base64url.
pub const BASE64URL: Set = Set::of(b"A-Za-z0-9_-");
/// The alphabets of base64, with padding.
pub const BASE64: Set = Set::of(b"A-Za-z0-9+/_=-");
/// Hex digits.
pub const HEX: Set = Set::of(b"0-9a-fA-F");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_single_bytes() {
        let set = Set::of(b"a-cX_-");
        let has: Vec<u8> = (0..=255).filter(|b| set.has(*b)).collect();
        assert_eq!(has, b"-X_abc");
        assert_eq!((0..=255).filter(|b| set.not().has(*b)).count(), 250);
        assert!(set.meets(&Set::of(b"c")) && !set.meets(&Set::of(b"d-z")));
        assert!(Set::of(&[0xff]).or(set).has(0xff));
    }
}
