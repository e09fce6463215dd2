//! `google.protobuf.Struct` in protobuf's wire format.
//!
//! Envoy's documentation says that a plugin gets a `Struct` as JSON. The builds in use (1.36 to 1.40) hand over the
//! message as it is on the wire, so both are read.
//!
//! ```text
//! Struct    = 1: entry*          entry = 1: name, 2: Value
//! Value     = 1: null | 2: double | 3: string | 4: bool | 5: Struct | 6: ListValue
//! ListValue = 1: Value*
//! ```

use super::Node;
use crate::limits;

/// Wire types that a `Struct` uses.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

const CUT: &str = "the message is cut short";

/// Reads a `Struct`. A map has no order on the wire, so the members come back sorted by name.
///
/// # Errors
/// What is wrong with the message, for people.
pub(super) fn read_struct(bytes: &[u8]) -> Result<Node, String> {
    object(bytes, 0)
}

/// The bytes that are left.
struct Wire<'a>(&'a [u8]);

/// The value of one field.
enum Field<'a> {
    Varint(u64),
    Double(f64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    /// The next field's number and value; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            VARINT => Field::Varint(self.varint()?),
            FIXED64 => {
                let (head, rest) = self.0.split_first_chunk::<8>().ok_or(CUT)?;
                self.0 = rest;
                Field::Double(f64::from_le_bytes(*head))
            }
            LENGTH => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT)?;
                let (head, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
                self.0 = rest;
                Field::Bytes(head)
            }
            other => return Err(format!("wire type {other} does not belong in a Struct")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(CUT)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is longer than ten bytes".to_owned())
    }
}

fn object(bytes: &[u8], depth: usize) -> Result<Node, String> {
    let mut members = std::collections::BTreeMap::new();
    let mut wire = Wire(bytes);
    while let Some(field) = wire.next()? {
        let (1, Field::Bytes(entry)) = field else { return Err(unknown("Struct", field.0)) };
        let (name, value) = member(entry, depth)?;
        if members.contains_key(&name) {
            return Err(format!("`{name}` appears twice"));
        }
        members.insert(name, value);
    }
    Ok(Node::Object(members.into_iter().collect()))
}

fn member(bytes: &[u8], depth: usize) -> Result<(String, Node), String> {
    let (mut name, mut value) = (String::new(), Node::Null);
    let mut wire = Wire(bytes);
    while let Some(field) = wire.next()? {
        match field {
            (1, Field::Bytes(bytes)) => name = text(bytes)?,
            (2, Field::Bytes(bytes)) => value = read_value(bytes, depth)?,
            (number, _) => return Err(unknown("map entry", number)),
        }
    }
    Ok((name, value))
}

fn read_value(bytes: &[u8], depth: usize) -> Result<Node, String> {
    let depth = depth.saturating_add(1);
    if depth > limits::MAX_JSON_DEPTH {
        return Err(format!("nested deeper than {} levels", limits::MAX_JSON_DEPTH));
    }
    let mut value = Node::Null;
    let mut wire = Wire(bytes);
    while let Some(field) = wire.next()? {
        value = match field {
            (1, Field::Varint(_)) => Node::Null,
            (2, Field::Double(number)) => Node::Number(number),
            (3, Field::Bytes(bytes)) => Node::String(text(bytes)?),
            (4, Field::Varint(flag)) => Node::Bool(flag != 0),
            (5, Field::Bytes(bytes)) => object(bytes, depth)?,
            (6, Field::Bytes(bytes)) => list(bytes, depth)?,
            (number, _) => return Err(unknown("Value", number)),
        };
    }
    Ok(value)
}

fn list(bytes: &[u8], depth: usize) -> Result<Node, String> {
    let mut items = Vec::new();
    let mut wire = Wire(bytes);
    while let Some(field) = wire.next()? {
        let (1, Field::Bytes(item)) = field else { return Err(unknown("ListValue", field.0)) };
        items.push(read_value(item, depth)?);
    }
    Ok(Node::Array(items))
}

fn text(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a string is not UTF-8".to_owned())
}

fn unknown(message: &str, number: u64) -> String {
    format!("field {number} does not belong in a {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One field that holds bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(bytes);
        out
    }

    fn entry(name: &str, value: &[u8]) -> Vec<u8> {
        field(1, &[field(1, name.as_bytes()), field(2, value)].concat())
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let number = [&[2 << 3 | 1][..], &30.5f64.to_le_bytes()].concat();
        let list = field(6, &[field(1, &field(3, b"x")), field(1, &[4 << 3, 1])].concat());
        let wire = [
            entry("policy", &field(3, "d\u{e9}mo".as_bytes())),
            entry("flag", &[4 << 3, 0]),
            entry("list", &list),
            entry("nested", &field(5, &entry("none", &[1 << 3, 0]))),
            entry("number", &number),
        ]
        .concat();
        let json = r#"{"flag":false,"list":["x",true],"nested":{"none":null},"number":30.5,"policy":"d\u00e9mo"}"#;
        assert_eq!(Node::from_config(&wire), Node::from_json(json.as_bytes()));
    }

    #[test]
    fn an_empty_list_and_a_cut_one_are_told_apart() {
        let wire = b"\n\x0e\n\x06policy\x12\x04\x1a\x02ab\n\x0f\n\x08surfaces\x12\x03\x32\x01\n";
        assert_eq!(read_struct(wire), Err(CUT.to_owned()), "the list is cut");
        let wire = b"\n\x0e\n\x06policy\x12\x04\x1a\x02ab\n\x0e\n\x08surfaces\x12\x02\x32\x00";
        assert_eq!(Node::from_config(wire), Node::from_json(br#"{"policy":"ab","surfaces":[]}"#));
    }

    #[test]
    fn json_is_still_json() {
        assert_eq!(
            Node::from_config(b"\n{\n \"a\": 1}"),
            Ok(Node::Object(vec![("a".to_owned(), Node::Number(1.0))]))
        );
        let error = Node::from_config(b"{\"a\": }").unwrap_err();
        assert!(error.contains("line 1 column 7"), "{error}");
    }

    #[test]
    fn a_hostile_message_is_an_error() {
        let mut deep = field(3, b"x");
        for _ in 0..200 {
            deep = field(5, &entry("a", &deep));
        }
        assert!(read_struct(&entry("a", &deep)).unwrap_err().contains("nested deeper"));
        assert!(
            read_struct(&[entry("a", &[]), entry("a", &[])].concat())
                .unwrap_err()
                .contains("twice")
        );
        assert!(read_struct(b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff").is_err());
        assert!(read_struct(b"\n\xff\xff\xff\xff\x0f").is_err());
        assert!(read_struct(&entry("a", &field(3, b"\xff"))).unwrap_err().contains("UTF-8"));
        assert!(read_struct(&[1 << 3 | 5, 0, 0, 0, 0]).unwrap_err().contains("wire type 5"));
        assert!(read_struct(&field(2, b"")).unwrap_err().contains("field 2"));
    }

    #[test]
    fn every_cut_of_a_message_is_an_error_or_shorter() {
        let whole =
            [entry("a", &field(3, b"xy")), entry("b", &field(5, &entry("c", &[4 << 3, 1])))]
                .concat();
        let full = read_struct(&whole);
        assert!(full.is_ok());
        assert!((0..whole.len()).all(|cut| read_struct(&whole[..cut]) != full));
    }
}
