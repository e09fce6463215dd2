//! One text on its way out: what is settled goes on, masked where it has to be; the rest is held.

use super::rules::Rules;
use super::scanner::{Part, Scanner};

/// What the detectors have found: how often each, and whether something has to follow from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<u32>,
    blocked: Option<u16>,
    dropped: bool,
}

impl Tally {
    /// One more.
    fn count(&mut self, detector: u16) {
        let at = usize::from(detector);
        if self.counts.len() <= at {
            self.counts.resize(at.saturating_add(1), 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.saturating_add(1);
        }
    }

    /// Each detector that has masked something, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> {
        (0..).zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// The response has to end because of this detector. The first one stays.
    pub fn block(&mut self, detector: u16) {
        self.blocked.get_or_insert(detector);
    }

    /// What contains this has to be left out.
    pub const fn drop(&mut self) {
        self.dropped = true;
    }

    /// Which detector ends the response.
    pub const fn blocked(&self) -> Option<u16> {
        self.blocked
    }

    /// Whether something was found since the last call because of which what contains it is left out.
    pub const fn take_drop(&mut self) -> bool {
        std::mem::replace(&mut self.dropped, false)
    }
}

/// A text in a spelling of its own, such as the inside of a JSON string.
#[derive(Clone, Debug, Default)]
pub struct Channel {
    scanner: Scanner,
    /// What is held, as it is spelled.
    raw: Vec<u8>,
    /// Where what is held starts in the text.
    from: u64,
    /// Where in it one spelling stands for other bytes, in order.
    escapes: Vec<Escape>,
    parts: Vec<Part>,
}

/// A spelling of several bytes for others.
#[derive(Clone, Copy, Debug)]
struct Escape {
    at: u64,
    raw: u8,
    text: u8,
}

impl Channel {
    /// Takes bytes that stand for themselves.
    pub fn plain(&mut self, rules: &Rules, bytes: &[u8], tally: &mut Tally, out: &mut Vec<u8>) {
        self.raw.extend_from_slice(bytes);
        self.scanner.feed(rules, bytes, &mut self.parts);
        self.release(rules, tally, out);
    }

    /// Takes a spelling (`\u0040`) and the bytes it stands for (`@`).
    pub fn escape(
        &mut self,
        rules: &Rules,
        raw: &[u8],
        text: &[u8],
        tally: &mut Tally,
        out: &mut Vec<u8>,
    ) {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.escapes.push(Escape {
            at: self.scanner.taken(),
            raw: length(raw),
            text: length(text),
        });
        self.raw.extend_from_slice(raw);
        self.scanner.feed(rules, text, &mut self.parts);
        self.release(rules, tally, out);
    }

    /// The text has ended: everything goes, and another may begin.
    pub fn finish(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        self.scanner.finish(rules, &mut self.parts);
        self.release(rules, tally, out);
        self.scanner = Scanner::default();
        self.from = 0;
        self.raw.clear();
        self.escapes.clear();
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.raw.len()
    }

    fn release(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        let mut gone = 0;
        let mut passed = 0;
        for part in self.parts.drain(..) {
            let mut length = part.end.saturating_sub(self.from);
            // Each spelling counts as what it is made of.
            for escape in self.escapes.iter().skip(passed).take_while(|e| e.at < part.end) {
                length = length
                    .saturating_add(u64::from(escape.raw))
                    .saturating_sub(u64::from(escape.text));
                passed = passed.saturating_add(1);
            }
            let end = gone_to(gone, length);
            match part.masked {
                None => out.extend_from_slice(self.raw.get(gone..end).unwrap_or_default()),
                Some(_) if part.continues => {}
                Some(detector) => {
                    tally.count(detector);
                    out.extend_from_slice(b"[masked:");
                    out.extend_from_slice(rules.detectors.name_of(detector).as_bytes());
                    out.push(b']');
                }
            }
            gone = end;
            self.from = part.end;
        }
        self.raw.drain(..gone.min(self.raw.len()));
        self.escapes.drain(..passed);
    }
}

fn gone_to(gone: usize, length: u64) -> usize {
    gone.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
}
