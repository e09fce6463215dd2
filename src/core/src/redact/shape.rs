//! What a secret looks like: a literal that everybody may see, then runs of bytes.

use super::checks::entropy;
use super::set::{ALNUM, Set};

/// Bytes of a run that its randomness is judged by.
const SAMPLE: usize = 32;
/// Bytes in which a mixed run has to show that it is mixed.
const MIXED_WITHIN: u16 = 64;

/// A kind of secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it starts with, in any of these spellings. They are not masked: they say what kind of secret it was.
    pub literals: Vec<Vec<u8>>,
    /// A byte that may not stand before it.
    pub not_after: Set,
    /// What follows, run after run. Each takes as much as it can and gives nothing back.
    pub runs: Vec<Run>,
    /// Which runs are masked: the first, and the one after the last.
    pub secret: (u8, u8),
    /// What else has to be true of the last run.
    pub proof: Proof,
}

/// Bytes of one set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which.
    pub set: Set,
    /// How many at least.
    pub min: u16,
    /// How many at most.
    pub max: u16,
    /// What comes after `max` of them.
    pub over: Over,
}

/// What a run that is too long means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The next run has to begin.
    Next,
    /// It is a secret whatever follows: to hold more would cost too much, to let it go would show it.
    Secret,
}

/// What a run has to be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Anything.
    None,
    /// Small and capital letters and digits.
    Mixed,
    /// At least so many sixteenths of a bit in each byte.
    Random(u32),
    /// The same, and letters as well as digits.
    Code(u32),
}

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

impl Run {
    /// From `min` to `max` bytes of a set.
    pub const fn of(set: Set, min: u16, max: u16) -> Self {
        Self { set, min, max, over: Over::Next }
    }

    /// At least `min`: for the last run, which may go on for ever.
    pub const fn from(set: Set, min: u16) -> Self {
        Self::of(set, min, u16::MAX)
    }

    /// This one byte.
    pub const fn byte(byte: u8) -> Self {
        Self::of(Set::of(&[byte]), 1, 1)
    }

    /// The same, but too long is a secret.
    #[must_use]
    pub const fn or_secret(self) -> Self {
        Self { over: Over::Secret, ..self }
    }
}

impl Shape {
    /// A shape whose one run is the secret.
    pub fn token(literals: &[&str], run: Run, proof: Proof) -> Self {
        Self {
            literals: literals.iter().map(|l| l.as_bytes().to_vec()).collect(),
            not_after: ALNUM,
            runs: vec![run],
            secret: (0, 1),
            proof,
        }
    }

    /// Bytes of the shortest secret.
    pub fn shortest(&self) -> usize {
        let (from, to) = (usize::from(self.secret.0), usize::from(self.secret.1));
        let runs = self.runs.get(from..to).unwrap_or_default();
        runs.iter().fold(0, |sum, run| sum.saturating_add(usize::from(run.min)))
    }

    /// Whether a second candidate can only be part of the first.
    pub fn is_single(&self) -> bool {
        self.runs.len() == 1
    }
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

    /// Takes bytes, the first of which is at `at`.
    pub fn advance(&mut self, shape: &Shape, bytes: &[u8], mut at: u64) -> Step {
        let mut rest = bytes;
        loop {
            let run = self.ahead(shape, rest);
            rest = rest.get(run..).unwrap_or_default();
            at = at.saturating_add(u64::try_from(run).unwrap_or_default());
            let Some((byte, after)) = rest.split_first() else { return Step::Live };
            match self.step(shape, *byte, at) {
                Step::Live => rest = after,
                ended => return ended,
            }
            at = at.saturating_add(1);
        }
    }

    /// Takes the bytes that only make a run longer, of which nothing more has to be known; says how many.
    fn ahead(&mut self, shape: &Shape, bytes: &[u8]) -> usize {
        let Some(run) = shape.runs.get(usize::from(self.run)) else { return 0 };
        let room = match (self.certain, self.is_last(shape)) {
            (true, _) => bytes.len(),
            (false, true) => return 0,
            (false, false) => usize::from(run.max.saturating_sub(self.count)),
        };
        let count = bytes.iter().take(room).take_while(|byte| run.set.has(**byte)).count();
        self.count = self.count.saturating_add(u16::try_from(count).unwrap_or(u16::MAX));
        count
    }

    /// Takes the byte at `at`.
    fn step(&mut self, shape: &Shape, byte: u8, at: u64) -> Step {
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
                let code = self.kinds & 4 != 0 && self.kinds & 3 != 0;
                let sample = self.sample.get(..usize::from(self.count)).unwrap_or(&self.sample);
                (code || matches!(shape.proof, Proof::Random(_))) && entropy(sample) >= least
            }
        }
    }
}
