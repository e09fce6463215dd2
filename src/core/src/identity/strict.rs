//! JSON that can be read in one way only.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::limits;

/// Reads one JSON object: UTF-8, no byte order mark, nothing after it, no member twice at any
/// depth (names are compared after unescaping), at most [`limits::MAX_JSON_DEPTH`] deep.
///
/// # Errors
/// What is wrong, without any of the text.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(limits::MAX_JSON_DEPTH)
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|e| cause(&e))?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err("not a JSON object"),
    }
}

const TWICE: &str = "a member appears twice";
const DEEP: &str = "nested too deep";

/// serde_json's messages quote the text, which may be a secret; ours do not.
fn cause(error: &serde_json::Error) -> &'static str {
    let message = error.to_string();
    [TWICE, DEEP].into_iter().find(|m| message.starts_with(m)).unwrap_or("not JSON")
}

/// How many more levels may open.
#[derive(Clone, Copy)]
struct Strict(usize);

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom(DEEP))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inner)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(Value::Object(members))
    }
}

/// What a value is, for messages.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_reading_is_taken() {
        let text = br#"{"a":{"b":[1,-2,2.5,-1e3,18446744073709551615,null,true,"x"]}}"#;
        assert_eq!(object(text).map(Value::Object), Ok(serde_json::from_slice(text).unwrap()));
        for (text, why) in [
            (&br#"{"a":1,"a":1}"#[..], TWICE),
            (br#"{"a":1,"\u0061":2}"#, TWICE),
            (br#"{"x":[{"y":{"a":1,"a":2}}]}"#, TWICE),
            (br#"{"a":1} {"#, "not JSON"),
            (b"\xef\xbb\xbf{}", "not JSON"),
            (b"{\"a\":\"\xff\"}", "not JSON"),
            (br#"{"a":"\ud800"}"#, "not JSON"),
            (b"[]", "not a JSON object"),
            (b"", "not JSON"),
        ] {
            assert_eq!(object(text), Err(why), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_capped() {
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(object(nested(limits::MAX_JSON_DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(object(nested(limits::MAX_JSON_DEPTH).as_bytes()), Err(DEEP));
        assert!(object(nested(100_000).as_bytes()).is_err());
    }
}
