//! The Merkle tree over all records (RFC 6962), as far as it is needed to go on.

use sha2::{Digest as _, Sha256};

use crate::audit::record::Digest;

/// The roots of the complete subtrees of the first so many leaves, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

/// The hash of a leaf: of a line without its newline.
pub fn leaf(line: &str) -> Digest {
    Sha256::new().chain_update([0]).chain_update(line.as_bytes()).finalize().into()
}

fn node(left: &Digest, right: &Digest) -> Digest {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

impl Frontier {
    /// Of a tree of `size` leaves with these subtrees; there are as many as `size` has ones in binary.
    pub fn from_peaks(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        let wanted = usize::try_from(size.count_ones()).ok()?;
        (peaks.len() == wanted).then_some(Self { size, peaks })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtrees, the largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The tree hash as RFC 6962 section 2.1 defines it.
    pub(crate) fn slow(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                let (left, right) = many.split_at(split);
                node(&slow(left), &slow(right))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_rfc() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        for n in 0..200 {
            assert_eq!(frontier.root(), slow(&leaves), "{n}");
            let again = Frontier::from_peaks(frontier.size(), frontier.peaks().to_vec());
            assert_eq!(again.as_ref(), Some(&frontier));
            let hash = leaf(&format!("record {n}"));
            leaves.push(hash);
            frontier.push(hash);
        }
        assert_eq!(Frontier::from_peaks(3, vec![[0; 32]]), None);
        assert_eq!(
            scopewarden_core::hex::hex(&leaf("")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
