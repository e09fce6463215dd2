//! Finds secrets in a text that comes in pieces, and says how much of it may go on.
//!
//! ```text
//!        settled: plain or masked for good       held: may still become a match     not here yet
//!  ─────────────────────────────────────────┬────────────────────────────────────┬──────────────
//!                                        settled()                              end
//! ```
//!
//! Where a piece ends makes no difference: what is decided depends on the bytes alone. Each detector looks for itself, and a byte is masked
//! when any of them says so; one more detector never uncovers anything.

use super::catalogue::secrets;
use super::email::Email;
use super::iban::Iban;
use super::literal::Automaton;
use super::number::{Kinds, Number, Numbers};
use super::rules::{DetectorSet, Rules};
use super::shape::{Candidate, Shape, Step};

/// Most candidates of shapes that are followed at a time. More are masked as if they were secrets.
const MAX_CANDIDATES: usize = 32;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Detectors {
    automaton: Automaton,
    /// For each literal, its shape.
    shape_of: Vec<u16>,
    shapes: Vec<(Shape, u16)>,
    names: Vec<String>,
    email: Option<u16>,
    iban: Option<u16>,
    numbers: Kinds,
    number_names: [(Kinds, u16); 4],
}

/// Detectors of personal data.
pub const PERSONAL: [&str; 6] = ["email", "phone", "card", "iban", "ssn", "ip"];

impl Detectors {
    /// The detectors with these names, and the user's own shapes by name.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>, own: Vec<(String, Shape)>) -> Self {
        let wanted: Vec<&str> = names.into_iter().collect();
        let mut built = Self {
            automaton: Automaton::new::<&[u8]>(&[]),
            shape_of: Vec::new(),
            shapes: Vec::new(),
            names: Vec::new(),
            email: None,
            iban: None,
            numbers: Kinds(0),
            number_names: [(Kinds(0), 0); 4],
        };
        let known = secrets().into_iter().filter(|known| wanted.contains(&known.name));
        let known = known.map(|k| (k.name.to_owned(), k.shapes));
        for (name, shapes) in known.chain(own.into_iter().map(|(name, shape)| (name, vec![shape])))
        {
            let id = built.name(&name);
            built.shapes.extend(shapes.into_iter().map(|shape| (shape, id)));
        }
        let mut literals = Vec::new();
        for (shape, name) in (0..).zip(&built.shapes).map(|(n, (shape, _))| (shape, n)) {
            for literal in &shape.literals {
                literals.push(literal.clone());
                built.shape_of.push(name);
            }
        }
        built.automaton = Automaton::new(&literals);
        built.personal(&wanted);
        built
    }

    fn personal(&mut self, wanted: &[&str]) {
        let id = |built: &mut Self, name: &str| wanted.contains(&name).then(|| built.name(name));
        self.email = id(self, "email");
        self.iban = id(self, "iban");
        let numbers = [
            ("card", Kinds::CARD),
            ("ssn", Kinds::SSN),
            ("phone", Kinds::PHONE),
            ("ip", Kinds::IP),
        ];
        for (slot, (name, kind)) in (0..).zip(numbers) {
            if let Some(id) = id(self, name)
                && let Some(place) = self.number_names.get_mut::<usize>(slot)
            {
                self.numbers = Kinds(self.numbers.0 | kind.0);
                *place = (kind, id);
            }
        }
    }

    fn name(&mut self, name: &str) -> u16 {
        self.names.push(name.to_owned());
        u16::try_from(self.names.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// The name of a detector.
    pub fn name_of(&self, detector: u16) -> &str {
        self.names.get(usize::from(detector)).map_or("secret", String::as_str)
    }
}

/// A part of the text that is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Where it starts.
    pub start: u64,
    /// Which detector found it.
    pub detector: u16,
    /// Where it ends.
    pub end: u64,
}

/// Whether a part of the text goes on as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it ends; it starts where the one before ended.
    pub end: u64,
    /// Which detector masks it; `None` lets it pass.
    pub masked: Option<u16>,
    /// Whether the part before it, in an earlier piece, belongs to the same masked text.
    pub continues: bool,
}

/// What is looked for in the text of one caller.
struct Looks<'r> {
    detectors: &'r Detectors,
    off: &'r DetectorSet,
    email: Option<u16>,
    iban: Option<u16>,
    numbers: Kinds,
}

impl<'r> Looks<'r> {
    fn new(rules: &'r Rules) -> Self {
        let (detectors, off) = (&*rules.detectors, &rules.off);
        let on = |detector: &u16| !off.has(*detector);
        let mut numbers = detectors.numbers;
        if !off.is_empty() {
            let named = detectors.number_names.iter().filter(|(_, detector)| off.has(*detector));
            named.for_each(|(kind, _)| numbers = Kinds(numbers.0 & !kind.0));
        }
        let (email, iban) = (detectors.email.filter(on), detectors.iban.filter(on));
        Self { detectors, off, email, iban, numbers }
    }
}

/// One text that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    at: u64,
    settled: u64,
    state: u16,
    before: Before,
    live: Vec<Candidate>,
    email: Email,
    iban: Iban,
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

impl Scanner {
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
        self.settle(&looks, true, parts);
    }

    /// Up to where the text is settled.
    pub const fn settled(&self) -> u64 {
        self.settled
    }

    /// How many bytes were taken.
    pub const fn taken(&self) -> u64 {
        self.at
    }

    fn byte(&mut self, looks: &Looks<'_>, byte: u8, numbers: &mut Vec<Number>) {
        let at = self.at;
        if !self.live.is_empty() {
            self.step_live(looks, byte, at);
        }
        self.before.push(byte, at);
        self.at = at.saturating_add(1);
        self.state = looks.detectors.automaton.step(self.state, byte);
        for literal in looks.detectors.automaton.ending(self.state) {
            self.begin(looks, *literal);
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
        let Some(name) = looks.detectors.shape_of.get(usize::from(literal)).copied() else {
            return;
        };
        let Some((shape, detector)) = looks.detectors.shapes.get(usize::from(name)) else { return };
        let first = looks.detectors.shape_of.iter().position(|n| *n == name).unwrap_or_default();
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
