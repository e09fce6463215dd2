//! JSON documents, of which those are left out that contain what is dropped.

use super::json::Json;
use super::rules::{OnUncertain, Rules, Stop, Uncertain};
use super::sink::Sink;

/// Longest document that is held until it is known whether it may go on.
const MAX_DOCUMENT: usize = 1024 * 1024;

/// Masks JSON documents. A body all of whose documents are left out is blocked.
#[derive(Clone, Debug)]
pub struct Documents {
    json: Json,
    /// What is written of the document that has begun, when it may have to be left out.
    written: Option<Vec<u8>>,
    /// Whether a document has gone on.
    any: bool,
}

impl Documents {
    /// At the beginning of a body.
    pub fn new(rules: &Rules) -> Self {
        let written = rules.detectors.actions.drops().then(Vec::new);
        Self { json: Json::new(rules), written, any: false }
    }

    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn feed(&mut self, piece: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        if self.written.is_none() {
            return self.json.feed(piece, to);
        }
        // Documents that may be left out stand on lines of their own.
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let Some(mut written) = self.written.take() else {
                self.json.feed(line, to)?;
                continue;
            };
            let went = self.json.feed(line, &mut Sink::new(to.rules, to.tally, &mut written));
            let long = written.len() > MAX_DOCUMENT;
            self.written = Some(written);
            went?;
            if line.ends_with(b"\n") && self.json.is_between() {
                self.document(to);
            } else if long && to.rules.on_uncertain == OnUncertain::Block {
                return Err(Stop::Uncertain(Uncertain::EventTooLong));
            } else if long {
                // It goes on without what is dropped, and so does all that follows.
                self.any = true;
                to.put(&self.written.take().unwrap_or_default());
            }
        }
        Ok(())
    }

    /// The body has ended.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on.
    pub fn finish(&mut self, to: &mut Sink<'_>) -> Result<(), Stop> {
        let Some(mut written) = self.written.take() else {
            self.json.finish(to);
            return Ok(());
        };
        self.json.finish(&mut Sink::new(to.rules, to.tally, &mut written));
        if !written.is_empty() {
            self.written = Some(written);
            self.document(to);
        }
        match to.tally.dropper() {
            Some(detector) if !self.any => Err(Stop::Blocked(detector)),
            _ => Ok(()),
        }
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        self.json.held().saturating_add(self.written.as_ref().map_or(0, Vec::len))
    }

    /// Whether nothing of a document has come since the last one ended.
    pub fn is_between(&self) -> bool {
        self.json.is_between()
    }

    /// A document has gone on that was not read here.
    pub const fn went_on(&mut self) {
        self.any = true;
    }

    /// A document has ended.
    fn document(&mut self, to: &mut Sink<'_>) {
        let dropped = to.tally.take_drop();
        if let Some(written) = &mut self.written {
            if !dropped {
                to.put(written);
                self.any = true;
            }
            written.clear();
        }
    }
}
