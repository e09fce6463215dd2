//! Looks for patterns in a text that comes byte by byte.

use super::super::rules::DetectorSet;
use super::super::scanner::Span;
use super::super::set::Set;
use super::Pattern;
use super::compile::{Program, is_boundary};

/// One text, for several patterns.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    each: Vec<Matcher>,
    /// The character before the one that is read.
    before: Option<char>,
    /// The bytes of a character that has not ended.
    open: Vec<u8>,
}

/// One text, for one pattern.
#[derive(Clone, Debug, Default)]
struct Matcher {
    /// The caller sees through it.
    off: bool,
    /// The positions that a match may have come to, each with the earliest start that leads there; earliest first.
    live: Vec<(u64, u8)>,
    /// Room for the next ones.
    spare: Vec<(u64, u8)>,
    /// Where the last match started, and where it ended; touching ones are one.
    found: Option<(u64, u64)>,
}

impl Patterns {
    /// Takes a piece that starts at `at`; matches that no later one can touch go to `spans`. Patterns of detectors in `off` are left out.
    pub fn read(
        &mut self,
        patterns: &[(Pattern, u16)],
        off: &DetectorSet,
        piece: &[u8],
        at: u64,
        spans: &mut Vec<Span>,
    ) {
        if self.each.len() != patterns.len() {
            self.each.resize_with(patterns.len(), Matcher::default);
            for (one, (_, detector)) in self.each.iter_mut().zip(patterns) {
                one.off = off.has(*detector);
            }
        }
        let mut first = Set::EMPTY;
        for (one, (pattern, _)) in self.each.iter().zip(patterns) {
            first = if one.off { first } else { first.or(*pattern.first()) };
        }
        let (mut rest, mut at) = (piece, at);
        loop {
            if self.is_idle() {
                let skipped = rest.iter().position(|byte| first.has(*byte)).unwrap_or(rest.len());
                let (before, after) = rest.split_at_checked(skipped).unwrap_or((rest, &[]));
                self.pass(before);
                at = at.saturating_add(u64::try_from(skipped).unwrap_or_default());
                rest = after;
            }
            let Some((byte, after)) = rest.split_first() else { return };
            self.step(patterns, *byte, at, spans);
            at = at.saturating_add(1);
            rest = after;
        }
    }

    fn step(&mut self, patterns: &[(Pattern, u16)], byte: u8, at: u64, spans: &mut Vec<Span>) {
        let follows = (0x80..0xc0).contains(&byte);
        if !(follows || self.open.is_empty()) {
            self.close(patterns, at, spans);
        }
        let end = at.saturating_add(1);
        if byte < 0x80 {
            return self.character(patterns, char::from(byte), at, end, spans);
        }
        self.open.push(byte);
        let length = match self.open.first() {
            Some(0xc2..0xe0) => 2,
            Some(0xe0..0xf0) => 3,
            Some(0xf0..0xf5) => 4,
            _ => 1,
        };
        if self.open.len() >= length {
            self.close(patterns, end, spans);
        }
    }

    /// Whether nothing is held, so that bytes which no pattern begins with can be passed over.
    fn is_idle(&self) -> bool {
        self.open.is_empty() && self.each.iter().all(|one| one.live.is_empty())
    }

    /// Passes over bytes that no pattern begins with. Only what the last character was is of interest.
    fn pass(&mut self, skipped: &[u8]) {
        let Some(last) = skipped.last() else { return };
        if last.is_ascii() {
            self.before = Some(char::from(*last));
            return;
        }
        // Enough for a character that has not ended, and the one before it.
        let tail = skipped.len().saturating_sub(8);
        let tail = skipped.get(tail..).unwrap_or_default();
        for byte in tail {
            self.step(&[], *byte, 0, &mut Vec::new());
        }
    }

    /// The text has ended at `at`.
    pub fn finish(&mut self, patterns: &[(Pattern, u16)], at: u64, spans: &mut Vec<Span>) {
        if !self.open.is_empty() {
            self.close(patterns, at, spans);
        }
        let boundary = is_boundary(self.before, None);
        for (one, (pattern, detector)) in self.each.iter_mut().zip(patterns) {
            if boundary {
                one.ends_at_boundary(&pattern.0, *detector, at, spans);
            }
            one.live.clear();
            spans.extend(one.found.take().map(|(start, end)| Span {
                start,
                detector: *detector,
                end,
            }));
        }
    }

