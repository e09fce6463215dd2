//! The Merkle tree of RFC 6962 over all lines, kept as the roots of its complete subtrees.

use sha2::{Digest as _, Sha256};

use crate::line::Hash;

/// A tree that only grows: 32 bytes for each bit of its size that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    size: u64,
    /// The roots of the maximal complete subtrees, the largest first.
    subtrees: Vec<Hash>,
}

impl Tree {
    /// A tree of `size` leaves, from the roots of its maximal complete subtrees, the largest first; `None` when there are more
    /// or fewer of them than such a tree has.
    pub(crate) fn resume(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (u64::from(size.count_ones()) == subtrees.len() as u64).then_some(Self { size, subtrees })
    }

    /// Leaves so far.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, which is hashed already.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                root = node(&left, &root);
            }
        }
        self.subtrees.push(root);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    pub(crate) fn root(&self) -> Hash {
        let folded = self.subtrees.iter().rev().copied().reduce(|right, left| node(&left, &right));
        folded.unwrap_or_else(|| Sha256::digest([]).into())
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, as it is written.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().div_ceil(2).next_power_of_two();
                node(&defined(&leaves[..split]), &defined(&leaves[split..]))
            }
        }
    }

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|n| Sha256::digest([0, n]).into()).collect()
    }

    #[test]
    fn roots_of_every_size_are_those_of_the_rfc() {
        let leaves = leaves(130);
        let mut tree = Tree::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), defined(&leaves[..size]), "{size}");
            tree.push(*leaf);
        }
        assert_eq!(tree.size(), 130);
    }

    #[test]
    fn a_tree_goes_on_from_its_subtrees() {
        let leaves = leaves(100);
        let mut whole = Tree::default();
        leaves[..37].iter().for_each(|leaf| whole.push(*leaf));
        let mut resumed = Tree::resume(37, whole.subtrees.clone()).unwrap();
        leaves[37..].iter().for_each(|leaf| resumed.push(*leaf));
        assert_eq!(resumed.root(), defined(&leaves));
        assert_eq!(Tree::resume(37, whole.subtrees[1..].to_vec()), None);
        assert_eq!(Tree::resume(0, Vec::new()), Some(Tree::default()));
    }
}
