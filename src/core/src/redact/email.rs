//! E-mail addresses: found by their `@`, by looking back for what is before it and on for what is behind.

use super::set::Set;
use super::view::place_in;

/// What a local part is made of, as far as people use it.
pub const LOCAL: Set = Set::of(b"A-Za-z0-9._%+'-");
const DOMAIN: Set = Set::of(b"A-Za-z0-9.-");
/// Longest local part (RFC 5321).
const MAX_LOCAL: usize = 64;
/// Longest label of a domain, and most of them (RFC 1035).
const MAX_LABEL: u32 = 63;
const MAX_LABELS: u32 = 127;

/// Where in an address the text is, between pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email {
    /// What stands behind an `@`, while it goes on.
    domain: Option<Domain>,
    /// From where the text may be a local part, up to the end of the last piece.
    local: Option<u64>,
    /// Before this, everything belongs to what was read as a domain.
    floor: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Domain {
    start: u64,
    label: u32,
    letters: bool,
    dots: u32,
    end: Option<u64>,
}

impl Domain {
    const fn new(start: u64) -> Self {
        Self { start, label: 0, letters: true, dots: 0, end: None }
    }

    /// Takes a byte; `false`: the domain ends before it.
    fn takes(&mut self, byte: u8, at: u64) -> bool {
        let long = self.label >= MAX_LABEL || self.dots >= MAX_LABELS;
        match byte {
            b'.' if self.label == 0 => return false,
            _ if long && byte != b'.' && self.end.is_none() => return false,
            b'.' => {
                self.dots = self.dots.saturating_add(1);
                (self.label, self.letters) = (0, true);
            }
            _ if DOMAIN.has(byte) => {
                self.label = self.label.saturating_add(1);
                self.letters &= byte.is_ascii_alphabetic();
                // A top-level domain has two letters at least; what follows it belongs to the address, too.
                let top = self.dots > 0 && self.label >= 2 && self.letters;
                if (top || self.end.is_some()) && byte != b'-' {
                    self.end = Some(at.saturating_add(1));
                }
            }
            _ => return false,
        }
        true
    }
}

impl Email {
    /// Whether a domain is being read.
    pub const fn is_open(&self) -> bool {
        self.domain.is_some()
    }

    /// There is an `@` at `at` of the piece, which is at `base` of the text, and no domain before it.
    pub fn begin(&mut self, piece: &[u8], at: usize, base: u64) {
        let start = self.local_before(piece.get(..at).unwrap_or_default(), base);
        if let Some(start) = start {
            self.domain = Some(Domain::new(start));
        }
    }

    /// Reads the domain on from `at` of the piece. Addresses that have ended go to `found`; gives the place behind what it has read.
    pub fn read(
        &mut self,
        piece: &[u8],
        at: usize,
        base: u64,
        found: &mut Vec<(u64, u64)>,
    ) -> usize {
        let Some(mut domain) = self.domain.take() else { return at };
        for (place, byte) in piece.iter().enumerate().skip(at) {
            let now = place_in(base, place);
            if domain.takes(*byte, now) {
                continue;
            }
            found.extend(domain.end.map(|end| (domain.start, end)));
            if *byte == b'@' {
                // `a@b@c.org`: what was a domain can be a local part.
                domain = Domain::new(domain.end.unwrap_or(now));
            } else {
                self.floor = now;
                return place.saturating_add(1);
            }
        }
        self.domain = Some(domain);
        piece.len()
    }

    /// The piece has ended.
    pub fn rest(&mut self, piece: &[u8], base: u64) {
        self.local = if self.domain.is_some() { None } else { self.local_before(piece, base) };
    }

    /// The text ends.
    pub fn finish(&mut self) -> Option<(u64, u64)> {
        let domain = std::mem::take(self).domain?;
        domain.end.map(|end| (domain.start, end))
    }

    /// From where the text, of which a piece has ended, may still be an address, or is one that has not ended; and up to where it
    /// surely is one.
    pub fn live(&self) -> Option<(u64, Option<u64>)> {
        match self.domain {
            Some(domain) => Some((domain.start, domain.end)),
            None => self.local.map(|start| (start, None)),
        }
    }

    /// Where what can be a local part begins, when `before` ends with it.
    fn local_before(&self, before: &[u8], base: u64) -> Option<u64> {
        let last = before.iter().rev().take(MAX_LOCAL);
        let count = last.take_while(|byte| LOCAL.has(**byte)).count();
        let end = place_in(base, before.len());
        let mut start = place_in(base, before.len().saturating_sub(count));
        if count == before.len() {
            start = self.local.unwrap_or(start);
        }
        let least = end.saturating_sub(u64::try_from(MAX_LOCAL).unwrap_or_default());
        let start = start.max(least).max(self.floor);
        (start < end).then_some(start)
    }
}
