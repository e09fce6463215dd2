//! One response body on its way out.

use std::sync::Arc;

use super::channel::{Channel, Tally};
use super::json::Json;
use super::rules::{Rules, Stop};
use super::sink::Sink;

/// What a body is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JSON document, lines of them (NDJSON), or several in a row.
    Json,
    /// Anything else.
    Text,
}

impl Kind {
    /// What a body of this `content-type` is read as.
    pub fn of(content_type: &[u8]) -> Self {
        let essence = content_type.split(|b| *b == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        let json: [&[u8]; 5] = [
            b"application/json",
            b"text/json",
            b"application/x-ndjson",
            b"application/ndjson",
            b"application/jsonl",
        ];
        if json.contains(&essence.as_slice()) || essence.ends_with(b"+json") {
            Self::Json
        } else {
            Self::Text
        }
    }
}

/// Masks one body that comes in pieces. Where they end makes no difference to what comes out.
#[derive(Clone, Debug)]
pub struct Masker {
    rules: Arc<Rules>,
    body: Body,
    tally: Tally,
    stopped: Option<Stop>,
}

#[derive(Clone, Debug)]
enum Body {
    Json(Box<Json>),
    Text(Box<Channel>),
}

impl Masker {
    /// At the beginning of a body.
    pub fn new(rules: Arc<Rules>, kind: Kind) -> Self {
        let body = match kind {
            Kind::Json => Body::Json(Box::new(Json::new(&rules))),
            Kind::Text => Body::Text(Box::default()),
        };
        Self { rules, body, tally: Tally::default(), stopped: None }
    }

    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on than was written. It stays so.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Stop> {
        self.go_on(out, |body, rules, tally, out| match body {
            Body::Json(json) => json.feed(piece, &mut Sink::new(rules, tally, out)),
            Body::Text(text) => {
                text.plain(rules, piece, tally, out);
                Ok(())
            }
        })
    }

    /// The body has ended: writes what was held.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on than was written.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Stop> {
        self.go_on(out, |body, rules, tally, out| {
            match body {
                Body::Json(json) => json.finish(&mut Sink::new(rules, tally, out)),
                Body::Text(text) => text.finish(rules, tally, out),
            }
            Ok(())
        })
    }

    /// What was masked so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        match &self.body {
            Body::Json(json) => json.held(),
            Body::Text(text) => text.held(),
        }
    }

    fn go_on(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut Body, &Rules, &mut Tally, &mut Vec<u8>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if let Some(stop) = self.stopped {
            return Err(stop);
        }
        let went = step(&mut self.body, &self.rules, &mut self.tally, out);
        let blocked = self.tally.blocked().map_or(Ok(()), |detector| Err(Stop::Blocked(detector)));
        let went = went.and(blocked);
        self.stopped = went.err();
        went
    }
}

#[cfg(test)]
mod tests {
    use super::super::detectors::Detectors;
    use super::super::rules::Uncertain;
    use super::*;

    fn rules() -> Arc<Rules> {
        Arc::new(Rules::new(Detectors::new(["email"], Vec::new())))
    }

    #[test]
    fn the_content_type_says_what_it_is() {
        for (content_type, kind) in [
            ("application/json", Kind::Json),
            ("Application/JSON; charset=utf-8", Kind::Json),
            ("application/problem+json", Kind::Json),
            ("application/x-ndjson", Kind::Json),
            ("text/plain", Kind::Text),
            ("", Kind::Text),
        ] {
            assert_eq!(Kind::of(content_type.as_bytes()), kind, "{content_type}");
        }
    }

    #[test]
    fn text_is_masked() {
        let mut masker = Masker::new(rules(), Kind::Text);
        let mut out = Vec::new();
        masker.feed(b"to bob@exam", &mut out).unwrap();
        assert_eq!((out.as_slice(), masker.held()), (&b"to "[..], 8));
        masker.feed(b"ple.com.", &mut out).unwrap();
        masker.finish(&mut out).unwrap();
        assert_eq!(out, b"to [masked:email].");
        assert_eq!(masker.tally().iter().collect::<Vec<_>>(), [(0, 1)]);
    }

    #[test]
    fn a_stop_is_final() {
        let mut masker = Masker::new(rules(), Kind::Json);
        let mut out = Vec::new();
        let stop = Err(Stop::Uncertain(Uncertain::TooDeep));
        assert_eq!(masker.feed(&b"[".repeat(1000), &mut out), stop);
        let length = out.len();
        assert_eq!(masker.feed(b"]", &mut out), stop);
        assert_eq!(masker.finish(&mut out), stop);
        assert_eq!(out.len(), length);
    }
}
