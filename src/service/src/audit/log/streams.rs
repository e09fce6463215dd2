//! Which records of which streams the log has.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::audit::record::{Digest, Stream};

/// Records that are compared with one that comes again without asking the index.
const RECENT: usize = 1 << 16;

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// The numbers that are there: first and last of each run.
    pub(super) runs: BTreeMap<u64, u64>,
    /// The hash of the line with the highest number.
    pub(super) head: Digest,
}

/// All streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    all: BTreeMap<Stream, Known>,
    recent: HashMap<(Stream, u64), Digest>,
    order: VecDeque<(Stream, u64)>,
}

/// What is known about a place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing is there.
    Free,
    /// A line with this hash.
    Line(Digest),
    /// A line that is too old to be remembered here.
    Old,
}

impl Known {
    fn has(&self, seq: u64) -> bool {
        self.runs.range(..=seq).next_back().is_some_and(|(_, last)| seq <= *last)
    }

    /// The highest number.
    pub(super) fn last(&self) -> u64 {
        self.runs.last_key_value().map_or(0, |(_, last)| *last)
    }

    fn add(&mut self, seq: u64, hash: Digest) {
        if seq >= self.last() {
            self.head = hash;
        }
        let mut first = seq;
        if let Some((before, last)) = self.runs.range(..seq).next_back()
            && last.saturating_add(1) == seq
        {
            first = *before;
        }
        let last = self.runs.remove(&seq.saturating_add(1)).unwrap_or(seq);
        self.runs.insert(first, last);
    }
}

impl Streams {
    pub(super) fn from_known(all: BTreeMap<Stream, Known>) -> Self {
        Self { all, ..Self::default() }
    }

    pub(super) fn all(&self) -> &BTreeMap<Stream, Known> {
        &self.all
    }

    pub(super) fn seen(&self, stream: Stream, seq: u64) -> Seen {
        if !self.all.get(&stream).is_some_and(|known| known.has(seq)) {
            return Seen::Free;
        }
        self.recent.get(&(stream, seq)).map_or(Seen::Old, |hash| Seen::Line(*hash))
    }

    /// Whether `prev` is the hash of the line before, if that is the last one that is known.
    pub(super) fn follows(&self, stream: Stream, seq: u64, prev: &Digest) -> bool {
        match self.all.get(&stream) {
            None => seq != 0 || *prev == [0; 32],
            Some(known) => known.last().saturating_add(1) != seq || known.head == *prev,
        }
    }

    pub(super) fn add(&mut self, stream: Stream, seq: u64, hash: Digest) {
        let fresh = || Known { runs: BTreeMap::new(), head: hash };
        self.all.entry(stream).or_insert_with(fresh).add(seq, hash);
        self.recent.insert((stream, seq), hash);
        self.order.push_back((stream, seq));
    }

    /// Forgets the hashes of old records, of which the index knows all but the last `lag`.
    pub(super) fn trim(&mut self, lag: u64) {
        let keep = RECENT.max(usize::try_from(lag).unwrap_or(usize::MAX));
        while self.order.len() > keep {
            if let Some(oldest) = self.order.pop_front() {
                self.recent.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_the_numbers_that_came(numbers in prop::collection::vec(0..40_u64, 0..40)) {
            let stream = Stream::parse(&"0a".repeat(16)).unwrap();
            let mut streams = Streams::default();
            let mut came = std::collections::BTreeSet::new();
            for seq in numbers {
                if came.insert(seq) {
                    streams.add(stream, seq, [u8::try_from(seq).unwrap(); 32]);
                }
            }
            for seq in 0..50 {
                prop_assert_eq!(streams.seen(stream, seq) != Seen::Free, came.contains(&seq));
            }
            if let (Some(known), Some(last)) = (streams.all().get(&stream), came.last()) {
                prop_assert_eq!(known.last(), *last);
                prop_assert_eq!(known.head, [u8::try_from(*last).unwrap(); 32]);
                let mut end = None;
                for (first, last) in &known.runs {
                    prop_assert!(first <= last && end.is_none_or(|end: u64| end.saturating_add(1) < *first));
                    end = Some(*last);
                }
            }
        }
    }

    #[test]
    fn old_hashes_are_forgotten_and_old_places_are_not() {
        let stream = Stream::parse(&"0a".repeat(16)).unwrap();
        let mut streams = Streams::default();
        let many = u64::try_from(RECENT).unwrap() + 5;
        for seq in 0..many {
            streams.add(stream, seq, [1; 32]);
        }
        streams.trim(many);
        assert_eq!(streams.seen(stream, 0), Seen::Line([1; 32]));
        streams.trim(0);
        assert_eq!(streams.seen(stream, 4), Seen::Old);
        assert_eq!(streams.seen(stream, 5), Seen::Line([1; 32]));
        assert_eq!(streams.seen(stream, many), Seen::Free);
        assert!(
            streams.follows(stream, many, &[1; 32]) && !streams.follows(stream, many, &[2; 32])
        );
        assert!(streams.follows(stream, many + 1, &[2; 32]));
    }
}
