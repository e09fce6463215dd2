//! The members of a record: one pass over its JSON, which keeps what verification reads.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::line::{Hash, StreamId, hex};

/// What a record says, as far as other records are compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The first of a stream.
    Stream { instance: String },
    /// The outcome of a request.
    Decision { record: String },
    /// A request that was about to be released.
    Intent { record: String },
    /// Another stream's last record, as the proxy knew it.
    Head { of: StreamId, seq: u64, hash: Hash, because: String },
    /// Records that are not kept; `refused` are numbers of this stream that the sink did not take.
    Gap { dropped: u64, because: String, refused: Vec<u64> },
    /// The last of a stream.
    End,
    /// A kind of a later version.
    Other { kind: String },
}

/// The members that are kept; the others are only checked.
const KEPT: [&str; 7] = ["kind", "record", "instance", "of", "because", "dropped", "refused"];

/// Reads one object, and nothing after it, in which no name comes twice.
pub(crate) fn read(line: &[u8]) -> Result<Kind, String> {
    if !line.ends_with(b"}") {
        return Err("it does not end as a JSON object does".to_owned());
    }
    let mut json = serde_json::Deserializer::from_slice(line);
    let members = Members.deserialize(&mut json).and_then(|m| json.end().map(|()| m));
    let members = members.map_err(|e| format!("it is not a JSON object: {e}"))?;
    kind(&members)
}

fn kind(members: &Map<String, Value>) -> Result<Kind, String> {
    let text = |name: &str| match members.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(format!("it has no text `{name}`")),
    };
    let kind = text("kind")?;
    Ok(match &*kind {
        "decision" => Kind::Decision { record: text("record")? },
        "intent" => Kind::Intent { record: text("record")? },
        "stream" => Kind::Stream { instance: text("instance")? },
        "end" => Kind::End,
        "gap" => Kind::Gap {
            dropped: members
                .get("dropped")
                .and_then(Value::as_u64)
                .ok_or("it has no number `dropped`")?,
            because: text("because")?,
            refused: match members.get("refused") {
                None => Vec::new(),
                Some(numbers) => numbers
                    .as_array()
                    .and_then(|numbers| numbers.iter().map(Value::as_u64).collect())
                    .ok_or("its `refused` is not a list of numbers")?,
            },
        },
        "head" => {
            let (of, seq, hash) = head(members.get("of")).ok_or(
                "its `of` does not name a record of another stream by `stream`, `seq` and `hash`",
            )?;
            Kind::Head { of, seq, hash, because: text("because")? }
        }
        _ => Kind::Other { kind },
    })
}

fn head(of: Option<&Value>) -> Option<(StreamId, u64, Hash)> {
    let of = of?;
    let text = |name| of.get(name)?.as_str();
    Some((
        StreamId::parse(text("stream")?.as_bytes())?,
        of.get("seq")?.as_u64()?,
        hex(text("hash")?.as_bytes())?,
    ))
}

struct Members;

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kept = Map::new();
        let mut seen = Seen::default();
        while let Some(Name(name)) = map.next_key()? {
            if seen.has(&name) {
                return Err(A::Error::custom(format_args!("`{name}` comes twice")));
            }
            if KEPT.contains(&&*name) {
                kept.insert(name.clone().into_owned(), map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            seen.names.push(name);
        }
        Ok(kept)
    }
}

/// Names so far. Most records have some thirty, all of them different, which one word of bits tells of most.
#[derive(Default)]
struct Seen<'a> {
    bits: u64,
    names: Vec<Cow<'a, str>>,
}

impl Seen<'_> {
    fn has(&mut self, name: &str) -> bool {
        let ends = [name.bytes().next(), name.bytes().last()];
        let mixed = ends
            .into_iter()
            .flatten()
            .fold(name.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let bit = 1u64.rotate_left(u32::try_from(mixed % 64).unwrap_or(0));
        let known = self.bits & bit != 0;
        self.bits |= bit;
        known && self.names.iter().any(|n| n == name)
    }
}

/// A member's name, borrowed unless something in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        json.deserialize_str(Text)
    }
}
