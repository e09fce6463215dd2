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

use super::action::Actions;
use super::detectors::{EMAIL, IBAN, IPV6, Looks, NUMBER, SHORT};
use super::email::Email;
use super::iban::Iban;
use super::ipv6::Ipv6;
use super::literal::Ended;
use super::number::{Number, Numbers};
use super::pattern::Patterns;
use super::rules::Rules;
use super::shape::{Candidate, Step};
use super::view::{Tail, View};

/// Most candidates of shapes that are followed at a time. More are masked as if they were secrets.
const MAX_CANDIDATES: usize = 32;

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
    /// Which detector masks it; `None` lets it pass. Of several that touch, the first of those with the strictest action; a part that
    /// continues another may know of a stricter one.
    pub masked: Option<u16>,
    /// Whether the part before it, in an earlier piece, belongs to the same masked text.
    pub continues: bool,
}

/// One text that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    at: u64,
    settled: u64,
    before: Tail,
    live: Vec<Candidate>,
    email: Email,
    iban: Iban,
    ipv6: Ipv6,
    numbers: Numbers,
    patterns: Patterns,
    spans: Vec<Span>,
    /// Whether the last settled byte is masked, and by which detector: the one with the strictest action so far.
    masked: Option<u16>,
}

impl Scanner {
    /// The text begins as the value of a member that is called like a secret.
    pub fn begin_member(&mut self, rules: &Rules) {
        let shape = rules.detectors.member;
        let named = shape.and_then(|n| Some((n, rules.detectors.shapes.get(usize::from(n))?)));
        if let Some((name, (shape, detector))) = named
            && !rules.off.has(*detector)
        {
            self.live.push(Candidate::new(name, shape, self.at));
        }
    }

