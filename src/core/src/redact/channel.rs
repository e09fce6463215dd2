//! One text on its way out: what is settled goes on, masked where it has to be; the rest is held.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::action::Action;
use super::rules::Rules;
use super::scanner::{Part, Scanner};

/// What was masked: how often by each detector and as each field, and whether something has to follow from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: Vec<u32>,
    fields: Vec<u32>,
    blocked: Option<u16>,
    dropped: bool,
    dropper: Option<u16>,
}

impl Tally {
    /// A detector has masked one more text.
    fn count(&mut self, detector: u16) {
        add(&mut self.counts, detector);
    }

    /// The field that a path leads to was left out once more.
    pub fn count_field(&mut self, path: u16) {
        add(&mut self.fields, path);
    }

    /// Each detector that has masked something, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> {
        counted(&self.counts)
    }

    /// Everything that was masked, and how often: detectors by name, fields as `field:` and the path in the policy.
    pub fn named(&self, rules: &Rules) -> impl Iterator<Item = (String, u32)> {
        let detectors = counted(&self.counts)
            .map(|(detector, count)| (rules.detectors.name_of(detector).to_owned(), count));
        let fields = counted(&self.fields)
            .map(|(path, count)| (format!("field:{}", rules.fields.text_of(path)), count));
        detectors.chain(fields)
    }

    /// The response has to end because of this detector. The first one stays.
    pub fn block(&mut self, detector: u16) {
        self.blocked.get_or_insert(detector);
    }

    /// What contains this has to be left out because of this detector.
    pub const fn drop(&mut self, detector: u16) {
        self.dropped = true;
        self.dropper = Some(detector);
    }

    /// Which detector has said so last.
    pub const fn dropper(&self) -> Option<u16> {
        self.dropper
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

fn add(counts: &mut Vec<u32>, nth: u16) {
    let at = usize::from(nth);
    if counts.len() <= at {
        counts.resize(at.saturating_add(1), 0);
    }
    if let Some(count) = counts.get_mut(at) {
        *count = count.saturating_add(1);
    }
}

fn counted(counts: &[u32]) -> impl Iterator<Item = (u16, u32)> {
    (0..).zip(counts.iter().copied()).filter(|(_, count)| *count > 0)
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
    /// What is being masked, as long as more may belong to it.
    masked: Option<Box<Masked>>,
}

/// A spelling of several bytes for others.
#[derive(Clone, Copy, Debug)]
struct Escape {
    at: u64,
    raw: u32,
    text: [u8; 4],
    length: u8,
}

/// A text that is being masked.
#[derive(Clone, Debug)]
struct Masked {
    /// The detector that says how.
    detector: u16,
    /// What stands for it has gone out: nothing can change it any more.
    written: bool,
    /// Its last bytes, when some may be shown.
    tail: Vec<u8>,
    hash: Option<Hmac<Sha256>>,
}

impl Channel {
    /// A text begins that is the value of a member called like a secret.
    pub fn begin_member(&mut self, rules: &Rules) {
        self.scanner.begin_member(rules);
    }

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
        let mut at = self.scanner.taken();
        let mut spelled = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        for part in text.chunks(4) {
            let mut escape = Escape { at, raw: spelled, text: [0; 4], length: 0 };
            for (place, byte) in escape.text.iter_mut().zip(part) {
                *place = *byte;
                escape.length = escape.length.saturating_add(1);
            }
            self.escapes.push(escape);
            at = at.saturating_add(u64::from(escape.length));
            spelled = 0;
        }
        self.raw.extend_from_slice(raw);
        self.scanner.feed(rules, text, &mut self.parts);
        self.release(rules, tally, out);
    }

    /// The text has ended: everything goes, and another may begin.
    pub fn finish(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        self.scanner.finish(rules, &mut self.parts);
        self.release(rules, tally, out);
        self.close(rules, tally, out);
        self.scanner = Scanner::default();
        self.from = 0;
        self.raw.clear();
        self.escapes.clear();
    }

    /// How many bytes are held; what will stand for them counts as one.
    pub fn held(&self) -> usize {
        let masked = self.masked.as_ref().is_some_and(|masked| !masked.written);
        self.raw.len().saturating_add(usize::from(masked))
    }

    fn release(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        let mut gone = 0;
        let mut passed = 0;
        let mut parts = std::mem::take(&mut self.parts);
        for part in parts.drain(..) {
            match part.masked {
                Some(detector) if part.continues => self.widen(rules, detector),
                Some(detector) => {
                    self.close(rules, tally, out);
                    self.masked = Some(Box::new(Masked::new(rules, detector)));
                }
                None => self.close(rules, tally, out),
            }
            // Each spelling counts as what it is made of, and belongs to where it starts.
            let start = gone;
            let mut at = self.from;
            for escape in self.escapes.iter().skip(passed).take_while(|e| e.at < part.end) {
                let run = to(gone, escape.at.saturating_sub(at));
                if let Some(masked) = &mut self.masked {
                    masked.take(rules, self.raw.get(gone..run).unwrap_or_default());
                    let text = escape.text.get(..usize::from(escape.length));
                    masked.take(rules, text.unwrap_or_default());
                }
                gone = to(run, u64::from(escape.raw));
                at = escape.at.saturating_add(u64::from(escape.length));
                passed = passed.saturating_add(1);
            }
            let end = to(gone, part.end.saturating_sub(at));
            if let Some(masked) = &mut self.masked {
                masked.take(rules, self.raw.get(gone..end).unwrap_or_default());
                if !masked.written && rules.detectors.actions.is_strictest(masked.detector) {
                    // Nothing that follows can change it.
                    masked.write(rules, tally, out);
                }
            } else if tally.blocked().is_none() {
                out.extend_from_slice(self.raw.get(start..end).unwrap_or_default());
            }
            gone = end;
            self.from = at.max(part.end);
        }
        self.parts = parts;
        self.raw.drain(..gone.min(self.raw.len()));
        self.escapes.drain(..passed);
    }

    /// What is being masked goes on, and `detector` says so, too.
    fn widen(&mut self, rules: &Rules, detector: u16) {
        let masked = self.masked.get_or_insert_with(|| Box::new(Masked::new(rules, detector)));
        masked.detector = rules.detectors.actions.stricter(masked.detector, detector);
    }

    /// What was being masked has ended.
    fn close(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        if let Some(mut masked) = self.masked.take().filter(|masked| !masked.written) {
            masked.write(rules, tally, out);
        }
    }
}

