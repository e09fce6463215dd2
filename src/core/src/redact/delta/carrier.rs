//! An event of the right shape for what was held of a text when it ends.
//!
//! It is what the last event of the text was, with nothing in it that could count twice: along the way to the text, the short scalars of each
//! object stay; inside of a `delta`, only what says where the text belongs. A reason to finish, usage, probabilities and other texts go.

use std::ops::Range;

use super::super::channel::Tally;
use super::super::json::Text;
use super::super::path::Place;
use super::super::rules::Stop;
use super::super::sink::Sink;
use super::reader::Reader;

/// Longest scalar that is kept.
const MAX_SCALAR: usize = 256;
/// Longest event without its text.
const MAX_CARRIER: usize = 4096;
/// Deepest way to a text.
const MAX_WAY: u8 = 16;
const SEQUENCE: &[u8] = b"\"sequence_number\":";

/// The event around a text.
#[derive(Clone, Debug)]
pub struct Carrier {
    bytes: Vec<u8>,
    /// Where the text goes.
    at: usize,
    /// Where the number of the event stands.
    sequence: Option<Range<usize>>,
}

impl Carrier {
    /// From an event whose text stands at `target`. `root` is the place of the data.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn of(data: &[u8], target: usize, root: Place, to: &mut Sink<'_>) -> Result<Self, Stop> {
        let mut pruned = Pruned { target, before: Vec::new(), after: None };
        // What was read once is read again: it cannot fail, and would leave less.
        let _read = pruned.value(&mut Reader::new(data, 0), false, MAX_WAY);
        // What is kept is masked as it was in the event itself, and not counted again.
        let (mut bytes, mut tally) = (Vec::new(), Tally::default());
        let mut sink = Sink::new(to.rules, &mut tally, &mut bytes);
        let mut text = Text::default();
        text.begin(0, root);
        text.plain(&pruned.before, &mut sink)?;
        let at = sink.out.len();
        text.plain(&pruned.after.unwrap_or_default(), &mut sink)?;
        text.finish(&mut sink);
        let sequence = number_after(&bytes, SEQUENCE);
        Ok(Self { bytes, at, sequence })
    }

    /// The event with this text, and the number of the event before it.
    pub fn write(&self, text: &[u8], sequence: &[u8], out: &mut Vec<u8>) {
        let (before, after) = self.bytes.split_at_checked(self.at).unwrap_or((&self.bytes, &[]));
        let mut put = |from: usize, bytes: &[u8]| match &self.sequence {
            Some(range) if (from..from.saturating_add(bytes.len())).contains(&range.start) => {
                let (start, end) =
                    (range.start.saturating_sub(from), range.end.saturating_sub(from));
                out.extend_from_slice(bytes.get(..start).unwrap_or_default());
                out.extend_from_slice(sequence);
                out.extend_from_slice(bytes.get(end..).unwrap_or_default());
            }
            _ => out.extend_from_slice(bytes),
        };
        put(0, before);
        put(0, text);
        put(self.at, after);
    }
}

