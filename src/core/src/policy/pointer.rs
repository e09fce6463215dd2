//! Places in a JSON body that something reads.

use std::collections::BTreeMap;
use std::fmt;

/// Index into [`Policy::pointers`](super::Policy::pointers).
pub type PointerId = usize;

/// A JSON pointer (RFC 6901) in which the step `*` stands for every element of an array.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// Reads `/model`, `/input/*/type`.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is not a JSON pointer; it starts with `/`, such as `/model`"));
        };
        let mut steps = Vec::new();
        for step in rest.split('/') {
            if step.replace("~0", "").replace("~1", "").contains('~') {
                return Err(format!("`{text}` has a `~` that is neither `~0` nor `~1`"));
            }
            steps.push(step.replace("~1", "/").replace("~0", "~"));
        }
        if steps.len() > crate::limits::MAX_JSON_DEPTH {
            return Err(format!("`{text}` is deeper than {} steps", crate::limits::MAX_JSON_DEPTH));
        }
        Ok(Self { steps })
    }

    /// This pointer followed by `other`.
    pub fn join(&self, other: &Self) -> Self {
        Self { steps: self.steps.iter().chain(&other.steps).cloned().collect() }
    }

    /// The unescaped steps.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "/{}", step.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

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
        for step in &pointer.steps {
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
    fn pointers_round_trip() {
        for text in ["/model", "/input/*/type", "/a~1b/~0", "/"] {
            assert_eq!(Pointer::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "model", "/a~2"] {
            assert!(Pointer::parse(bad).is_err(), "{bad}");
        }
    }

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