impl Masked {
    fn new(rules: &Rules, detector: u16) -> Self {
        let hash = rules.detectors.actions.hash();
        Self { detector, written: false, tail: Vec::new(), hash }
    }

    /// Takes more of the text.
    fn take(&mut self, rules: &Rules, text: &[u8]) {
        match rules.detectors.action_of(self.detector) {
            // It may yet become a hash.
            Action::Partial(shown) => {
                let shown = usize::from(shown);
                let last = text.get(text.len().saturating_sub(shown)..).unwrap_or_default();
                self.tail.extend_from_slice(last);
                self.tail.drain(..self.tail.len().saturating_sub(shown));
            }
            Action::Hash => {}
            Action::Mask | Action::Drop | Action::Block => return,
        }
        if let Some(hash) = &mut self.hash {
            hash.update(text);
        }
    }

    /// Writes what stands for it.
    fn write(&mut self, rules: &Rules, tally: &mut Tally, out: &mut Vec<u8>) {
        self.written = true;
        if tally.blocked().is_some() {
            return;
        }
        tally.count(self.detector);
        let name = rules.detectors.name_of(self.detector).as_bytes();
        match rules.detectors.action_of(self.detector) {
            Action::Mask => out.extend([b"[masked:", name, b"]"].concat()),
            Action::Partial(_) => {
                out.extend([b"[masked:", name, b":"].concat());
                show(&self.tail, out);
                out.push(b']');
            }
            Action::Hash => {
                out.extend([b"[", name, b":"].concat());
                let digest = self.hash.take().map(|hash| hash.finalize().into_bytes());
                for byte in digest.iter().flatten().take(8) {
                    out.extend([byte >> 4, byte & 15].map(|digit| {
                        b"0123456789abcdef".get(usize::from(digit)).copied().unwrap_or_default()
                    }));
                }
                out.push(b']');
            }
            Action::Drop => tally.drop(self.detector),
            Action::Block => tally.block(self.detector),
        }
    }
}

/// Writes the end of a text, in characters that stand for themselves wherever it is: in a string of JSON, in one within it, in a line.
fn show(tail: &[u8], out: &mut Vec<u8>) {
    // The first character may have been cut.
    let cut = tail.iter().take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    for chunk in tail.get(cut..).unwrap_or_default().utf8_chunks() {
        for c in chunk.valid().chars() {
            let c = if c.is_control() || matches!(c, '"' | '\\' | '\u{2028}' | '\u{2029}') {
                '*'
            } else {
                c
            };
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend(chunk.invalid().iter().map(|_| b'*'));
    }
}

fn to(at: usize, length: u64) -> usize {
    at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
}
