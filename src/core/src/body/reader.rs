//! The one pass: serde_json drives, this visitor keeps what the plan names.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::envelope::Parts;
use super::{BodyError, Fact, Facts, text_fact};
use crate::limits;
use crate::policy::Plan;
use crate::reason::Reason;

/// Objects with up to this many members are checked for a repeated one by comparing each pair.
const LINEAR_MEMBERS: usize = 16;

/// Reads the whole body; `rpc` also collects the JSON-RPC envelope and refuses a batch.
pub(super) fn read(body: &[u8], plan: &Plan, rpc: bool) -> Result<(Facts, Parts), BodyError> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(BodyError::new(Reason::JsonNotUtf8, "a byte order mark"));
    }
    let mut state = State {
        names: Vec::new(),
        facts: Facts::default(),
        parts: rpc.then(Parts::default),
        failure: None,
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let top = Value { plan: Some(plan), part: None, depth: 0, state: &mut state };
    let outcome = top.deserialize(&mut json).and_then(|kind| json.end().map(|()| kind));
    match outcome {
        Ok(Kind::Object) => Ok((state.facts, state.parts.unwrap_or_default())),
        Ok(Kind::Array) if rpc => Err(BodyError::new(Reason::JsonRpcBatch, "the body is an array")),
        Ok(_) => Err(BodyError::new(Reason::FieldInvalid, "the body is not an object")),
        Err(error) => Err(explain(&error, state.failure, body)),
    }
}

fn explain(error: &serde_json::Error, failure: Option<Reason>, body: &[u8]) -> BodyError {
    let reason = match failure {
        Some(reason) => reason,
        // No JSON has a NUL byte in it. One says that the text is UTF-16 or UTF-32.
        None if body.contains(&0) || std::str::from_utf8(body).is_err() => Reason::JsonNotUtf8,
        None => Reason::JsonMalformed,
    };
    BodyError::new(reason, format!("line {}, column {}", error.line(), error.column()))
}

struct State<'de> {
    /// Member names of the objects being read, outermost first; an object truncates to its start when it ends.
    names: Vec<Cow<'de, str>>,
    facts: Facts,
    parts: Option<Parts>,
    /// Why the visitor gave up; serde_json's own errors leave it empty.
    failure: Option<Reason>,
}

impl State<'_> {
    fn fail<E: serde::de::Error>(&mut self, reason: Reason) -> E {
        self.failure = Some(reason);
        E::custom(reason.code())
    }
}

/// What a value was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
    Scalar,
}

/// One value at `depth`, read under `plan`.
struct Value<'a, 'de> {
    plan: Option<&'a Plan>,
    /// The member of the JSON-RPC envelope that this value is.
    part: Option<&'static str>,
    depth: usize,
    state: &'a mut State<'de>,
}

impl<'de> Value<'_, 'de> {
    /// Keeps what is read. A value too many refuses: one that is left out would be judged as absent.
    fn keep<E: serde::de::Error>(&mut self, make: impl Fn() -> Fact) -> Result<(), E> {
        if let (Some(part), Some(parts)) = (self.part, &mut self.state.parts) {
            parts.set(part, make());
        }
        if let Some(id) = self.plan.and_then(|plan| plan.here) {
            if self.state.facts.values.len() >= limits::MAX_FACT_VALUES {
                return Err(self.state.fail(Reason::JsonTooComplex));
            }
            self.state.facts.values.push((id, make()));
        }
        Ok(())
    }

    fn scalar<E: serde::de::Error>(mut self, make: impl Fn() -> Fact) -> Result<Kind, E> {
        self.keep(make)?;
        Ok(Kind::Scalar)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, 'de> {
    type Value = Kind;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, 'de> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Kind, E> {
        self.scalar(|| Fact::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Kind, E> {
        self.scalar(|| Fact::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Kind, E> {
        self.scalar(|| Fact::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Kind, E> {
        self.scalar(|| i64::try_from(value).map_or(Fact::Other, Fact::Integer))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Kind, E> {
        self.scalar(|| Fact::Other)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Kind, E> {
        self.scalar(|| text_fact(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Kind, A::Error> {
        self.keep(|| Fact::Other)?;
        let depth = deeper(self.depth, self.state)?;
        let below = self.plan.and_then(|plan| plan.elements.as_deref());
        while seq
            .next_element_seed(Value { plan: below, part: None, depth, state: self.state })?
            .is_some()
        {}
        Ok(Kind::Array)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Kind, A::Error> {
        self.keep(|| Fact::Other)?;
        let depth = deeper(self.depth, self.state)?;
        let envelope = self.depth == 0 && self.state.parts.is_some();
        let mut members = Members { start: self.state.names.len(), many: None };
        while let Some(name) = map.next_key_seed(Name)? {
            members
                .add(name.clone(), &mut self.state.names)
                .map_err(|reason| self.state.fail(reason))?;
            let below = self.plan.and_then(|plan| plan.members.get(&*name));
            let part = if envelope { Parts::NAMES.into_iter().find(|p| *p == name) } else { None };
            let other_spelling = (below.is_none()
                && self.plan.is_some_and(|plan| respells(&name, plan.members.keys())))
                || (envelope && part.is_none() && respells(&name, Parts::NAMES));
            if other_spelling {
                return Err(self.state.fail(Reason::JsonAmbiguousKey));
            }
            map.next_value_seed(Value { plan: below, part, depth, state: self.state })?;
        }
        self.state.names.truncate(members.start);
        Ok(Kind::Object)
    }
}

fn deeper<E: serde::de::Error>(depth: usize, state: &mut State<'_>) -> Result<usize, E> {
    if depth >= limits::MAX_JSON_DEPTH {
        return Err(state.fail(Reason::JsonTooComplex));
    }
    Ok(depth.saturating_add(1))
}

/// The names of one object, to find one that appears twice.
struct Members<'de> {
    start: usize,
    many: Option<BTreeSet<Cow<'de, str>>>,
}

impl<'de> Members<'de> {
    /// Adds a name, unless it is there already or there are too many.
    fn add(&mut self, name: Cow<'de, str>, names: &mut Vec<Cow<'de, str>>) -> Result<(), Reason> {
        if let Some(many) = &mut self.many {
            if many.len() >= limits::MAX_JSON_MEMBERS {
                return Err(Reason::JsonTooComplex);
            }
            return if many.insert(name) { Ok(()) } else { Err(Reason::JsonDuplicateKey) };
        }
        let mine = names.get(self.start..).unwrap_or_default();
        if mine.contains(&name) {
            return Err(Reason::JsonDuplicateKey);
        }
        if mine.len() >= LINEAR_MEMBERS {
            let mut many: BTreeSet<_> = names.drain(self.start..).collect();
            many.insert(name);
            self.many = Some(many);
        } else {
            names.push(name);
        }
        Ok(())
    }
}

/// A member name, borrowed from the body unless it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Whether `name` is another spelling of one of `read`: some parsers fold case when they match members.
fn respells(name: &str, read: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
    read.into_iter().any(|r| fold(name).eq(fold(r.as_ref())))
}

/// Simple case folding as Go's encoding/json does it: ASCII, and the two letters that fold into ASCII.
fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    })
}