/// Where a number stands after `name`.
fn number_after(bytes: &[u8], name: &[u8]) -> Option<Range<usize>> {
    let found = bytes.windows(name.len()).position(|window| window == name)?;
    let start = found.saturating_add(name.len());
    let digits = bytes.get(start..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    Some(start..start.saturating_add(digits))
}

struct Pruned {
    target: usize,
    before: Vec<u8>,
    /// What follows the text, once that was passed.
    after: Option<Vec<u8>>,
}

impl Pruned {
    fn put(&mut self, bytes: &[u8]) {
        self.after.as_mut().unwrap_or(&mut self.before).extend_from_slice(bytes);
    }

    fn length(&self) -> usize {
        self.before.len().saturating_add(self.after.as_ref().map_or(0, Vec::len))
    }

    /// A value with the text in it.
    fn value(&mut self, reader: &mut Reader<'_>, delta: bool, left: u8) -> Option<()> {
        let left = left.checked_sub(1)?;
        match reader.peek()? {
            b'{' => self.object(reader, delta, left),
            b'[' => self.array(reader, delta, left),
            _ => {
                reader.string()?;
                self.put(b"\"");
                self.after = Some(b"\"".to_vec());
                Some(())
            }
        }
    }

    fn object(&mut self, reader: &mut Reader<'_>, delta: bool, left: u8) -> Option<()> {
        reader.take(b'{')?;
        self.put(b"{");
        let mut first = true;
        loop {
            let name = reader.name()?;
            let name = reader.bytes(name);
            let mut inside = reader.ahead()?;
            let range = reader.value()?;
            let here = range.contains(&self.target);
            let value = reader.bytes(range);
            if here || self.keeps(name, value, delta) {
                if !std::mem::replace(&mut first, false) {
                    self.put(b",");
                }
                self.put(b"\"");
                self.put(name);
                self.put(b"\":");
                if here {
                    self.value(&mut inside, delta || name == b"delta", left)?;
                    if name == b"artifact" {
                        self.put(b",\"append\":true,\"lastChunk\":false");
                    }
                } else {
                    self.put(kept(name, value));
                }
            }
            if !reader.another(b'}')? {
                break;
            }
        }
        self.put(b"}");
        Some(())
    }

    fn array(&mut self, reader: &mut Reader<'_>, delta: bool, left: u8) -> Option<()> {
        reader.take(b'[')?;
        self.put(b"[");
        loop {
            let mut inside = reader.ahead()?;
            if reader.value()?.contains(&self.target) {
                self.value(&mut inside, delta, left)?;
            }
            if !reader.another(b']')? {
                break;
            }
        }
        self.put(b"]");
        Some(())
    }

    /// Whether a member beside the way stays.
    fn keeps(&self, name: &[u8], value: &[u8], delta: bool) -> bool {
        let short = value.len() <= MAX_SCALAR && self.length() <= MAX_CARRIER;
        let scalar = !matches!(value.first(), Some(b'{' | b'['));
        match name {
            b"obfuscation" | b"append" | b"lastChunk" => false,
            b"logprobs" => true,
            _ if delta => scalar && short && matches!(name, b"index" | b"type"),
            _ => short && (scalar || matches!(value, b"{}" | b"[]")),
        }
    }
}

/// What a member that stays becomes.
fn kept<'v>(name: &[u8], value: &'v [u8]) -> &'v [u8] {
    match (name, value.first()) {
        (b"finish_reason" | b"stop_reason" | b"usage", _) => b"null",
        (b"logprobs", Some(b'[')) => b"[]",
        (b"logprobs", _) => b"null",
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Detectors, Rules};
    use super::*;

    fn carrier(data: &str, text: &str) -> String {
        let rules = Rules::new(Detectors::new(["email"], Vec::new()));
        let (mut out, mut tally) = (Vec::new(), Tally::default());
        let mut sink = Sink::new(&rules, &mut tally, &mut out);
        let target = data.find("TEXT").unwrap();
        let carrier = Carrier::of(data.as_bytes(), target, Place::default(), &mut sink).unwrap();
        assert!(out.is_empty());
        carrier.write(text.as_bytes(), b"9", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_the_way_to_the_text_stays() {
        for (data, expected) in [
            (
                r#"{"id":"c","created":1,"choices":[{"index":0,"delta":{"content":"x"}},{"index":1,"delta":{"role":"assistant","content":"TEXT"},"logprobs":{"content":[]},"finish_reason":"stop"}],"usage":{"total":1},"user":"bob@example.com"}"#,
                r#"{"id":"c","created":1,"choices":[{"index":1,"delta":{"content":"rest"},"logprobs":null,"finish_reason":null}],"user":"[masked:email]"}"#,
            ),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"index":2,"id":"call_1","type":"function","function":{"name":"f","arguments":"TEXT"}}]}}]}"#,
                r#"{"choices":[{"delta":{"tool_calls":[{"index":2,"type":"function","function":{"arguments":"rest"}}]}}]}"#,
            ),
            (
                r#"{"type":"response.output_text.delta","delta":"TEXT","sequence_number": 4,"logprobs":[{"token":"TEXT"}],"obfuscation":"abc"}"#,
                r#"{"type":"response.output_text.delta","delta":"rest","sequence_number":9,"logprobs":[]}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"artifact-update","append":false,"artifact":{"artifactId":"a","parts":[{"kind":"text","text":"TEXT"}]}}}"#,
                r#"{"jsonrpc":"2.0","id":1,"result":{"kind":"artifact-update","artifact":{"artifactId":"a","parts":[{"kind":"text","text":"rest"}]},"append":true,"lastChunk":false}}"#,
            ),
        ] {
            assert_eq!(carrier(data, "rest"), expected);
        }
    }

    #[test]
    fn it_is_never_long() {
        let many: String = (0..10_000).map(|n| format!("\"m{n}\":\"{n}\",")).collect();
        let long = "x".repeat(10_000);
        let data = format!("{{{many}\"long\":\"{long}\",\"delta\":\"TEXT\"}}");
        assert!(carrier(&data, "").len() < 2 * MAX_CARRIER);
    }
}
