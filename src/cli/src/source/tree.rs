//! The tree between text and [`Node`]: the same shapes, each with its place.

use std::ops::Range;

use scopewarden_core::node::Node;

/// A value and the bytes it was written as.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Byte range in the text; for an alias, that of the anchored value.
    pub span: Range<usize>,
    /// The value.
    pub shape: Shape,
}

/// What a [`Tree`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Null, a boolean, a number or a string.
    Scalar(Node),
    /// A list.
    List(Vec<Tree>),
    /// An object, in document order; names are unique.
    Object(Vec<Member>),
}

/// One member of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where the name is.
    pub name_span: Range<usize>,
    /// Its value.
    pub value: Tree,
}

impl Tree {
    /// The member `name` of an object.
    pub fn member(&self, name: &str) -> Option<&Member> {
        match &self.shape {
            Shape::Object(members) => members.iter().find(|m| m.name == name),
            _ => None,
        }
    }

    /// The element at `index` of a list.
    pub fn element(&self, index: usize) -> Option<&Self> {
        match &self.shape {
            Shape::List(items) => items.get(index),
            _ => None,
        }
    }

    /// The same value without places.
    pub fn to_node(&self) -> Node {
        match &self.shape {
            Shape::Scalar(node) => node.clone(),
            Shape::List(items) => Node::Array(items.iter().map(Self::to_node).collect()),
            Shape::Object(members) => {
                Node::Object(members.iter().map(|m| (m.name.clone(), m.value.to_node())).collect())
            }
        }
    }

    /// How many values this is, itself included.
    pub fn size(&self) -> usize {
        let below: usize = match &self.shape {
            Shape::Scalar(_) => 0,
            Shape::List(items) => items.iter().map(Self::size).sum(),
            Shape::Object(members) => members.iter().map(|m| m.value.size()).sum(),
        };
        below.saturating_add(1)
    }

    /// How many collections are nested in each other, itself included; 0 for a scalar.
    pub fn depth(&self) -> usize {
        let below = match &self.shape {
            Shape::Scalar(_) => return 0,
            Shape::List(items) => items.iter().map(Self::depth).max(),
            Shape::Object(members) => members.iter().map(|m| m.value.depth()).max(),
        };
        below.unwrap_or(0).saturating_add(1)
    }
}
