//! A place in a text that a shape may fit.

use super::super::checks::entropy;
use super::super::shape::{Over, Proof, Shape};

const SAMPLE: usize = 32;
const MIXED_WITHIN: u16 = 64;

/// A place in a text that a shape may fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which shape.
    pub shape: u16,
    /// Where its secret starts, once that is known.
    pub start: Option<u64>,
    /// Where its secret ended.
    pub end: Option<u64>,
    /// Whether it is a secret, whatever follows.
    pub certain: bool,
    run: u8,
    count: u16,
    kinds: u8,
    sample: [u8; SAMPLE],
}

/// What a byte made of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It goes on.
    Live,
    /// It was nothing.
    Dead,
    /// It was a secret, and has ended before this byte.
    Over,
}

impl Candidate {
    /// A candidate whose literal ended before `at`.
    pub const fn new(name: u16, shape: &Shape, at: u64) -> Self {
        let start = if shape.secret.0 == 0 { Some(at) } else { None };
        Self {
            shape: name,
            start,
            end: None,
            certain: false,
            run: 0,
            count: 0,
            kinds: 0,
            sample: [0; SAMPLE],
        }
    }

    /// Takes the byte at `at`.
    pub fn step(&mut self, shape: &Shape, byte: u8, at: u64) -> Step {
        loop {
            let Some(run) = shape.runs.get(usize::from(self.run)) else { return self.done(at) };
            if run.set.has(byte) && (self.count < run.max || self.certain) {
                self.take(shape, byte);
                return if self.hopeless(shape) { Step::Dead } else { Step::Live };
            }
            if self.certain {
                return self.done(at);
            }
            if run.set.has(byte) && run.over == Over::Secret {
                self.certain = true;
                return Step::Live;
            }
            if self.count < run.min || (self.is_last(shape) && !self.proven(shape)) {
                return Step::Dead;
            }
            self.run = self.run.saturating_add(1);
            self.count = 0;
            if self.run == shape.secret.0 {
                self.start = Some(at);
            }
            if self.run == shape.secret.1 {
                self.end = Some(at);
            }
        }
    }

    /// The text ends at `at`: whether it was a secret.
    pub fn finish(&mut self, shape: &Shape, at: u64) -> bool {
        let Some(run) = shape.runs.get(usize::from(self.run)) else { return true };
        let whole = self.is_last(shape) && self.count >= run.min && self.proven(shape);
        if self.certain || whole {
            self.end.get_or_insert(at);
        }
        self.certain || whole
    }

    fn done(&mut self, at: u64) -> Step {
        self.end.get_or_insert(at);
        Step::Over
    }

    fn take(&mut self, shape: &Shape, byte: u8) {
        let nth = usize::from(self.count);
        self.count = self.count.saturating_add(1);
        if !self.is_last(shape) {
            return;
        }
        if let Some(slot) = self.sample.get_mut(nth) {
            *slot = byte;
        }
        self.kinds |= match byte {
            b'a'..=b'z' => 1,
            b'A'..=b'Z' => 2,
            b'0'..=b'9' => 4,
            _ => 0,
        };
        let min = shape.runs.last().map_or(0, |r| r.min);
        let enough = match shape.proof {
            Proof::None | Proof::Mixed => self.count >= min,
            // Judged once, by its beginning: the same wherever the text is cut.
            Proof::Random(_) | Proof::Code(_) => usize::from(self.count) >= SAMPLE,
        };
        // With a run after the secret, it is one when that has come, too.
        self.certain |= enough && self.proven(shape);
    }

    fn is_last(&self, shape: &Shape) -> bool {
        usize::from(self.run).saturating_add(1) == shape.runs.len()
    }

    /// Whether no byte can make it a secret any more.
    fn hopeless(&self, shape: &Shape) -> bool {
        !self.certain
            && self.is_last(shape)
            && match shape.proof {
                Proof::None => false,
                Proof::Mixed => self.count >= MIXED_WITHIN,
                Proof::Random(_) | Proof::Code(_) => usize::from(self.count) >= SAMPLE,
            }
    }

    fn proven(&self, shape: &Shape) -> bool {
        match shape.proof {
            Proof::None => true,
            Proof::Mixed => self.kinds == 7,
            Proof::Random(least) | Proof::Code(least) => {
                let sample = self.sample.get(..usize::from(self.count)).unwrap_or(&self.sample);
                entropy(sample) >= least
            }
        }
    }
}
