//! Masks what must not be seen in text that streams.

mod about;
mod action;
mod catalogue;
mod channel;
mod checks;
mod delta;
mod detectors;
mod documents;
mod email;
mod iban;
mod ipv6;
mod json;
mod kind;
mod lines;
mod literal;
mod masker;
mod number;
mod path;
mod pattern;
mod redaction;
mod rules;
mod scanner;
mod set;
mod shape;
mod sieve;
mod sink;
mod sse;
mod view;
mod websocket;

pub use about::{About, Group, builtin};
pub use action::{Action, MIN_HASH_KEY};
pub use catalogue::secrets;
pub use channel::{Channel, Tally};
pub use delta::{Deltas, Event, Rest};
pub use detectors::{Detectors, PERSONAL};
pub use json::Json;
pub use kind::Kind;
pub use masker::Masker;
pub use path::Paths;
pub use pattern::Pattern;
pub use redaction::{FieldRule, MaskedPart, Redaction, Settings, Wanted};
pub use rules::{DetectorSet, OnUncertain, Rules, Stop, Uncertain};
pub use scanner::{Part, Scanner};
pub use set::Set;
pub use shape::{Over, Proof, Run, Shape};
pub use sink::Sink;
pub use sse::Sse;

#[cfg(test)]
mod acting;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod precision;
#[cfg(test)]
mod recall;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
