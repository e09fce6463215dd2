//! The response to a request that was let go: what the caller must not see is masked.
//!
//! ```text
//!           head                          last piece
//!  Expected ────► Streaming ─────────────────────────────► Ended
//!     │    │          │ cannot be masked, or is blocked ──► Cut      the stream is reset
//!     │    └────────► Whole ──────────────────────────────► Ended
//!     │                   │ cannot be masked, or is blocked
//!     └───────────────────┴────────────────────────────────► Refused  the caller gets the refusal
//!
//!  Unmasked ────► Watched                                            nothing is masked, and a record shows it
//! ```
//!
//! A short response is kept until it is complete, so that it can still be refused in the caller's own protocol, and its
//! `content-length` stays right. Every other response goes on piece by piece, and what must not go on ends the stream.

mod terms;

use std::sync::Arc;

pub(super) use terms::Outcome;
use terms::Terms;

use super::held::Held;
use super::{Effect, Exchange, Flow};
use crate::audit::{Capture, Payload};
use crate::decide::Grants;
use crate::http::Headers;
use crate::limits;
use crate::policy::Mode;
use crate::redact::{Kind, Masker, Rules, Stop, Uncertain};
use crate::refusal;

const ENCODING: &str = "accept-encoding";
/// Request headers that ask for a response that cannot be masked: compressed, or a part of one.
const UNWANTED: [&str; 4] = [ENCODING, "range", "if-range", "sec-websocket-extensions"];
/// Response headers that speak of the exact bytes, which are about to change.
const OF_THE_BYTES: [&str; 7] = [
    "content-length",
    "etag",
    "digest",
    "content-digest",
    "repr-digest",
    "content-md5",
    "accept-ranges",
];
/// Response headers that are the caller's own secret, or say how the response is to be read.
const LEFT_ALONE: [&[u8]; 4] = [b"set-cookie", b"content-length", b"content-type", b"trailer"];

/// How far the response is.
#[derive(Debug)]
pub(super) enum Response {
    /// Nothing of it is read, or nothing more.
    Passing(Outcome),
    /// Its head has not come, and none of it is masked: a record is to show it.
    Unmasked,
    /// It goes on as it is, into a record as well.
    Watched(Box<Capture>),
    /// Its head has not come.
    Expected(Box<Terms>),
    /// It goes on piece by piece.
    Streaming(Box<Masking>),
    /// It is kept until it is complete.
    Whole(Box<Masking>),
    /// It has ended, and was masked.
    Ended(Box<Masking>),
    /// The caller got a refusal in its place.
    Refused(Outcome),
    /// It was cut off.
    Cut(Outcome),
}

/// A body on its way out.
#[derive(Debug)]
pub(super) struct Masking {
    terms: Terms,
    masker: Masker,
}

impl Masking {
    fn step(&mut self, piece: &[u8], end: bool, out: &mut Vec<u8>) -> Result<(), Stop> {
        let before = out.len();
        let went = self.masker.feed(piece, out);
        let went = if end { went.and_then(|()| self.masker.finish(out)) } else { went };
        if let Some(capture) = &mut self.terms.outcome.capture {
            capture.take(piece, end);
            capture.masked(out.get(before..).unwrap_or_default());
        }
        went
    }

    /// The terms, with all that was found.
    fn close(self) -> Terms {
        let Self { mut terms, masker } = self;
        terms.count(masker.tally());
        terms
    }
}

impl Response {
    /// Whether the host has to show the response.
    pub(super) const fn is_read(&self) -> bool {
        !matches!(self, Self::Passing(_))
    }

    /// Whether the body is to be kept until it is complete.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// What the record says of it.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Passing(outcome) | Self::Refused(outcome) | Self::Cut(outcome) => outcome,
            Self::Unmasked => Outcome::default(),
            Self::Watched(capture) => Outcome { capture: Some(capture), ..Outcome::default() },
            Self::Expected(terms) => terms.outcome,
            Self::Streaming(masking) | Self::Whole(masking) | Self::Ended(masking) => {
                masking.close().outcome
            }
        }
    }

    /// Nothing more of a response that was cut off goes on.
    const fn flow(&self) -> Flow {
        match self {
            Self::Cut(_) | Self::Whole(_) => Flow::Hold,
            _ => Flow::Continue,
        }
    }
}

impl Exchange {
    /// What the response to a request that is let go now is masked by.
    pub(super) fn expect(&mut self, held: Option<&Held>) -> Response {
        let Some(rules) = self.rules() else { return self.watch(held) };
        let watch = self.policy.mode == Mode::Shadow;
        if let Some(held) = held.filter(|_| !watch) {
            let removed = UNWANTED.into_iter().filter(|name| held.headers.has(name));
            self.effects.extend(removed.map(Effect::RemoveRequestHeader));
        }
        let rpc = held.and_then(Held::rpc_id).map(|id| id.cloned());
        Response::Expected(Box::new(Terms { rules, rpc, watch, outcome: Outcome::default() }))
    }

