//! Which texts an event ends.

use super::Event;
use super::find::{Form, Found, Key};

/// Types of events after which nothing of the response follows.
const LAST: [&[u8]; 8] = [
    b"response.completed",
    b"response.failed",
    b"response.incomplete",
    b"response.cancelled",
    b"message_stop",
    b"RUN_FINISHED",
    b"finish",
    b"done",
];
/// How types end that end what the event names by number or id.
const ENDS: [&[u8]; 5] = [b".done", b"_stop", b"-end", b"_END", b"_end"];
/// How a thread, a run or a message of an assistant ends.
const THREAD: [&[u8]; 6] =
    [b".completed", b".failed", b".incomplete", b".cancelled", b".expired", b".done"];

/// Which texts end.
#[derive(Clone, Debug)]
pub enum End {
    /// All.
    All,
    /// Those of these choices.
    Choices(Vec<u32>),
    /// Those that belong to what has these numbers, or this id.
    Item([Option<u32>; 2], Vec<u8>),
    /// Those of this form, and of this item if there is one.
    Form(Form, Vec<u8>),
}

impl End {
    /// What an event ends.
    pub fn of(event: &Event<'_>, found: &Found) -> Self {
        if event.data.trim_ascii() == b"[DONE]" {
            return Self::All;
        }
        let kind = found.kind.clone().and_then(|range| event.data.get(range));
        let kind = kind.unwrap_or(event.name);
        let ends = |with: &[&[u8]]| with.iter().any(|end| kind.ends_with(end));
        if LAST.contains(&kind) || (kind.starts_with(b"thread.") && ends(&THREAD)) {
            return Self::All;
        }
        if ends(&ENDS) {
            return match (found.numbers, found.item.is_empty()) {
                ([None, None], true) => Self::All,
                (numbers, _) => Self::Item(numbers, found.item.clone()),
            };
        }
        match kind {
            b"message" => Self::Form(Form::Chunk, found.item.clone()),
            b"result" | b"completion" => Self::Form(Form::Chunk, Vec::new()),
            _ if found.done == Some(true) => Self::Form(Form::Line, Vec::new()),
            _ if found.is_final => Self::Form(Form::Artifact, Vec::new()),
            _ if found.is_last == Some(true) => Self::Form(Form::Artifact, found.item.clone()),
            _ => Self::Choices(found.finished.clone()),
        }
    }

    /// Whether it can end anything.
    pub fn is_any(&self) -> bool {
        !matches!(self, Self::Choices(choices) if choices.is_empty())
    }

    /// Whether a text ends.
    pub fn ends(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Choices(choices) => {
                key.form == Form::Choice && key.first().is_some_and(|n| choices.contains(&n))
            }
            Self::Item([None, None], item) => key.item == *item,
            Self::Item(numbers, _) => {
                matches!(key.form, Form::Item | Form::Block)
                    && numbers.iter().zip(key.numbers).all(|(n, k)| n.is_none() || *n == k)
            }
            Self::Form(form, item) => key.form == *form && (item.is_empty() || key.item == *item),
        }
    }
}
