//! Lines of JSON that come in pieces (NDJSON), such as Ollama's, each with a little more of a text.
//!
//! A line that is a JSON object goes out when it is complete, and is an event: what it has of a text that is spread over lines belongs to
//! that text. All else is read as documents are, which may have several lines.

use memchr::memchr;

use super::delta::{Deltas, Event, Rest};
use super::documents::Documents;
use super::rules::{OnUncertain, Rules, Stop, Uncertain};
use super::sink::Sink;

/// Longest line that is read as a whole.
const MAX_LINE: usize = 256 * 1024;

/// Masks lines of JSON.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The line that has begun.
    line: Vec<u8>,
    deltas: Deltas,
    /// What is no object on a line of its own.
    documents: Documents,
    /// Whether a document goes on that has begun on an earlier line, or what is no JSON.
    within: bool,
    /// Whether any line has had a part of a text.
    spread: bool,
}

impl Lines {
    /// At the beginning of a body.
    pub fn new(rules: &Rules) -> Self {
        Self {
            line: Vec::new(),
            deltas: Deltas::default(),
            documents: Documents::new(rules),
            within: false,
            spread: false,
        }
    }

    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn feed(&mut self, mut piece: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        while !piece.is_empty() {
            let end = memchr(b'\n', piece).map(|end| end.saturating_add(1));
            let (part, rest) =
                piece.split_at_checked(end.unwrap_or(piece.len())).unwrap_or((piece, &[]));
            piece = rest;
            if self.within {
                self.document(part, to)?;
            } else if self.line.is_empty() && end.is_some() && part.len() <= MAX_LINE {
                // Most pieces are whole lines, and are read where they are.
                self.complete(part, false, to)?;
            } else {
                self.take(part, end.is_some(), to)?;
            }
        }
        Ok(())
    }

    /// The body has ended.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn finish(&mut self, to: &mut Sink<'_>) -> Result<(), Stop> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let rests = self.deltas.finish(to);
            put_rests(&rests, &line, to);
        } else {
            self.complete(&line, true, to)?;
        }
        self.documents.finish(to)
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        let line = self.line.len().saturating_add(self.documents.held());
        line.saturating_add(self.deltas.held())
    }

    /// More of a line, or all that was missing.
    fn take(&mut self, part: &[u8], ends: bool, to: &mut Sink<'_>) -> Result<(), Stop> {
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(part);
        if line.len() > MAX_LINE {
            // A document may have any length, but a text is not followed through it.
            if self.spread && to.rules.on_uncertain == OnUncertain::Block {
                return Err(Stop::Uncertain(Uncertain::EventTooLong));
            }
            return self.document(&line, to);
        }
        if ends {
            self.complete(&line, false, to)?;
            line.clear();
        }
        self.line = line;
        Ok(())
    }

    /// A line is there as a whole; with the `last` one, all texts end.
    fn complete(&mut self, line: &[u8], last: bool, to: &mut Sink<'_>) -> Result<(), Stop> {
        let data = line.strip_suffix(b"\n").unwrap_or(line);
        let rests = self.deltas.begin(Event { name: b"", data, head: b"", last }, to)?;
        put_rests(&rests, line, to);
        if last {
            let rests = self.deltas.finish(to);
            put_rests(&rests, line, to);
        }
        if line.trim_ascii().is_empty() {
            to.put(line);
            return Ok(());
        }
        if !self.deltas.is_read() {
            return self.document(line, to);
        }
        let _earlier = to.tally.take_drop();
        self.spread |= self.deltas.has_any();
        let start = to.out.len();
        self.deltas.write(data, &[], to)?;
        to.put(line.get(data.len()..).unwrap_or_default());
        if to.tally.take_drop() && !self.deltas.has_any() {
            to.out.truncate(start);
        } else {
            self.documents.went_on();
        }
        Ok(())
    }

    /// More of a document, which may have begun on an earlier line.
    fn document(&mut self, part: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        self.documents.feed(part, to)?;
        self.within = !(part.ends_with(b"\n") && self.documents.is_between());
        Ok(())
    }
}

