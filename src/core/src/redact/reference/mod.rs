//! What the scanner finds, written down plainly: every detector takes every byte. The scanner has to settle the same parts of a text at
//! the same places.

mod candidate;
mod email;
mod iban;
mod ipv6;
mod literal;
mod number;

use super::detectors::{Detectors, Looks};
use super::rules::Rules;
use super::scanner::{Part, Span};
use candidate::{Candidate, Step};
use email::Email;
use iban::Iban;
use ipv6::Ipv6;
use literal::Automaton;
use number::{Number, Numbers};

/// Most candidates of shapes that are followed at a time. More are masked as if they were secrets.
const MAX_CANDIDATES: usize = 32;

/// One text that comes in pieces.
#[derive(Clone, Debug)]
pub struct Reference {
    automaton: Automaton,
    /// For each literal, its shape.
    shape_of: Vec<u16>,
    at: u64,
    settled: u64,
    state: u16,
    before: Before,
    live: Vec<Candidate>,
    email: Email,
    iban: Iban,
    ipv6: Ipv6,
    numbers: Numbers,
    spans: Vec<Span>,
    /// Whether the last settled byte is masked, and by which detector.
    masked: Option<u16>,
}

/// The last bytes, to look at what stands before a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Before([u8; 64]);

impl Default for Before {
    fn default() -> Self {
        Self([b' '; 64])
    }
}

impl Before {
    fn push(&mut self, byte: u8, at: u64) {
        if let Some(slot) = self.0.get_mut(Self::slot(at)) {
            *slot = byte;
        }
    }

    /// The byte at `at`, one of the last 64; a space before the text begins.
    fn get(&self, at: Option<u64>) -> u8 {
        at.and_then(|at| self.0.get(Self::slot(at))).copied().unwrap_or(b' ')
    }

    fn slot(at: u64) -> usize {
        usize::try_from(at % 64).unwrap_or_default()
    }
}

impl Reference {
    /// Nothing is read yet.
    pub fn new(detectors: &Detectors) -> Self {
        let shapes = (0..).zip(&detectors.shapes);
        let literals =
            shapes.flat_map(|(n, (shape, _))| shape.literals.iter().map(move |l| (l, n)));
        let (literals, shape_of): (Vec<_>, Vec<_>) = literals.unzip();
        Self {
            automaton: Automaton::new(&literals),
            shape_of,
            at: 0,
            settled: 0,
            state: 0,
            before: Before::default(),
            live: Vec::new(),
            email: Email::default(),
            iban: Iban::default(),
            ipv6: Ipv6::default(),
            numbers: Numbers::default(),
            spans: Vec::new(),
            masked: None,
        }
    }

    /// Takes the next piece. Says what of the text is settled now, part by part.
    pub fn feed(&mut self, rules: &Rules, piece: &[u8], parts: &mut Vec<Part>) {
        let looks = Looks::new(rules);
        let mut numbers = Vec::new();
        for byte in piece {
            self.byte(&looks, *byte, &mut numbers);
        }
        self.settle(&looks, false, parts);
    }

    /// The text has ended: all of it is settled.
    pub fn finish(&mut self, rules: &Rules, parts: &mut Vec<Part>) {
        let looks = Looks::new(rules);
        for mut candidate in std::mem::take(&mut self.live) {
            let Some((shape, detector)) = looks.detectors.shapes.get(usize::from(candidate.shape))
            else {
                continue;
            };
            if candidate.finish(shape, self.at) {
                self.keep(&candidate, *detector);
            }
        }
        let mut numbers = Vec::new();
        self.numbers.finish(looks.numbers, &mut numbers);
        self.number_spans(&looks, &numbers);
        if let (Some(detector), Some((start, end))) = (looks.email, self.email.finish()) {
            self.spans.push(Span { start, detector, end });
        }
        if let (Some(detector), Some((start, end))) = (looks.iban, self.iban.finish(self.at)) {
            self.spans.push(Span { start, detector, end });
        }
        if let (Some(detector), Some((start, end))) = (looks.ip, self.ipv6.finish()) {
            self.spans.push(Span { start, detector, end });
        }
        self.settle(&looks, true, parts);
    }

    fn byte(&mut self, looks: &Looks<'_>, byte: u8, numbers: &mut Vec<Number>) {
        let at = self.at;
        if !self.live.is_empty() {
            self.step_live(looks, byte, at);
        }
        self.before.push(byte, at);
        self.at = at.saturating_add(1);
        self.state = self.automaton.step(self.state, byte);
        for literal in self.automaton.ending(self.state).to_vec() {
            self.begin(looks, literal);
        }
        if let Some(detector) = looks.email
            && let Some((start, end)) = self.email.step(byte, at)
        {
            self.spans.push(Span { start, detector, end });
        }
        if let Some(detector) = looks.iban
            && let Some((start, end)) = self.iban.step(byte, at)
        {
            self.spans.push(Span { start, detector, end });
        }
        if let Some(detector) = looks.ip
            && let Some((start, end)) = self.ipv6.step(byte, at)
        {
            self.spans.push(Span { start, detector, end });
        }
        if looks.numbers.0 != 0 {
            self.numbers.step(looks.numbers, byte, at, numbers);
            if !numbers.is_empty() {
                self.number_spans(looks, numbers);
                numbers.clear();
            }
        }
    }