    /// Takes the next piece. Says what of the text is settled now, part by part.
    pub fn feed(&mut self, rules: &Rules, piece: &[u8], parts: &mut Vec<Part>) {
        let looks = Looks::new(rules);
        let before = self.before.clone();
        self.read(&looks, &before.then(piece), before.three());
        self.before.push(piece);
        let patterns = &looks.detectors.patterns;
        if !patterns.is_empty() {
            self.patterns.read(patterns, looks.off, piece, self.at, &mut self.spans);
        }
        self.at = self.at.saturating_add(length(piece.len()));
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
        self.patterns.finish(&looks.detectors.patterns, self.at, &mut self.spans);
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

    /// Reads a piece: what was open goes on, then everything that the sieve finds is looked at.
    fn read(&mut self, looks: &Looks<'_>, view: &View<'_>, last: [u8; 3]) {
        // Up to where each has read.
        let mut numbers = if self.numbers.is_open() { self.number(looks, view, 0) } else { 0 };
        let mut iban = if self.iban.is_open() { self.iban(looks, view, 0) } else { 0 };
        let mut ipv6 = if self.ipv6.is_open() { self.ipv6(looks, view, 0) } else { 0 };
        let mut email = if self.email.is_open() { self.email(looks, view, 0) } else { 0 };
        let mut advanced = 0;
        for (at, kinds) in looks.detectors.sieve.hits(last, view.piece) {
            let is = |kind: u32| kinds.wrapping_shr(kind) & 1 == 1;
            if is(NUMBER) && at >= numbers && looks.numbers.0 != 0 {
                numbers = self.number(looks, view, at);
            }
            if is(IBAN) && at >= iban && looks.iban.is_some() {
                self.iban.begin(view, at, self.at);
                iban = self.iban(looks, view, at);
            }
            if is(IPV6) && at >= ipv6 && looks.ip.is_some() {
                self.ipv6.begin(view, at, self.at);
                ipv6 = self.ipv6(looks, view, at);
            }
            if is(EMAIL) && at >= email && looks.email.is_some() {
                self.email.begin(view.piece, at, self.at);
                email = self.email(looks, view, at.saturating_add(1));
            }
            if kinds.wrapping_shr(SHORT) != 0 {
                looks.detectors.literals.ending(view, at, is(SHORT), |ended| {
                    let end = at.saturating_add(1);
                    if !self.live.is_empty() {
                        self.advance(looks, view, advanced, end);
                    }
                    advanced = end;
                    self.begin(looks, view, at, ended);
                });
            }
        }
        if !self.live.is_empty() {
            self.advance(looks, view, advanced, view.piece.len());
        }
        if looks.email.is_some() {
            self.email.rest(view.piece, self.at);
        }
    }

    fn number(&mut self, looks: &Looks<'_>, view: &View<'_>, at: usize) -> usize {
        let mut found = Vec::new();
        let read = self.numbers.read(looks.numbers, view.piece, at, self.at, &mut found);
        self.number_spans(looks, &found);
        read
    }

    fn iban(&mut self, looks: &Looks<'_>, view: &View<'_>, at: usize) -> usize {
        let mut found = None;
        let read = self.iban.read(view.piece, at, self.at, &mut found);
        let detector = looks.iban.unwrap_or_default();
        self.spans.extend(found.map(|(start, end)| Span { start, detector, end }));
        read
    }

    fn ipv6(&mut self, looks: &Looks<'_>, view: &View<'_>, at: usize) -> usize {
        let mut found = None;
        let read = self.ipv6.read(view.piece, at, &mut found);
        let detector = looks.ip.unwrap_or_default();
        self.spans.extend(found.map(|(start, end)| Span { start, detector, end }));
        read
    }

    fn email(&mut self, looks: &Looks<'_>, view: &View<'_>, at: usize) -> usize {
        let mut found = Vec::new();
        let read = self.email.read(view.piece, at, self.at, &mut found);
        let detector = looks.email.unwrap_or_default();
        self.spans.extend(found.into_iter().map(|(start, end)| Span { start, detector, end }));
        read
    }

    /// Takes candidates on from one place of the piece to another.
    fn advance(&mut self, looks: &Looks<'_>, view: &View<'_>, from: usize, to: usize) {
        let bytes = view.piece.get(from..to).unwrap_or_default();
        let at = self.at.saturating_add(length(from));
        let mut live = std::mem::take(&mut self.live);
        live.retain_mut(|candidate| {
            let shape = looks.detectors.shapes.get(usize::from(candidate.shape));
            let Some((shape, detector)) = shape else { return false };
            match candidate.advance(shape, bytes, at) {
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

    /// A literal has ended with the byte at `at`.
    fn begin(&mut self, looks: &Looks<'_>, view: &View<'_>, at: usize, ended: Ended) {
        let Some((shape, detector)) = looks.detectors.shapes.get(usize::from(ended.shape)) else {
            return;
        };
        if looks.off.has(*detector) || shape.not_after.has(view.byte(at, ended.length)) {
            return;
        }
        if shape.is_single() && self.live.iter().any(|c| c.shape == ended.shape) {
            return;
        }
        let now = self.at.saturating_add(length(at)).saturating_add(1);
        if self.live.len() >= MAX_CANDIDATES {
            let oldest = self.live.remove(0);
            if let Some((_, detector)) = looks.detectors.shapes.get(usize::from(oldest.shape)) {
                let start = oldest.start.unwrap_or(now);
                self.spans.push(Span { start, detector: *detector, end: now });
            }
        }
        self.live.push(Candidate::new(ended.shape, shape, now));
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
            if let (Some(detector), Some((start, end))) = (looks.email, self.email.live()) {
                match end {
                    Some(end) => {
                        open.push(Span { start, detector, end });
                        until = until.min(end);
                    }
                    None => until = until.min(start),
                }
            }
            if looks.iban.is_some() {
                until = until.min(self.iban.live(self.before.three(), self.at).unwrap_or(until));
            }
            if looks.ip.is_some() {
                until = until.min(self.ipv6.live(&self.before.then(&[]), self.at).unwrap_or(until));
            }
            until = until.min(self.numbers.live().unwrap_or(until));
            let patterns = self.patterns.live(&looks.detectors.patterns, self.at, &mut open);
            until = until.min(patterns.unwrap_or(until));
        }
        let until = until.max(self.settled);
        self.lay(&looks.detectors.actions, open, until, parts);
    }

    /// Lays spans side by side from what was settled to `until`.
    fn lay(&mut self, actions: &Actions, mut open: Vec<Span>, until: u64, parts: &mut Vec<Part>) {
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
            let continues = from == at && self.masked.is_some();
            let before = self.masked.filter(|_| continues).unwrap_or(span.detector);
            let mut detector = actions.stricter(before, span.detector);
            let mut end = span.end;
            while let Some(next) = rest.next_if(|next| next.start <= end) {
                end = end.max(next.end);
                detector = actions.stricter(detector, next.detector);
            }
            let end = end.min(until);
            parts.push(Part { end, masked: Some(detector), continues });
            self.masked = Some(detector);
            at = end;
        }
        self.settled = until;
        self.spans.retain(|s| s.end > until || s.start >= until);
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or_default()
}
