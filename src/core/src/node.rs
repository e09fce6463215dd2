//! The policy document as a tree: JSON's shapes, members in order, no member twice.

mod wire;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::limits;

/// One value of a policy document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`, or nothing after a YAML key.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number. Envoy turns every number in a `Struct` into a double, so `30.0` is 30.
    Number(f64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in document order; names are unique.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads JSON, refusing a member that appears twice.
    ///
    /// # Errors
    /// serde_json's message, which names line and column.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > limits::MAX_POLICY_BYTES {
            return Err(format!("the policy is larger than {} bytes", limits::MAX_POLICY_BYTES));
        }
        serde_json::from_slice(bytes).map_err(|e| e.to_string())
    }

    /// Reads what a proxy hands over: JSON text, or a `google.protobuf.Struct` in protobuf's wire format.
    ///
    /// The two cannot be mistaken for each other: every member of a `Struct` has the byte 0x12, which JSON
    /// never has.
    ///
    /// # Errors
    /// What is wrong, as JSON says it unless the bytes look like a `Struct`.
    pub fn from_config(bytes: &[u8]) -> Result<Self, String> {
        match Self::from_json(bytes) {
            Err(_) if bytes.len() <= limits::MAX_POLICY_BYTES && bytes.contains(&0x12) => {
                wire::read_struct(bytes)
                    .map_err(|e| format!("the policy is not a google.protobuf.Struct: {e}"))
            }
            json => json,
        }
    }

    /// The member `name` of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What this is, for messages: `a string`, `an object`, ...
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl From<&Node> for serde_json::Value {
    fn from(node: &Node) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(b) => Self::Bool(*b),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "guarded: integral and within 2^53"
            )]
            Node::Number(n) if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 => {
                Self::from(*n as i64)
            }
            Node::Number(n) => Self::from(*n),
            Node::String(s) => Self::String(s.clone()),
            Node::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Node::Object(members) => {
                Self::Object(members.iter().map(|(k, v)| (k.clone(), Self::from(v))).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }

            fn visit_bool<E>(self, v: bool) -> Result<Node, E> {
                Ok(Node::Bool(v))
            }

            #[expect(
                clippy::cast_precision_loss,
                reason = "policy numbers are small; see Node::Number"
            )]
            fn visit_u64<E>(self, v: u64) -> Result<Node, E> {
                Ok(Node::Number(v as f64))
            }

            #[expect(
                clippy::cast_precision_loss,
                reason = "policy numbers are small; see Node::Number"
            )]
            fn visit_i64<E>(self, v: i64) -> Result<Node, E> {
                Ok(Node::Number(v as f64))
            }

            fn visit_f64<E>(self, v: f64) -> Result<Node, E> {
                Ok(Node::Number(v))
            }

            fn visit_str<E>(self, v: &str) -> Result<Node, E> {
                Ok(Node::String(v.to_owned()))
            }

            fn visit_string<E>(self, v: String) -> Result<Node, E> {
                Ok(Node::String(v))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Node::Array(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut members: Vec<(String, Node)> = Vec::new();
                let mut names = std::collections::BTreeSet::new();
                while let Some((name, value)) = map.next_entry::<String, Node>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!("`{name}` appears twice")));
                    }
                    members.push((name, value));
                }
                Ok(Node::Object(members))
            }
        }

        deserializer.deserialize_any(NodeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_twice_is_refused() {
        assert!(
            Node::from_json(br#"{"a":1,"b":{"x":1,"\u0078":2}}"#)
                .unwrap_err()
                .contains("`x` appears twice")
        );
    }

    #[test]
    fn order_is_kept() {
        let node = Node::from_json(br#"{"z":1,"a":[true,null,"s"]}"#).unwrap();
        assert_eq!(node.get("z"), Some(&Node::Number(1.0)));
        let Node::Object(members) = node else { panic!() };
        assert_eq!(members[0].0, "z");
    }
}