/// Writes lines of what was held, each ended like `line`.
fn put_rests(rests: &[Rest], line: &[u8], to: &mut Sink<'_>) {
    let end: &[u8] = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
    for rest in rests {
        to.put(&rest.data);
        to.put(end);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::all;
    use super::super::{Action, Detectors, Kind, Masker};
    use super::*;

    /// What comes out, however it is cut.
    fn sent(rules: Rules, text: &str) -> (String, Result<(), Stop>) {
        let rules = std::sync::Arc::new(rules);
        let run = |size: usize| {
            let mut masker = Masker::new(std::sync::Arc::clone(&rules), Kind::Lines);
            let mut out = Vec::new();
            let fed: Result<Vec<()>, Stop> =
                text.as_bytes().chunks(size).map(|piece| masker.feed(piece, &mut out)).collect();
            let went = fed.and_then(|_| masker.finish(&mut out));
            (String::from_utf8(out).unwrap(), went)
        };
        let whole = run(text.len());
        for size in [1, 2, 3, 7, 50] {
            assert_eq!(run(size), whole, "by {size}");
        }
        whole
    }

    fn masked(text: &str) -> String {
        let (out, went) = sent(all(), text);
        assert_eq!(went, Ok(()));
        out
    }

    #[test]
    fn a_text_is_masked_over_lines() {
        let chat = |text: &str| {
            format!(
                "{{\"model\":\"m\",\"created_at\":\"2026-11-24T10:15:00Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"done\":false}}\n"
            )
        };
        let end = "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"eval_count\":9}\n";
        let text = chat("to bo") + &chat("b@exam") + &chat("ple.com, b") + &chat("ob") + end;
        let expected =
            chat("to ") + &chat("") + &chat("[masked:email], ") + &chat("") + &chat("bob") + end;
        assert_eq!(masked(&text), expected);
        // Without an end, and cut off.
        let cut = chat("to bo") + "{\"model\":\"m\",\"mess";
        assert_eq!(masked(&cut), chat("to ") + &chat("bo") + "{\"model\":\"m\",\"mess");
        assert_eq!(masked(&chat("to bo")), chat("to ") + &chat("bo"));
        let generated =
            |name: &str, text: &str| format!("{{\"{name}\":\"{text}\",\"done\":false}}\r\n");
        let text = generated("thinking", "AKIAIOSF")
            + &generated("response", "AKIAIOSF")
            + &generated("thinking", "ODNN7EXAMPLE")
            + "{\"response\":\"ODNN7\",\"done\":true}\r\n";
        let expected = generated("thinking", "")
            + &generated("response", "")
            + &generated("thinking", "")
            + &generated("thinking", "AKIA[masked:aws]")
            + "{\"response\":\"AKIAIOSFODNN7\",\"done\":true}\r\n";
        assert_eq!(masked(&text), expected);
    }

    #[test]
    fn what_is_no_delta_is_masked_as_a_document() {
        for (text, expected) in [
            (
                "{\"a\":\"bob@example.com\"}\n\n[1,\n\"bob@example.com\"]\n",
                "{\"a\":\"[masked:email]\"}\n\n[1,\n\"[masked:email]\"]\n",
            ),
            (
                "{\"a\":{}\n, \"b\":\"bob\\u0040example.com\"}\n{\"c\":1}",
                "{\"a\":{}\n, \"b\":\"[masked:email]\"}\n{\"c\":1}",
            ),
            (
                "{\"response\":\"bob@exam\"}\n{\"response\":\"ple.com\"}\n",
                "{\"response\":\"bob@exam\"}\n{\"response\":\"ple.com\"}\n",
            ),
            (
                "oops bob@exam\nple.com bob@example.com\n{\"a\":\"x\"}\n",
                "oops bob@exam\nple.com [masked:email]\n{\"a\":\"x\"}\n",
            ),
        ] {
            assert_eq!(masked(text), expected);
        }
    }

    #[test]
    fn a_line_without_end() {
        let delta = "{\"response\":\"bob\",\"done\":false}\n";
        let long = format!("{{\"a\":\"{} bob@example.com\"}}\n", "x".repeat(MAX_LINE));
        let (out, went) = sent(all(), &(long.clone() + delta));
        assert_eq!(went, Ok(()));
        assert_eq!(
            out,
            long.replace("bob@example.com", "[masked:email]") + &delta.replace("bob", "") + delta
        );
        let stop = Err(Stop::Uncertain(Uncertain::EventTooLong));
        assert_eq!(sent(all(), &(delta.to_owned() + &long)).1, stop);
        let scan = Rules { on_uncertain: OnUncertain::Scan, ..all() };
        assert_eq!(sent(scan, &(delta.to_owned() + &long)).1, Ok(()));
    }

    #[test]
    fn what_contains_what_is_dropped_is_not_sent() {
        let dropping = || {
            let detectors = Detectors::new(["email"], Vec::new());
            Rules::new(detectors.acting([("email", Action::Drop)], None).unwrap())
        };
        let line = "{\"a\":\"bob@example.com\"}\n";
        let delta = "{\"response\":\"to bob@example.com, \",\"done\":false}\n";
        let (out, went) = sent(dropping(), &format!("\n{{}}\n{line}{delta}"));
        assert_eq!(
            (out.as_str(), went),
            ("\n{}\n{\"response\":\"to , \",\"done\":false}\n", Ok(()))
        );
        assert_eq!(sent(dropping(), line), (String::new(), Err(Stop::Blocked(0))));
        assert_eq!(
            sent(dropping(), &format!("[\n{}]\n", line.trim_end())).1,
            Err(Stop::Blocked(0))
        );
    }
}
