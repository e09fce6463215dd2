//! Records whose number was given before: whether they are the same record again, or another.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::blocks::{self, Piece};
use crate::line::{Hash, Head, StreamId};
use crate::log::Log;
use crate::source::{Segment, Source, Unreadable};

/// Reads the log once more, up to the last of them: what is kept of the first pass does not grow with the log.
pub(crate) fn compare(
    log: &mut Log,
    source: &dyn Source,
    segments: &[Segment],
) -> Result<(), Unreadable> {
    let repeats = log.repeats();
    let mut first: BTreeMap<(StreamId, u64), Option<(Hash, u64)>> =
        repeats.iter().map(|r| ((r.stream, r.seq), None)).collect();
    let mut missing = first.len();
    let mut index = segments.first().and_then(|s| s.first).unwrap_or(0);
    for segment in segments {
        if missing == 0 {
            break;
        }
        index = segment.first.unwrap_or(index);
        let mut look = |line: &[u8]| {
            if let Ok(head) = Head::read(line)
                && let Some(found @ None) = first.get_mut(&(head.stream, head.seq))
            {
                *found = Some((Sha256::digest(line).into(), index));
                missing = missing.saturating_sub(1);
            }
            index = index.saturating_add(1);
        };
        let read = blocks::each(source.open(segment)?, |piece| {
            match piece {
                Piece::Lines(block) => blocks::lines(&block).for_each(&mut look),
                Piece::TooLong(_) => look(&[]),
                Piece::Torn(_) => {}
            }
            true
        });
        read.map_err(|error| Unreadable { what: segment.name.clone(), error })?;
    }
    for repeat in repeats {
        let before = first.get(&(repeat.stream, repeat.seq)).copied().flatten();
        log.repeated(&repeat, before.filter(|(_, index)| *index < repeat.at.index));
    }
    Ok(())
}
