//! A piece of a text, with what stands right before it.

/// How far back can be looked.
pub const REACH: usize = 64;

/// The place in the text of what is at `at` in a piece that begins at `base`.
pub fn place_in(base: u64, at: usize) -> u64 {
    base.saturating_add(u64::try_from(at).unwrap_or_default())
}

/// The last bytes of a text, spaces before it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail([u8; REACH]);

impl Default for Tail {
    fn default() -> Self {
        Self([b' '; REACH])
    }
}

impl Tail {
    /// The piece has been read.
    pub fn push(&mut self, piece: &[u8]) {
        let from = piece.len().saturating_sub(REACH);
        let last = piece.get(from..).unwrap_or_default();
        self.0.copy_within(last.len().., 0);
        let kept = REACH.saturating_sub(last.len());
        if let Some(room) = self.0.get_mut(kept..) {
            room.copy_from_slice(last);
        }
    }

    /// The last three bytes.
    pub const fn three(&self) -> [u8; 3] {
        let [.., a, b, c] = self.0;
        [a, b, c]
    }

    /// The piece that comes now.
    pub const fn then<'t>(&'t self, piece: &'t [u8]) -> View<'t> {
        View { before: &self.0, piece }
    }
}

/// A piece, and what stands before it.
#[derive(Clone, Copy, Debug)]
pub struct View<'t> {
    before: &'t [u8; REACH],
    /// The piece itself.
    pub piece: &'t [u8],
}

impl View<'_> {
    /// The byte so many places before the one at `at` in the piece, at most [`REACH`]; a space where there is none.
    pub fn byte(&self, at: usize, back: usize) -> u8 {
        let byte = match at.checked_sub(back) {
            Some(at) => self.piece.get(at),
            None => self.before.get(REACH.saturating_add(at).saturating_sub(back)),
        };
        byte.copied().unwrap_or(b' ')
    }

    /// Whether the bytes up to and with the one at `at` are `text`.
    pub fn ends_with(&self, at: usize, text: &[u8]) -> bool {
        let end = at.saturating_add(1);
        match end.checked_sub(text.len()) {
            Some(from) => self.piece.get(from..end) == Some(text),
            None => (0..).zip(text.iter().rev()).all(|(back, byte)| self.byte(at, back) == *byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_back_across_pieces() {
        let text: Vec<u8> = (0..200).collect();
        let mut tail = Tail::default();
        for piece in text.chunks(7) {
            let view = tail.then(piece);
            let first = usize::from(piece[0]);
            for back in 0..=REACH {
                let expected = first.checked_sub(back).map_or(b' ', |at| text[at]);
                assert_eq!(view.byte(0, back), expected);
            }
            if first > 20 {
                assert!(view.ends_with(1, &text[first - 9..first + 2]));
                assert!(!view.ends_with(1, &text[first - 10..first + 1]));
            }
            tail.push(piece);
        }
        assert_eq!(tail.three(), [197, 198, 199]);
        tail.push(&[7; 100]);
        assert_eq!(tail, Tail([7; REACH]));
    }
}
