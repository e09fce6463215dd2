//! What is measured of masking: texts, and the work that is done on them. As WebAssembly it is called by `bench-wasm`.

#[cfg(target_family = "wasm")]
mod exports;
pub mod samples;

use std::hint::black_box;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use samples::{Random, document, events, prose};
use scopewarden_core::redact::{Detectors, Kind, Masker, PERSONAL, Rules, secrets};
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
    /// English is copied.
    ProseCopied,
    /// The literals of all detectors are looked for in English by the `aho-corasick` crate.
    ProseAho,
}

/// All of it, in the order of its numbers.
pub const ALL: [Work; 7] = [
    Work::JsonMasked,
    Work::JsonSerde,
    Work::SseMasked,
    Work::SseSerde,
    Work::ProseMasked,
    Work::ProseCopied,
    Work::ProseAho,
];

/// The texts, and what is done with them.
#[derive(Debug)]
pub struct Bench {
    rules: Arc<Rules>,
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
        let rules = Arc::new(Rules::new(Detectors::new(names, Vec::new())));
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
            events,
            literals,
        }
    }
}

const EVENTS: &[u8] = b"text/event-stream";

impl Bench {
    /// The text that some work is done on.
    pub fn text(&self, work: Work) -> &str {
        match work {
            Work::JsonMasked | Work::JsonSerde => &self.json,
            Work::SseMasked | Work::SseSerde => &self.sse,
            Work::ProseMasked | Work::ProseCopied | Work::ProseAho => &self.prose,
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
            Work::JsonMasked => self.mask(b"application/json", pieces(), &mut out),
            Work::SseMasked => self.mask(EVENTS, pieces(), &mut out),
            Work::ProseMasked => self.mask(b"text/plain", pieces(), &mut out),
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

    fn mask<'t>(
        &self,
        content_type: &[u8],
        pieces: impl Iterator<Item = &'t [u8]>,
        out: &mut Vec<u8>,
    ) {
        let mut masker = Masker::new(Arc::clone(&self.rules), Kind::of(content_type));
        let mut went = Ok(());
        for piece in pieces {
            went = went.and(masker.feed(piece, out));
        }
        if went.and(masker.finish(out)).is_err() {
            out.clear();
        }
    }
}

fn serde(text: &[u8], out: &mut Vec<u8>) {
    if let Ok(value) = serde_json::from_slice::<Value>(text)
        && serde_json::to_writer(&mut *out, black_box(&value)).is_err()
    {
        out.clear();
    }
}
