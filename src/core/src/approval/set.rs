//! Several calls that are decided as one: create the new key, then delete the old one.

use serde::Deserialize;

/// The header that makes a call a step of a set: `x-scopewarden-set: rotate-42;step=1;of=2`. It is not forwarded.
pub const SET_HEADER: &str = "x-scopewarden-set";

/// Most steps of a set.
const MAX_STEPS: u32 = 16;

/// Which step of which set a call is. The caller chooses the set's id; it means nothing beside the caller.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The caller's name for the set: lower-case letters, digits, `_` and `-`, at most 64.
    pub id: String,
    /// How many steps the set has: 2 to 16.
    pub of: u32,
    /// Which this is, from 1. Each is used once, in order.
    pub step: u32,
}

impl Step {
    /// Reads the header's value; `None` for everything that is not exactly of its form.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (id, numbers) = std::str::from_utf8(value).ok()?.split_once(";step=")?;
        let (step, of) = numbers.split_once(";of=")?;
        let step = Self { id: id.to_owned(), of: number(of)?, step: number(step)? };
        step.is_valid().then_some(step)
    }

    /// Whether it keeps to what its members say.
    pub fn is_valid(&self) -> bool {
        is_id(&self.id) && (2..=MAX_STEPS).contains(&self.of) && (1..=self.of).contains(&self.step)
    }
}

/// One or two digits, without a zero in front: one spelling for each number.
fn number(text: &str) -> Option<u32> {
    let plain =
        text.len() <= 2 && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Lower-case letters, digits, `_` and `-`: what can stand in a URL, a header and a log.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}