    /// A response that nothing is masked in; a record may have to show it.
    fn watch(&mut self, held: Option<&Held>) -> Response {
        let payload = self.journal.payload(&self.policy);
        if payload == Payload::None {
            return Response::Passing(Outcome::default());
        }
        let encodes = held.is_some_and(|held| held.headers.has(ENCODING));
        if payload == Payload::Redacted && encodes && self.policy.mode == Mode::Enforce {
            self.effects.push_back(Effect::RemoveRequestHeader(ENCODING));
        }
        Response::Unmasked
    }

    /// What a record will say of the body that begins.
    fn capture(
        &self,
        kind: Kind,
        headers: &Headers,
        masked_by: Option<&Arc<Rules>>,
    ) -> Option<Box<Capture>> {
        let audit = self.policy.audit.as_ref()?;
        let payload = self.journal.payload(&self.policy);
        if payload == Payload::None {
            return None;
        }
        let content_type = headers.one("content-type").ok().flatten();
        let mut capture = Capture::new(payload, content_type, audit.payload_bytes);
        if kind == Kind::WebSocket {
            capture.hide();
        }
        let shared = masked_by.is_some_and(|rules| Arc::ptr_eq(rules, &audit.rules));
        Some(Box::new(if shared { capture } else { capture.masked_by(&audit.rules, kind) }))
    }

    /// The head of a response that is only watched.
    fn watch_head(&mut self, headers: &Headers, end: bool) -> Response {
        let status = headers.one(":status").ok().flatten().unwrap_or_default();
        let kind = terms::kind(status, headers, false);
        let capture = self.capture(kind.unwrap_or(Kind::Text), headers, None);
        let capture = capture.filter(|_| !end).map(|mut capture| {
            // What cannot be read is not shown.
            if kind.is_err() {
                capture.hide();
            }
            capture
        });
        capture.map_or_else(|| Response::Passing(Outcome::default()), Response::Watched)
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        let redaction = self.policy.redact.as_ref()?;
        let grants = Grants::new(&self.policy, self.principal());
        redaction.rules_for(self.journal.operation?, &|scope| grants.hold(scope))
    }

    /// The head of the response; `end` when no body follows.
    #[inline(never)]
    pub(super) fn response_head(
        &mut self,
        response: Response,
        headers: &Headers,
        end: bool,
    ) -> (Response, Flow) {
        let mut terms = match response {
            Response::Expected(terms) => terms,
            Response::Unmasked => return (self.watch_head(headers, end), Flow::Continue),
            other => {
                let flow = other.flow();
                return (other, flow);
            }
        };
        if let Err(stop) = self.mask_fields(&mut terms, headers, false) {
            return self.refuse_response(*terms, stop);
        }
        if end {
            return (Response::Passing(terms.outcome), Flow::Continue);
        }
        let status = headers.one(":status").ok().flatten().unwrap_or_default();
        let kind = match terms.kind(status, headers) {
            Ok(kind) => kind,
            Err(why) => return self.refuse_response(*terms, Stop::Uncertain(why)),
        };
        let length = headers.one("content-length").ok().flatten();
        let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
        let short = length.is_some_and(|length| length <= limits::WHOLE_RESPONSE_BYTES);
        // Nothing can be added to a body once its trailers have come.
        let whole = (short || headers.has("trailer")) && kind != Kind::Sse && !terms.watch;
        let masker = Masker::new(Arc::clone(&terms.rules), kind);
        terms.outcome.capture = self.capture(kind, headers, Some(&terms.rules));
        let masking = Box::new(Masking { terms: *terms, masker });
        if whole {
            return (Response::Whole(masking), Flow::Hold);
        }
        if !masking.terms.watch {
            let removed = OF_THE_BYTES.into_iter().filter(|name| headers.has(name));
            self.effects.extend(removed.map(Effect::RemoveResponseHeader));
        }
        (Response::Streaming(masking), Flow::Continue)
    }

    /// A piece of the body, or all of it when it was kept until it was complete.
    #[inline(never)]
    pub(super) fn response_body(
        &mut self,
        response: Response,
        piece: &[u8],
        end: bool,
    ) -> (Response, Flow) {
        match response {
            Response::Streaming(mut masking) => {
                let mut out = Vec::with_capacity(piece.len());
                if let Err(stop) = masking.step(piece, end, &mut out) {
                    return self.cut_response(*masking, stop);
                }
                if !masking.terms.watch && out != piece {
                    self.effects.push_back(Effect::ReplaceResponseBody(out));
                }
                let next = if end { Response::Ended } else { Response::Streaming };
                (next(masking), Flow::Continue)
            }
            Response::Whole(masking) if end => self.mask_whole(masking, piece),
            Response::Watched(mut capture) => {
                capture.take(piece, end);
                (Response::Watched(capture), Flow::Continue)
            }
            other => {
                let flow = other.flow();
                (other, flow)
            }
        }
    }

