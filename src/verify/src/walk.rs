//! The lines of a log, for those that want to know what they say.

use crate::blocks::{self, Piece};
use crate::source::{Source, Unreadable};

/// Where a line is.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The segment's name.
    pub segment: &'a str,
    /// The line in it, from 1.
    pub line: u64,
    /// Its place in the log, from 0.
    pub index: u64,
}

/// Shows every line to `see`, in order and without its LF, until that returns `false`. Nothing is verified; what comes after the
/// last LF, and lines that are too long for a record, are left out.
///
/// # Errors
/// When something that is there cannot be read.
pub fn walk(
    source: &dyn Source,
    see: &mut dyn FnMut(At<'_>, &[u8]) -> bool,
) -> Result<(), Unreadable> {
    let mut index = 0;
    for segment in source.segments()? {
        index = segment.first.unwrap_or(index);
        let mut line: u64 = 0;
        let mut more = true;
        let read = blocks::each(source.open(&segment)?, |piece| {
            match piece {
                Piece::Lines(block) => {
                    for text in blocks::lines(&block) {
                        line = line.saturating_add(1);
                        more = more && see(At { segment: &segment.name, line, index }, text);
                        index = index.saturating_add(1);
                    }
                }
                Piece::TooLong(_) => {
                    line = line.saturating_add(1);
                    index = index.saturating_add(1);
                }
                Piece::Torn(_) => {}
            }
            more
        });
        read.map_err(|error| Unreadable { what: segment.name.clone(), error })?;
        if !more {
            break;
        }
    }
    Ok(())
}
