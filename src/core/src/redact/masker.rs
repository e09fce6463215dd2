//! One response body on its way out.

use std::sync::Arc;

use super::channel::{Channel, Tally};
use super::documents::Documents;
use super::kind::{self, Kind};
use super::lines::Lines;
use super::rules::{Rules, Stop};
use super::sink::Sink;
use super::sse::Sse;
use super::websocket::Frames;

/// Masks one body that comes in pieces. Where they end makes no difference to what comes out.
///
/// What a body begins with counts for more than its `content-type`: clients often read what they have asked for.
#[derive(Clone, Debug)]
pub struct Masker {
    rules: Arc<Rules>,
    kind: Kind,
    body: Body,
    tally: Tally,
    stopped: Option<Stop>,
}

#[derive(Clone, Debug)]
enum Body {
    /// What it is read as is not known before it has begun.
    Begun(Vec<u8>),
    Json(Box<Documents>),
    Lines(Box<Lines>),
    Sse(Box<Sse>),
    Text(Box<Channel>),
    Frames(Box<Frames>),
}

impl Masker {
    /// At the beginning of a body.
    pub fn new(rules: Arc<Rules>, kind: Kind) -> Self {
        let body = match kind {
            Kind::WebSocket => Body::Frames(Box::default()),
            _ => Body::Begun(Vec::new()),
        };
        Self { rules, kind, body, tally: Tally::default(), stopped: None }
    }

    /// Takes the next piece, and writes what may go on.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on than was written. It stays so.
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Stop> {
        if let Body::Begun(begun) = &mut self.body {
            begun.extend_from_slice(piece);
            let Some(kind) = kind::seen(self.kind, begun) else { return Ok(()) };
            return self.begin(kind, out);
        }
        self.go_on(out, |body, to| body.feed(piece, to))
    }

    /// The body has ended: writes what was held.
    ///
    /// # Errors
    /// [`Stop`]: nothing more may go on than was written.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Stop> {
        if matches!(self.body, Body::Begun(_)) {
            self.begin(self.kind, out)?;
        }
        self.go_on(out, Body::finish)
    }

    /// What was masked so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many bytes are held.
    pub fn held(&self) -> usize {
        match &self.body {
            Body::Begun(begun) => begun.len(),
            Body::Json(json) => json.held(),
            Body::Lines(lines) => lines.held(),
            Body::Sse(sse) => sse.held(),
            Body::Text(text) => text.held(),
            Body::Frames(frames) => frames.held(),
        }
    }

    /// It is known what the body is read as.
    fn begin(&mut self, kind: Kind, out: &mut Vec<u8>) -> Result<(), Stop> {
        let body = match kind {
            Kind::Json => Body::Json(Box::new(Documents::new(&self.rules))),
            Kind::Lines => Body::Lines(Box::new(Lines::new(&self.rules))),
            Kind::Sse => Body::Sse(Box::default()),
            Kind::Text => Body::Text(Box::default()),
            Kind::WebSocket => Body::Frames(Box::default()),
        };
        let Body::Begun(begun) = std::mem::replace(&mut self.body, body) else { return Ok(()) };
        self.go_on(out, |body, to| {
            let mark =
                begun.strip_prefix(kind::BOM).filter(|_| matches!(kind, Kind::Json | Kind::Lines));
            if mark.is_some() {
                to.put(kind::BOM);
            }
            body.feed(mark.unwrap_or(&begun), to)
        })
    }

    fn go_on(
        &mut self,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut Body, &mut Sink<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if let Some(stop) = self.stopped {
            return Err(stop);
        }
        let went = step(&mut self.body, &mut Sink::new(&self.rules, &mut self.tally, out));
        let blocked = self.tally.blocked().map_or(Ok(()), |detector| Err(Stop::Blocked(detector)));
        let went = went.and(blocked);
        self.stopped = went.err();
        went
    }
}

impl Body {
    fn feed(&mut self, piece: &[u8], to: &mut Sink<'_>) -> Result<(), Stop> {
        match self {
            Self::Begun(_) => {}
            Self::Json(json) => return json.feed(piece, to),
            Self::Lines(lines) => return lines.feed(piece, to),
            Self::Sse(sse) => return sse.feed(piece, to),
            Self::Frames(frames) => return frames.feed(piece, to),
            Self::Text(text) => text.plain(to.rules, piece, to.tally, to.out),
        }
        Ok(())
    }

    fn finish(&mut self, to: &mut Sink<'_>) -> Result<(), Stop> {
        match self {
            Self::Begun(_) => {}
            Self::Json(json) => return json.finish(to),
            Self::Lines(lines) => return lines.finish(to),
            Self::Sse(sse) => return sse.finish(to),
            Self::Frames(frames) => frames.finish(to),
            Self::Text(text) => text.finish(to.rules, to.tally, to.out),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::action::Action;
    use super::super::detectors::Detectors;
    use super::super::rules::Uncertain;
    use super::*;

    fn rules() -> Arc<Rules> {
        Arc::new(Rules::new(Detectors::new(["email"], Vec::new())))
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

    /// What comes out when addresses are dropped, however it is cut.
    fn dropped(kind: Kind, text: &str) -> (String, Result<(), Stop>) {
        let detectors = Detectors::new(["email"], Vec::new());
        let detectors = detectors.acting([("email", Action::Drop)], None).unwrap();
        let rules = Arc::new(Rules::new(detectors));
        let run = |size: usize| {
            let mut masker = Masker::new(Arc::clone(&rules), kind);
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                masker.feed(piece, &mut out).unwrap();
            }
            let end = masker.finish(&mut out);
            (String::from_utf8(out).unwrap(), end)
        };
        let whole = run(text.len());
        assert_eq!(run(1), whole);
        whole
    }

    #[test]
    fn what_contains_what_is_dropped_is_not_sent() {
        let ok = |text: &str| (text.to_owned(), Ok(()));
        let line = "{\"a\":\"bob@example.com\"}\n";
        assert_eq!(dropped(Kind::Json, &format!("{{}}\n{line}[1]\n")), ok("{}\n[1]\n"));
        assert_eq!(dropped(Kind::Json, line), (String::new(), Err(Stop::Blocked(0))));
        assert_eq!(dropped(Kind::Json, line.trim_end()), (String::new(), Err(Stop::Blocked(0))));
        assert_eq!(dropped(Kind::Json, "{\n\"a\": 1\n}"), ok("{\n\"a\": 1\n}"));
        assert_eq!(dropped(Kind::Text, "to bob@example.com."), ok("to ."));
        let events = format!("data: 1\n\nid: 2\ndata: {line}\ndata: 3\n\n");
        assert_eq!(dropped(Kind::Sse, &events), ok("data: 1\n\ndata: 3\n\n"));
        let delta = "data: {\"delta\":\"to bob@example.com, \"}\n\n";
        assert_eq!(dropped(Kind::Sse, delta), ok("data: {\"delta\":\"to , \"}\n\n"));
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
