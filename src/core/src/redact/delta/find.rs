//! Finds the deltas in an event: strings that go on where the last event's left off.
//!
//! | who | where the text is | what tells one text from another |
//! |---|---|---|
//! | OpenAI chat completions, completions | `choices[].delta.*`, `choices[].text` | choice index, field, index of the tool call |
//! | OpenAI Responses, Realtime, DevUI; any event with a `delta` that is a string | `delta` | type, `output_index` and `content_index` or `summary_index`, else `item_id` |
//! | OpenAI assistants, Anthropic messages | `delta.*` | `index`, field |
//! | A2A | `result.artifact.parts[].text` | `artifactId` |
//! | Ollama, where there is a `done` | `message.content`, `message.thinking`, `response`, `thinking` | field |
//! | AutoGen Studio | `data.content` of a `message_chunk` | `data.source` |

use std::ops::Range;

use super::super::path::Place;
use super::super::rules::Rules;
use super::walk::{MAX_ID, walk};

/// Which stream of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// In whose form.
    pub form: Form,
    /// Its field, or the type of its event.
    pub name: Vec<u8>,
    /// What it belongs to, where that has no number.
    pub item: Vec<u8>,
    /// Choice, output item or block, and what is in it.
    pub numbers: [Option<u32>; 2],
}

/// In whose form deltas are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A choice of a completion.
    #[default]
    Choice,
    /// An item of a response.
    Item,
    /// A block or part of a message.
    Block,
    /// An A2A artifact.
    Artifact,
    /// A chunk of AutoGen Studio.
    Chunk,
    /// A line of Ollama.
    Line,
}

/// A string that continues a text.
#[derive(Clone, Debug)]
pub struct Delta {
    /// Where it stands, without quotes.
    pub range: Range<usize>,
    /// Which text.
    pub key: Key,
    /// Its place, for fields.
    pub place: Place,
}

/// What an event has of deltas.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The texts that it continues.
    pub deltas: Vec<Delta>,
    /// What repeats the text of a choice, token by token.
    pub logprobs: Vec<(Range<usize>, Option<u32>)>,
    /// Padding that hides how long a delta is.
    pub obfuscation: Option<Range<usize>>,
    /// The number of the event.
    pub sequence: Option<Range<usize>>,
    /// Choices that end with it.
    pub finished: Vec<u32>,
    /// Its type, where the data has one.
    pub kind: Option<Range<usize>>,
    /// What it says it belongs to.
    pub numbers: [Option<u32>; 2],
    /// The same, without a number.
    pub item: Vec<u8>,
    /// Whether it is the last chunk of an A2A artifact, where that is said.
    pub is_last: Option<bool>,
    /// Whether the A2A task has ended.
    pub is_final: bool,
    /// Whether an answer of Ollama has ended, where that is said.
    pub done: Option<bool>,
    /// Whether it is not the first one.
    pub append: Option<bool>,
    /// The id of the event, or of what it belongs to: its type says which.
    pub id: Vec<u8>,
}

/// Finds deltas in `data`. `None`: it is no JSON object.
pub fn find(rules: &Rules, data: &[u8]) -> Option<Found> {
    let mut found = walk(rules, data)?;
    let kind = found.kind.clone().and_then(|range| data.get(range)).unwrap_or_default();
    if kind.ends_with(b"-delta") || kind.ends_with(b"-end") {
        found.item = std::mem::take(&mut found.id);
    }
    let going_on = found.append == Some(true) || found.is_last.is_some();
    let (numbers, item, done) = (found.numbers, &found.item, found.done);
    found.deltas.retain_mut(|delta| match delta.key.form {
        Form::Choice => true,
        Form::Item => {
            delta.key.name = kind.get(..kind.len().min(MAX_ID)).unwrap_or_default().to_vec();
            delta.key.numbers = numbers;
            if numbers == [None; 2] {
                delta.key.item.clone_from(item);
            }
            true
        }
        Form::Block => {
            if let [Some(_), _] = numbers {
                delta.key.numbers = [numbers.first().copied().flatten(), delta.key.first()];
            }
            true
        }
        Form::Artifact => {
            delta.key.item.clone_from(item);
            going_on
        }
        Form::Chunk => {
            delta.key.item.clone_from(item);
            kind == b"message_chunk"
        }
        // What was held does not go into a last line that has no text of its own: clients need not look for one there.
        Form::Line => done == Some(false) || (done == Some(true) && !delta.range.is_empty()),
    });
    Some(found)
}

impl Key {
    /// Its first number.
    pub fn first(&self) -> Option<u32> {
        self.numbers.first().copied().flatten()
    }
}
