//! Where masked bytes go, and what they are masked by.

use super::channel::Tally;
use super::rules::Rules;

/// The way out for one piece of a body.
#[derive(Debug)]
pub struct Sink<'a> {
    /// What is masked.
    pub rules: &'a Rules,
    /// What was masked.
    pub tally: &'a mut Tally,
    /// What may go on.
    pub out: &'a mut Vec<u8>,
}

impl<'a> Sink<'a> {
    /// A sink.
    pub const fn new(rules: &'a Rules, tally: &'a mut Tally, out: &'a mut Vec<u8>) -> Self {
        Self { rules, tally, out }
    }

    /// Writes as it is, unless a detector has ended the response.
    pub fn put(&mut self, bytes: &[u8]) {
        if self.tally.blocked().is_none() {
            self.out.extend_from_slice(bytes);
        }
    }
}
