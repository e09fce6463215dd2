//! What is measured of masking: texts, and the work that is done on them. As WebAssembly it is called by `bench-wasm`.

#[cfg(target_family = "wasm")]
mod exports;
pub mod samples;

use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use samples::{Random, document, events, prose};
use scopewarden_core::redact::{Detectors, Kind, Masker, PERSONAL, Pattern, Rules, secrets};
use serde_json::Value;

/// Bytes of each text.
pub const BYTES: usize = 1 << 20;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// JSON is masked by all detectors.
    JsonMasked,
    /// JSON is read into `serde_json`'s values, and written.
    JsonSerde,
    /// Server-sent events are masked by all detectors.
    SseMasked,
    /// Server-sent events are split at blank lines; the data of each is read and written by `serde_json`.
    SseSerde,
    /// English is masked by all detectors.
    ProseMasked,
    /// English is masked by all detectors and five patterns of a user's own.
    ProseOwn,
    /// English is copied.
    ProseCopied,
    /// The literals of all detectors are looked for in English by the `aho-corasick` crate.
    ProseAho,
}

/// All of it, in the order of its numbers.
pub const ALL: [Work; 8] = [
    Work::JsonMasked,
    Work::JsonSerde,
    Work::SseMasked,
    Work::SseSerde,
    Work::ProseMasked,
    Work::ProseOwn,
    Work::ProseCopied,
    Work::ProseAho,
];

/// The texts, and what is done with them.
#[derive(Debug)]
pub struct Bench {
    rules: Arc<Rules>,
    own: Arc<Rules>,
    json: String,
    sse: String,
    events: Vec<String>,
    prose: String,
    literals: Option<AhoCorasick>,
    stream: Masker,
    out: Vec<u8>,
}

impl Default for Bench {
    fn default() -> Self {
        let known = secrets();
        let names = known.iter().map(|known| known.name).chain(PERSONAL);
        let rules = Arc::new(Rules::new(Detectors::new(names.clone(), Vec::new())));
        let own = OWN.iter().filter_map(|own| Some(((*own).to_owned(), Pattern::new(own).ok()?)));
        let own: Vec<_> = own.collect();
        assert_eq!(own.len(), OWN.len(), "each is a pattern");
        let literals =
            known.iter().flat_map(|known| &known.shapes).flat_map(|shape| &shape.literals);
        let literals = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(literals).ok();
        let mut random = Random::new(1);
        let events = events(&mut random, BYTES);
        Self {
            json: document(&mut random, BYTES),
            sse: events.concat(),
            prose: prose(&mut random, BYTES),
            stream: Masker::new(Arc::clone(&rules), Kind::of(EVENTS)),
            out: Vec::with_capacity(BYTES.saturating_mul(2)),
            rules,
            own: Arc::new(Rules::new(Detectors::new(names, own))),
            events,
            literals,
        }
    }
}

/// Patterns as people write them: for employees, invoices, projects, hosts and accounts.
const OWN: [&str; 5] = [
    "EMP-[0-9]{6}",
    r"\bINV[0-9]{4}/[0-9]{5}\b",
    "(?i)project (falcon|osprey|kestrel)",
    r"\b[a-z]{2,12}[0-9]{1,3}\.corp\.example\b",
    r"\bacct_[A-Za-z0-9]{16,24}\b",
];

const EVENTS: &[u8] = b"text/event-stream";

impl Bench {
    /// The text that some work is done on.
    pub fn text(&self, work: Work) -> &str {
        match work {
            Work::JsonMasked | Work::JsonSerde => &self.json,
            Work::SseMasked | Work::SseSerde => &self.sse,
            Work::ProseMasked | Work::ProseOwn | Work::ProseCopied | Work::ProseAho => &self.prose,
        }
    }

    /// Does it with the first `length` bytes of the text, in pieces of `piece` bytes; gives the bytes that come out, which depend on nothing else.
    pub fn work(&mut self, work: Work, piece: usize, length: usize) -> usize {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let text = self.text(work).as_bytes();
        let text = text.get(..length.min(text.len())).unwrap_or_default();
        let pieces = || text.chunks(piece.max(1));
        match work {
            Work::JsonMasked => mask(&self.rules, b"application/json", pieces(), &mut out),
            Work::SseMasked => mask(&self.rules, EVENTS, pieces(), &mut out),
            Work::ProseMasked => mask(&self.rules, b"text/plain", pieces(), &mut out),
            Work::ProseOwn => mask(&self.own, b"text/plain", pieces(), &mut out),
            Work::JsonSerde => serde(text, &mut out),
            Work::SseSerde => {
                for event in self.events.iter().map(String::as_bytes) {
                    let (name, data) = event.split_at_checked(6).unwrap_or_default();
                    out.extend_from_slice(name);
                    serde(data, &mut out);
                    out.extend_from_slice(b"\n\n");
                }
            }
            Work::ProseCopied => pieces().for_each(|piece| out.extend_from_slice(black_box(piece))),
            Work::ProseAho => {
                let found =
                    self.literals.iter().map(|literals| literals.find_iter(text).count()).sum();
                out.resize(found, 0);
            }
        }
        let length = out.len();
        self.out = black_box(out);
        length
    }

    /// Masks the next event of a stream that goes on for ever.
    pub fn event(&mut self, nth: usize) -> usize {
        self.out.clear();
        let nth = nth.checked_rem(self.events.len()).unwrap_or_default();
        let event = self.events.get(nth).map(String::as_bytes).unwrap_or_default();
        let went = self.stream.feed(event, &mut self.out).is_ok();
        if went { self.out.len() } else { 0 }
    }
}

fn mask<'t>(
    rules: &Arc<Rules>,
    content_type: &[u8],
    pieces: impl Iterator<Item = &'t [u8]>,
    out: &mut Vec<u8>,
) {
    let mut masker = Masker::new(Arc::clone(rules), Kind::of(content_type));
    let mut went = Ok(());
    for piece in pieces {
        went = went.and(masker.feed(piece, out));
    }
    if went.and(masker.finish(out)).is_err() {
        out.clear();
    }
}

fn serde(text: &[u8], out: &mut Vec<u8>) {
    if let Ok(value) = serde_json::from_slice::<Value>(text)
        && serde_json::to_writer(&mut *out, black_box(&value)).is_err()
    {
        out.clear();
    }
}
