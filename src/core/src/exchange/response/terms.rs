//! What one response is masked by, and what the record says of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::Capture;
use crate::body::RpcId;
use crate::decide::Denial;
use crate::http::Headers;
use crate::reason::Reason;
use crate::redact::{Kind, Masker, OnUncertain, Rules, Stop, Tally, Uncertain};

/// What the record will say of a response.
#[derive(Debug, Default)]
pub(in crate::exchange) struct Outcome {
    /// How often each detector found something, and each field was left out.
    pub(in crate::exchange) found: BTreeMap<String, u32>,
    /// Why it had to end.
    pub(in crate::exchange) stopped: Option<Denial>,
    /// The body.
    pub(in crate::exchange) capture: Option<Box<Capture>>,
}

/// What a response is masked by, and what a refusal in its place has to know.
#[derive(Debug)]
pub(in crate::exchange) struct Terms {
    pub(super) rules: Arc<Rules>,
    /// The id that a refusal is spoken under, on a JSON-RPC endpoint.
    pub(super) rpc: Option<Option<RpcId>>,
    /// The caller gets what the upstream sent: what would have been masked is only counted.
    pub(super) watch: bool,
    pub(super) outcome: Outcome,
}

impl Terms {
    /// Adds what a masker has found.
    pub(super) fn count(&mut self, tally: &Tally) {
        for (name, count) in tally.named(&self.rules) {
            let found = self.outcome.found.entry(name).or_default();
            *found = found.saturating_add(count);
        }
    }

    /// Notes why the response ends.
    pub(super) fn stop(&mut self, stop: Stop) -> Denial {
        let denial = match stop {
            Stop::Uncertain(why) => Denial::new(Reason::ResponseUnmaskable, why.meaning()),
            Stop::Blocked(detector) => Denial::new(
                Reason::ResponseBlocked,
                format!(
                    "the response holds what the detector `{}` finds, and the policy blocks it",
                    self.rules.detectors.name_of(detector)
                ),
            ),
        };
        self.outcome.stopped = Some(denial.clone());
        denial
    }

    /// A header's value, masked; `None` when there is nothing to mask.
    pub(super) fn value(&mut self, value: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        let mut masker = Masker::new(Arc::clone(&self.rules), Kind::Text);
        let mut masked = Vec::new();
        let went = masker.feed(value, &mut masked).and_then(|()| masker.finish(&mut masked));
        self.count(masker.tally());
        went?;
        Ok((masked != value).then_some(masked))
    }

    /// What the body is read as.
    pub(super) fn kind(&self, status: &[u8], headers: &Headers) -> Result<Kind, Uncertain> {
        kind(status, headers, self.rules.on_uncertain == OnUncertain::Scan)
    }
}

/// What the body is read as; what can only be scanned as plain text is read as that when `scans`.
pub(super) fn kind(status: &[u8], headers: &Headers, scans: bool) -> Result<Kind, Uncertain> {
    if status == b"101" {
        return Ok(Kind::WebSocket);
    }
    if !headers.all("content-encoding").all(|v| v.eq_ignore_ascii_case(b"identity")) {
        return Err(Uncertain::Encoded);
    }
    let mut content_types = headers.all("content-type");
    let content_type = content_types.next().unwrap_or_default();
    // Several header lines are one, with commas, by the time that a filter sees them.
    if content_types.next().is_some() || content_type.contains(&b',') {
        return Err(Uncertain::ContentType);
    }
    if content_type.to_ascii_lowercase().starts_with(b"application/grpc") {
        return Err(Uncertain::Grpc);
    }
    if status == b"206" && !scans {
        return Err(Uncertain::Partial);
    }
    match charset(content_type) {
        Some(charset) if !is_utf8(charset) && scans => Ok(Kind::Text),
        Some(charset) if !is_utf8(charset) => Err(Uncertain::Charset),
        _ => Ok(Kind::of(content_type)),
    }
}

/// The value of the `charset` parameter.
fn charset(content_type: &[u8]) -> Option<&[u8]> {
    content_type.split(|b| *b == b';').skip(1).find_map(|parameter| {
        let equals = parameter.iter().position(|b| *b == b'=')?;
        let (name, value) = parameter.split_at_checked(equals)?;
        let value = value.get(1..)?.trim_ascii();
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        name.trim_ascii().eq_ignore_ascii_case(b"charset").then_some(value)
    })
}

fn is_utf8(charset: &[u8]) -> bool {
    [&b"utf-8"[..], b"utf8", b"us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
}
