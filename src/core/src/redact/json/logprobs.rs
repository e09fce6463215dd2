//! `logprobs` repeat a text token by token: as names and values of a document, each is too short to show what is in the whole.
//!
//! They are held until all of them are there. If something is found in their tokens put together, an empty value stands in for them.

use super::super::channel::{Channel, Tally};
use super::super::rules::Rules;

/// Most of them that are held. Longer ones are left out.
const MAX_LOGPROBS: usize = 256 * 1024;
/// How much deeper than the whole the tokens of the text are; alternatives to them are deeper.
const DEPTH: usize = 3;

/// The `logprobs` that are read.
#[derive(Clone, Debug)]
pub struct Logprobs {
    /// How deep they begin.
    pub depth: usize,
    /// Whether they are an object.
    object: bool,
    /// What is written of them, in so far as they may go on.
    pub written: Vec<u8>,
    tokens: Channel,
    tally: Tally,
    text: Vec<u8>,
}

impl Logprobs {
    /// They begin.
    pub fn new(depth: usize, object: bool) -> Self {
        let (tokens, tally) = (Channel::default(), Tally::default());
        Self { depth, object, written: Vec::new(), tokens, tally, text: Vec::new() }
    }

    /// Takes more of a string that stands this deep, in a member of this name.
    pub fn string(&mut self, rules: &Rules, depth: usize, name: &[u8], text: &[u8]) {
        let near = depth <= self.depth.saturating_add(DEPTH);
        if near && matches!(name, b"token" | b"tokens") {
            self.tokens.plain(rules, text, &mut self.tally, &mut self.text);
            self.text.clear();
        }
    }

    /// Whether they are too long to go on.
    pub const fn is_too_long(&self) -> bool {
        self.written.len() > MAX_LOGPROBS
    }

    /// They have ended: what stands for them.
    pub fn finish(mut self, rules: &Rules) -> Vec<u8> {
        self.tokens.finish(rules, &mut self.tally, &mut self.text);
        let found = self.tally.iter().next().is_some() || self.tally.blocked().is_some();
        if found || self.tally.take_drop() { self.nothing().to_vec() } else { self.written }
    }

    /// What stands in for them.
    pub const fn nothing(&self) -> &'static [u8] {
        if self.object { b"null" } else { b"[]" }
    }
}