    /// From where the text, which has come to `at`, may still become a match or belong to one; what surely does goes to `spans`.
    pub fn live(&self, patterns: &[(Pattern, u16)], at: u64, spans: &mut Vec<Span>) -> Option<u64> {
        let opened = u64::try_from(self.open.len()).unwrap_or_default();
        let mut from = (opened > 0).then(|| at.saturating_sub(opened));
        for (one, (_, detector)) in self.each.iter().zip(patterns) {
            spans.extend(one.found.map(|(start, end)| Span { start, detector: *detector, end }));
            if let Some((first, _)) = one.live.first() {
                let held = match one.found {
                    // It can only become longer.
                    Some((start, end)) if start <= *first && *first < end => end,
                    _ => *first,
                };
                from = Some(from.map_or(held, |from| from.min(held)));
            }
        }
        from
    }

    /// The bytes that are open are a character, or stand for one as decoders have it.
    fn close(&mut self, patterns: &[(Pattern, u16)], end: u64, spans: &mut Vec<Span>) {
        let length = u64::try_from(self.open.len()).unwrap_or_default();
        let c = std::str::from_utf8(&self.open).ok().and_then(|text| text.chars().next());
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.open.clear();
        self.character(patterns, c, end.saturating_sub(length), end, spans);
    }

    fn character(
        &mut self,
        patterns: &[(Pattern, u16)],
        c: char,
        start: u64,
        end: u64,
        spans: &mut Vec<Span>,
    ) {
        let boundary = is_boundary(self.before, Some(c));
        let on = self.each.iter_mut().zip(patterns).filter(|(one, _)| !one.off);
        for (one, (pattern, detector)) in on {
            one.step(&pattern.0, *detector, c, (start, end), boundary, spans);
        }
        self.before = Some(c);
    }
}

impl Matcher {
    fn step(
        &mut self,
        program: &Program,
        detector: u16,
        c: char,
        (start, end): (u64, u64),
        boundary: bool,
        spans: &mut Vec<Span>,
    ) {
        if boundary {
            self.ends_at_boundary(program, detector, start, spans);
        }
        let begins = program.begins(c);
        if self.live.is_empty() && !begins {
            return;
        }
        let mut taking = program.taking(c);
        let mut next = std::mem::take(&mut self.spare);
        let mut before = std::mem::take(&mut self.live);
        // Earliest first: what comes to a position first stays there.
        let all = before.iter().map(|(from, at)| (*from, program.follow(*at)));
        for (from, follow) in all.chain([(start, program.first)]) {
            if taking.is_empty() {
                break;
            }
            let taken = follow.at(boundary).and(taking);
            taking = taking.without(taken);
            next.extend(taken.iter().map(|at| (from, at)));
        }
        if let Some((from, _)) = next.iter().find(|(_, at)| program.last.plain.has(*at)) {
            self.found(*from, end, detector, spans);
        }
        // What nothing can follow has ended.
        next.retain(|(_, at)| !program.is_end(*at));
        self.live = next;
        before.clear();
        self.spare = before;
    }

    /// A word begins or ends at `at`.
    fn ends_at_boundary(
        &mut self,
        program: &Program,
        detector: u16,
        at: u64,
        spans: &mut Vec<Span>,
    ) {
        let ended = self.live.iter().find(|(_, at)| program.last.boundary.has(*at));
        if let Some((from, _)) = ended.copied() {
            self.found(from, at, detector, spans);
        }
    }

    fn found(&mut self, start: u64, end: u64, detector: u16, spans: &mut Vec<Span>) {
        match &mut self.found {
            Some((first, last)) if start <= *last => {
                *first = start.min(*first);
                *last = end.max(*last);
            }
            found => {
                let before = found.replace((start, end));
                spans.extend(before.map(|(start, end)| Span { start, detector, end }));
            }
        }
    }
}