    fn step_live(&mut self, looks: &Looks<'_>, byte: u8, at: u64) {
        let mut live = std::mem::take(&mut self.live);
        live.retain_mut(|candidate| {
            let Some((shape, detector)) = looks.detectors.shapes.get(usize::from(candidate.shape))
            else {
                return false;
            };
            match candidate.step(shape, byte, at) {
                Step::Live => true,
                Step::Dead => false,
                Step::Over => {
                    self.keep(candidate, *detector);
                    false
                }
            }
        });
        self.live = live;
    }

    /// A literal has ended.
    fn begin(&mut self, looks: &Looks<'_>, literal: u16) {
        let Some(name) = self.shape_of.get(usize::from(literal)).copied() else {
            return;
        };
        let Some((shape, detector)) = looks.detectors.shapes.get(usize::from(name)) else { return };
        let first = self.shape_of.iter().position(|n| *n == name).unwrap_or_default();
        let spelling = usize::from(literal).saturating_sub(first);
        let length = shape.literals.get(spelling).map_or(0, Vec::len);
        let length = u64::try_from(length).unwrap_or_default();
        let before = self.at.checked_sub(length.saturating_add(1));
        if looks.off.has(*detector) || shape.not_after.has(self.before.get(before)) {
            return;
        }
        if shape.is_single() && self.live.iter().any(|c| c.shape == name) {
            return;
        }
        let candidate = Candidate::new(name, shape, self.at);
        if self.live.len() >= MAX_CANDIDATES {
            let oldest = self.live.remove(0);
            if let Some((_, detector)) = looks.detectors.shapes.get(usize::from(oldest.shape)) {
                let start = oldest.start.unwrap_or(self.at);
                self.spans.push(Span { start, detector: *detector, end: self.at });
            }
        }
        self.live.push(candidate);
    }

    fn keep(&mut self, candidate: &Candidate, detector: u16) {
        if let (Some(start), Some(end)) = (candidate.start, candidate.end)
            && start < end
        {
            self.spans.push(Span { start, detector, end });
        }
    }

    fn number_spans(&mut self, looks: &Looks<'_>, numbers: &[Number]) {
        for number in numbers {
            let name = looks.detectors.number_names.iter().find(|(kind, _)| *kind == number.kind);
            if let Some((_, detector)) = name {
                let Number { start, end, .. } = *number;
                self.spans.push(Span { start, detector: *detector, end });
            }
        }
    }

    /// Puts together what is known of the text up to where nothing can change any more.
    fn settle(&mut self, looks: &Looks<'_>, all: bool, parts: &mut Vec<Part>) {
        let mut until = self.at;
        let mut open = Vec::new();
        for candidate in &self.live {
            let detector =
                looks.detectors.shapes.get(usize::from(candidate.shape)).map_or(0, |(_, d)| *d);
            match (candidate.start, candidate.certain) {
                (Some(start), true) => {
                    let end = candidate.end.unwrap_or(self.at);
                    open.push(Span { start, detector, end });
                }
                (Some(start), false) => until = until.min(start),
                (None, _) => {}
            }
        }
        if !all {
            if let (Some(detector), Some((start, end))) = (looks.email, self.email.live(self.at)) {
                match end {
                    Some(end) => {
                        open.push(Span { start, detector, end });
                        until = until.min(end);
                    }
                    None => until = until.min(start),
                }
            }
            if looks.iban.is_some() {
                until = until.min(self.iban.live().unwrap_or(until));
            }
            if looks.ip.is_some() {
                until = until.min(self.ipv6.live(self.at).unwrap_or(until));
            }
            until = until.min(self.numbers.live().unwrap_or(until));
        }
        let until = until.max(self.settled);
        self.lay(open, until, parts);
    }

    /// Lays spans side by side from what was settled to `until`.
    fn lay(&mut self, mut open: Vec<Span>, until: u64, parts: &mut Vec<Part>) {
        open.extend(self.spans.iter().copied().filter(|s| s.start < until));
        open.sort_unstable();
        let mut at = self.settled;
        open.retain(|s| s.end > at);
        let mut rest = open.iter().peekable();
        while at < until {
            let Some(span) = rest.next() else {
                parts.push(Part { end: until, masked: None, continues: false });
                self.masked = None;
                break;
            };
            let from = span.start.max(at);
            if from >= until {
                parts.push(Part { end: until, masked: None, continues: false });
                self.masked = None;
                break;
            }
            if from > at {
                parts.push(Part { end: from, masked: None, continues: false });
                self.masked = None;
            }
            let mut end = span.end;
            while let Some(next) = rest.next_if(|next| next.start <= end) {
                end = end.max(next.end);
            }
            let end = end.min(until);
            let continues = from == at && self.masked.is_some();
            let detector = self.masked.filter(|_| continues).unwrap_or(span.detector);
            parts.push(Part { end, masked: Some(detector), continues });
            self.masked = Some(detector);
            at = end;
        }
        self.settled = until;
        self.spans.retain(|s| s.end > until || s.start >= until);
    }
}
