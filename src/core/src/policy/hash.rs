//! The digest that names a policy's content.

use crate::digest::sha256;
use crate::node::Node;

/// `sha256:` and the hex digest of the document's canonical JSON: no blanks, members sorted by name
/// (bytes of UTF-8), whole numbers without fraction or exponent. YAML, JSON and an Envoy `Struct`
/// of one policy share it.
pub(super) fn hash(document: &Node) -> String {
    let mut canonical = String::new();
    write(document, &mut canonical);
    sha256([canonical.as_bytes()])
}

fn write(node: &Node, out: &mut String) {
    match node {
        Node::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Node::Object(members) => {
            let mut sorted: Vec<&(String, Node)> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            out.push('{');
            for (n, (name, value)) in sorted.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(&Node::String(name.clone()), out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        scalar => out.push_str(&serde_json::Value::from(scalar).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_share_a_hash() {
        let hash_of = |json: &str| hash(&Node::from_json(json.as_bytes()).unwrap());
        let one = hash_of(r#"{"policy":"p","n":30,"a":{"x":"\u00e9","b":[1,null]}}"#);
        assert_eq!(
            one,
            hash_of(r#"{ "a": {"b": [1.0, null], "x": "é"}, "n": 3e1, "policy": "p" }"#)
        );
        assert_ne!(one, hash_of(r#"{"policy":"p","n":30,"a":{"x":"\u00e9","b":[null,1]}}"#));
        assert_ne!(hash_of(r#"{"a":"1"}"#), hash_of(r#"{"a":1}"#));
        // printf '{"a":[true],"b":1}' | sha256sum
        assert_eq!(
            hash_of(r#"{"b":1.0,"a":[true]}"#),
            "sha256:708747538ba81fd60b5aac8c646370de5e24abf70ab1872f67458a5a4f3af05d"
        );
    }
}