    fn mask_whole(&mut self, mut masking: Box<Masking>, whole: &[u8]) -> (Response, Flow) {
        let mut out = Vec::with_capacity(whole.len());
        if let Err(stop) = masking.step(whole, true, &mut out) {
            return self.refuse_response(masking.close(), stop);
        }
        if out != whole {
            self.effects.extend(OF_THE_BYTES.into_iter().map(Effect::RemoveResponseHeader));
            self.effects.push_back(Effect::SetResponseFields {
                trailers: false,
                name: "content-length".to_owned(),
                values: vec![out.len().to_string().into_bytes()],
            });
            self.effects.push_back(Effect::ReplaceResponseBody(out));
        }
        (Response::Ended(masking), Flow::Continue)
    }

    /// Trailers end the body; `whole` is what was kept of it.
    #[inline(never)]
    pub(super) fn response_trailers(
        &mut self,
        response: Response,
        trailers: &Headers,
        whole: &[u8],
    ) -> (Response, Flow) {
        let mut masking = match response {
            Response::Whole(masking) => match self.mask_whole(masking, whole) {
                (Response::Ended(masking), _) => masking,
                stopped => return stopped,
            },
            Response::Watched(mut capture) => {
                capture.take(&[], true);
                return (Response::Watched(capture), Flow::Continue);
            }
            Response::Streaming(mut masking) => {
                let mut rest = Vec::new();
                let went = masking.step(&[], true, &mut rest);
                // What was held cannot be sent any more, and must not be lost unseen.
                let lost = if rest.is_empty() || masking.terms.watch {
                    Ok(())
                } else {
                    Err(Stop::Uncertain(Uncertain::Trailers))
                };
                if let Err(stop) = went.and(lost) {
                    return self.cut_response(*masking, stop);
                }
                masking
            }
            other => {
                let flow = other.flow();
                return (other, flow);
            }
        };
        match self.mask_fields(&mut masking.terms, trailers, true) {
            Ok(()) => (Response::Ended(masking), Flow::Continue),
            Err(stop) => self.cut_response(*masking, stop),
        }
    }

    /// Masks the values of headers or trailers.
    fn mask_fields(
        &mut self,
        terms: &mut Terms,
        fields: &Headers,
        trailers: bool,
    ) -> Result<(), Stop> {
        let mut changed: Vec<&[u8]> = Vec::new();
        let mut values = Vec::new();
        for (name, value) in fields.iter() {
            if name.starts_with(b":") || LEFT_ALONE.contains(&name) {
                continue;
            }
            let masked = terms.value(value)?;
            if masked.is_some() && !changed.contains(&name) {
                changed.push(name);
            }
            values.push((name, masked.unwrap_or_else(|| value.to_vec())));
        }
        if terms.watch {
            return Ok(());
        }
        for name in changed {
            let of_name = values.iter().filter(|(of, _)| *of == name);
            self.effects.push_back(Effect::SetResponseFields {
                trailers,
                name: String::from_utf8_lossy(name).into_owned(),
                values: of_name.map(|(_, value)| value.clone()).collect(),
            });
        }
        Ok(())
    }

    /// Nothing of the response has gone: the caller is told in its own protocol.
    fn refuse_response(&mut self, mut terms: Terms, stop: Stop) -> (Response, Flow) {
        let denial = terms.stop(stop);
        if terms.watch {
            return (Response::Passing(terms.outcome), Flow::Continue);
        }
        let rpc = terms.rpc.as_ref().map(Option::as_ref);
        let refusal = refusal::speak(&denial, &self.speaking(rpc));
        // What was asked for the response's own head is not for the refusal.
        self.effects.clear();
        self.effects.push_back(Effect::Refuse(refusal));
        (Response::Refused(terms.outcome), Flow::Hold)
    }

    /// Some of the response has gone: it ends here, and the caller can tell.
    fn cut_response(&mut self, masking: Masking, stop: Stop) -> (Response, Flow) {
        let mut terms = masking.close();
        terms.stop(stop);
        if terms.watch {
            return (Response::Passing(terms.outcome), Flow::Continue);
        }
        self.effects.push_back(Effect::ResetResponse);
        (Response::Cut(terms.outcome), Flow::Hold)
    }
}
