//! Writes logs as proxies and a collector do, from the contract alone.
#![expect(clippy::arithmetic_side_effects, reason = "sizes of small logs")]

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::source::{Segment, Source, Unreadable};
use crate::{Options, Report, VerifierKey, verify};

pub(super) const ORIGIN: &str = "test-audit";

/// Lines of several streams, in the order in which they were accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    pub(super) lines: Vec<Vec<u8>>,
    /// The stream of each line, and its number in it.
    pub(super) of: Vec<(u64, u64)>,
    heads: BTreeMap<u64, (u64, [u8; 32])>,
}

impl Writer {
    /// Appends a record to a stream; the first one is its `stream` record.
    pub(super) fn write(&mut self, stream: u64, rest: &Value) {
        let (seq, prev) = match self.heads.get(&stream) {
            Some((seq, hash)) => (seq + 1, *hash),
            None => (0, [0; 32]),
        };
        let rest = rest.to_string();
        let rest = rest.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
        let rest = rest.replace('\u{85}', "\\u0085");
        let line = format!(
            r#"{{"v":1,"stream":"{}","seq":{seq},"prev":"{}",{}"#,
            name(stream),
            hex(&prev),
            rest.trim_start_matches('{')
        );
        self.push(stream, seq, line.into_bytes());
    }

    fn push(&mut self, stream: u64, seq: u64, line: Vec<u8>) {
        self.heads.insert(stream, (seq, Sha256::digest(&line).into()));
        self.lines.push(line);
        self.of.push((stream, seq));
    }

    pub(super) fn begin(&mut self, stream: u64) {
        self.write(
            stream,
            &json!({"kind": "stream", "time": TIME, "instance": "edge-1", "policy": "acme"}),
        );
    }

    pub(super) fn decide(&mut self, stream: u64, record: u64) {
        let record = format!("r-{record}");
        self.write(
            stream,
            &json!({"kind": "decision", "time": TIME, "record": record, "decision": "allow", "path": "/v1/größe"}),
        );
    }

    pub(super) fn end(&mut self, stream: u64) {
        self.write(stream, &json!({"kind": "end", "time": TIME}));
    }

    /// What a `head` record says of a stream now.
    pub(super) fn head_of(&self, stream: u64) -> Value {
        let (seq, hash) = self.heads[&stream];
        json!({"stream": name(stream), "seq": seq, "hash": hex(&hash)})
    }
}

pub(super) const TIME: &str = "2026-11-24T10:00:00.000Z";

pub(super) fn name(stream: u64) -> String {
    format!("{stream:032x}")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `count` records of `streams` streams, interleaved without a pattern, each begun and ended.
pub(super) fn several(count: usize, streams: u64) -> Writer {
    let mut writer = Writer::default();
    (0..streams).for_each(|stream| writer.begin(stream));
    let mut random: u64 = 88_172_645_463_325_252;
    while writer.lines.len() + streams as usize != count {
        // Xorshift, for an order that is no order and always the same.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (stream, record) = (random % streams, writer.lines.len() as u64);
        writer.decide(stream, record);
    }
    (0..streams).for_each(|stream| writer.end(stream));
    writer
}

/// RFC 6962, section 2.1, as it is written.
pub(super) fn root(lines: &[Vec<u8>]) -> [u8; 32] {
    match lines {
        [] => Sha256::digest([]).into(),
        [line] => Sha256::new_with_prefix([0]).chain_update(line).finalize().into(),
        _ => {
            let (left, right) = lines.split_at(1 << (lines.len() - 1).ilog2());
            Sha256::new_with_prefix([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .into()
        }
    }
}

/// The roots of the maximal complete subtrees, the largest first.
fn frontier(lines: &[Vec<u8>]) -> Vec<[u8; 32]> {
    let mut rest = lines;
    let mut roots = Vec::new();
    while !rest.is_empty() {
        let (tree, after) = rest.split_at(1 << rest.len().ilog2());
        roots.push(root(tree));
        rest = after;
    }
    roots
}

fn pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([9; 32]))
}

fn key_hash(name: &str) -> [u8; 4] {
    let digest = Sha256::new_with_prefix(name).chain_update(b"\n\x01").chain_update(&pair().pk[..]);
    digest.finalize()[..4].try_into().unwrap()
}

pub(super) fn key() -> VerifierKey {
    let bytes = [&[1], &pair().pk[..]].concat();
    format!("{ORIGIN}+{}+{}", hex(&key_hash(ORIGIN)), STANDARD.encode(bytes)).parse().unwrap()
}

fn sign(text: &str) -> String {
    let signature = pair().sk.sign(text, None);
    let bytes = [&key_hash(ORIGIN)[..], &signature[..]].concat();
    format!("{text}\n— {ORIGIN} {}\n\n", STANDARD.encode(bytes))
}

/// A checkpoint of all of `lines`.
pub(super) fn checkpoint(lines: &[Vec<u8>]) -> String {
    sign(&format!("{ORIGIN}\n{}\n{}\ntime {TIME}\n", lines.len(), STANDARD.encode(root(lines))))
}

pub(super) fn pruned(writer: &Writer, removed: usize) -> String {
    let mut heads = BTreeMap::new();
    for (line, (stream, seq)) in writer.lines.iter().zip(&writer.of).take(removed) {
        heads.insert(name(*stream), json!({"seq": seq, "hash": hex(&Sha256::digest(line))}));
    }
    let frontier: Vec<String> =
        frontier(&writer.lines[..removed]).iter().map(|root| STANDARD.encode(root)).collect();
    let state = json!({"frontier": frontier, "heads": heads});
    sign(&format!("{ORIGIN}/pruned\n{removed}\n{state}\n"))
}

/// A log in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The first index, the bytes, and the checkpoints of each segment.
    pub(super) segments: Vec<(u64, Vec<u8>, String)>,
    pub(super) pruned: Option<String>,
}

/// A log of whole segments of `each` records, with a checkpoint after every `sign` of them and at the end.
pub(super) fn collected(lines: &[Vec<u8>], each: usize, every: usize) -> Memory {
    let mut memory = Memory::default();
    for (at, segment) in lines.chunks(each).enumerate() {
        let first = at * each;
        let notes = (first + 1..=first + segment.len())
            .filter(|size| size % every == 0 || *size == lines.len())
            .map(|size| checkpoint(&lines[..size]))
            .collect();
        memory.segments.push((first as u64, joined(segment), notes));
    }
    memory
}

pub(super) fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
}

impl Memory {
    pub(super) fn verify(&self) -> Report {
        let options = Options { key: Some(key()), checkpoints: None };
        verify(self, &options, &mut |_| {}).unwrap()
    }

    fn find(&self, segment: &Segment) -> &(u64, Vec<u8>, String) {
        self.segments.iter().find(|(first, ..)| Some(*first) == segment.first).unwrap()
    }
}

impl Source for Memory {
    fn segments(&self) -> Result<Vec<Segment>, Unreadable> {
        let segments = self.segments.iter().map(|(first, bytes, _)| Segment {
            name: format!("segments/{first:020}.jsonl"),
            first: Some(*first),
            bytes: bytes.len() as u64,
        });
        Ok(segments.collect())
    }

    fn open(&self, segment: &Segment) -> Result<Box<dyn Read + '_>, Unreadable> {
        Ok(Box::new(&*self.find(segment).1))
    }

    fn notes(&self, segment: &Segment) -> Result<Vec<u8>, Unreadable> {
        Ok(self.find(segment).2.clone().into_bytes())
    }

    fn pruned(&self) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(self.pruned.clone().map(String::into_bytes))
    }
}
