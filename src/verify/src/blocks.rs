//! A segment in blocks of whole lines.

use std::io::{self, Read};

use crate::line::MAX_LINE;

/// How much is read at a time, in bytes.
const BLOCK: usize = 1024 * 1024;
/// A line that is longer is not kept, only counted, in bytes.
const LONGEST: usize = MAX_LINE * 4;

/// A part of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Lines, each with its LF.
    Lines(Vec<u8>),
    /// A line of so many bytes that it cannot be a record.
    TooLong(u64),
    /// So many bytes after the last LF.
    Torn(u64),
}

/// Cuts what `reader` gives into pieces, until `take` has enough.
pub(crate) fn each(mut reader: impl Read, mut take: impl FnMut(Piece) -> bool) -> io::Result<()> {
    let mut kept = Vec::new();
    let mut skipped: u64 = 0;
    loop {
        let had = kept.len();
        kept.reserve(BLOCK);
        let read = (&mut reader).take(BLOCK as u64).read_to_end(&mut kept)?;
        if read == 0 {
            break;
        }
        if skipped > 0 {
            let Some(end) = memchr::memchr(b'\n', &kept) else {
                skipped = skipped.saturating_add(kept.len() as u64);
                kept.clear();
                continue;
            };
            if !take(Piece::TooLong(skipped.saturating_add(end as u64))) {
                return Ok(());
            }
            skipped = 0;
            kept.drain(..=end);
        }
        // What was kept before has no LF.
        match memchr::memrchr(b'\n', kept.get(had..).unwrap_or_default()) {
            Some(end) => {
                let rest = kept.split_off(had.saturating_add(end).saturating_add(1));
                if !take(Piece::Lines(std::mem::replace(&mut kept, rest))) {
                    return Ok(());
                }
            }
            None if kept.len() > LONGEST => {
                skipped = kept.len() as u64;
                kept.clear();
            }
            None => {}
        }
    }
    let torn = skipped.saturating_add(kept.len() as u64);
    if torn > 0 {
        take(Piece::Torn(torn));
    }
    Ok(())
}

/// The lines of a block, without their LFs.
pub(crate) fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)?;
        let line = rest.get(..end)?;
        rest = rest.get(end.saturating_add(1)..)?;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        each(bytes, |piece| {
            pieces.push(piece);
            true
        })
        .unwrap();
        pieces
    }

    #[test]
    fn lines_stay_whole() {
        assert_eq!(pieces(b""), []);
        assert_eq!(pieces(b"a\nb\n"), [Piece::Lines(b"a\nb\n".to_vec())]);
        assert_eq!(pieces(b"a\nbc"), [Piece::Lines(b"a\n".to_vec()), Piece::Torn(2)]);
        let long = [vec![b'x'; BLOCK - 3], b"\nlast\n".to_vec()].concat();
        let [Piece::Lines(first), Piece::Lines(last)] = &*pieces(&long) else { panic!() };
        assert_eq!([first.clone(), last.clone()].concat(), long);
        assert_eq!(last, b"last\n");
    }

    #[test]
    fn what_cannot_be_a_record_is_not_kept() {
        let long = [vec![b'x'; LONGEST + 3 * BLOCK], b"\nnext\nafter\n".to_vec()].concat();
        let [Piece::TooLong(bytes), Piece::Lines(next)] = &*pieces(&long) else { panic!() };
        assert_eq!(*bytes, (LONGEST + 3 * BLOCK) as u64);
        assert_eq!(next, b"next\nafter\n");
        assert_eq!(pieces(&vec![b'x'; LONGEST + BLOCK]), [Piece::Torn((LONGEST + BLOCK) as u64)]);
    }

    #[test]
    fn an_empty_line_is_a_line() {
        assert_eq!(lines(b"a\n\nb\n").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
    }
}
