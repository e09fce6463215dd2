//! What is read from a JSON body.

use std::collections::BTreeMap;

use crate::operation::Pointer;

/// Index into [`Policy::pointers`](super::Policy::pointers).
pub type PointerId = usize;

/// What one endpoint reads from a body: a trie of pointers, walked while the body is parsed once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The pointer that ends here.
    pub(crate) here: Option<PointerId>,
    /// Below, by member name.
    pub(crate) members: BTreeMap<String, Plan>,
    /// Below, for every element of an array.
    pub(crate) elements: Option<Box<Plan>>,
}

impl Plan {
    /// Reads nothing.
    pub fn is_empty(&self) -> bool {
        self.here.is_none() && self.members.is_empty() && self.elements.is_none()
    }

    /// Adds a pointer.
    pub fn add(&mut self, id: PointerId, pointer: &Pointer) {
        let mut node = self;
        for step in pointer.steps() {
            node = if step == "*" {
                node.elements.get_or_insert_default()
            } else {
                node.members.entry(step.clone()).or_default()
            };
        }
        node.here = Some(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_share_prefixes() {
        let mut plan = Plan::default();
        assert!(plan.is_empty());
        plan.add(0, &Pointer::parse("/params/name").unwrap());
        plan.add(1, &Pointer::parse("/params/arguments/repo").unwrap());
        plan.add(2, &Pointer::parse("/input/*/type").unwrap());
        assert_eq!(plan.members["params"].members.len(), 2);
        assert_eq!(plan.members["input"].elements.as_ref().unwrap().members["type"].here, Some(2));
    }
}
