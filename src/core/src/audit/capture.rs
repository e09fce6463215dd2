//! What a record says of a body.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::settings::Payload;
use super::{Hash, veil};
use crate::redact::{Kind, Masker, Rules};

/// How much is masked before it is seen whether that is enough, in bytes.
const MASKED_AT_ONCE: usize = 4096;

/// Takes a body as it passes. It holds what is shown and no more.
#[derive(Clone, Debug)]
pub struct Capture {
    payload: Payload,
    content_type: Option<String>,
    hasher: Sha256,
    bytes: u64,
    /// Masks what is shown, until enough is.
    masker: Option<Box<Masker>>,
    /// Whether what is shown is masked here.
    masks: bool,
    shown: Vec<u8>,
    most: usize,
    cut: bool,
}

impl Capture {
    /// At the beginning of a body. At most `most` bytes of its masked text are shown.
    pub fn new(payload: Payload, content_type: Option<&[u8]>, most: usize) -> Self {
        let content_type = content_type.map(|v| veil(&String::from_utf8_lossy(v)).into_owned());
        Self {
            payload,
            content_type,
            hasher: Sha256::new(),
            bytes: 0,
            masker: None,
            masks: false,
            shown: Vec::new(),
            most,
            cut: false,
        }
    }

    /// Masks what is shown here. Without, somebody else does, and hands it in by [`masked`](Self::masked).
    #[must_use]
    pub fn masked_by(mut self, rules: &Arc<Rules>, kind: Kind) -> Self {
        if self.payload == Payload::Redacted {
            self.masker = Some(Box::new(Masker::new(Arc::clone(rules), kind)));
            self.masks = true;
        }
        self
    }

    /// Takes a piece of the body as it came; `end` when it is the last.
    pub fn take(&mut self, piece: &[u8], end: bool) {
        self.hasher.update(piece);
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        let Some(mut masker) = self.masker.take() else { return };
        let mut masked = Vec::new();
        // What comes after enough is shown is not looked at.
        for part in piece.chunks(MASKED_AT_ONCE) {
            masked.clear();
            let went = masker.feed(part, &mut masked);
            self.show(&masked);
            // What cannot be masked is not shown.
            self.cut |= went.is_err();
            if self.cut {
                return;
            }
        }
        if !end {
            self.masker = Some(masker);
            return;
        }
        masked.clear();
        let went = masker.finish(&mut masked);
        self.show(&masked);
        self.cut |= went.is_err();
    }

    /// Takes what somebody else has masked.
    pub fn masked(&mut self, masked: &[u8]) {
        if !self.masks {
            self.show(masked);
        }
    }

    fn show(&mut self, masked: &[u8]) {
        if self.payload != Payload::Redacted || self.cut {
            return;
        }
        let room = self.most.saturating_sub(self.shown.len());
        self.shown.extend(masked.iter().take(room));
        self.cut = masked.len() > room;
    }

    /// What is shown cannot be a text.
    pub fn hide(&mut self) {
        self.payload = self.payload.min(Payload::Digest);
    }

    /// The beginning of what is shown.
    pub fn shown(&self) -> &[u8] {
        &self.shown
    }

    /// What the record says, as far as `allowed`.
    pub fn close(self, allowed: Payload) -> Option<Value> {
        if allowed == Payload::None {
            return None;
        }
        let sha256 = Hash(self.hasher.finalize().into()).to_string();
        let mut said = json!({"bytes": self.bytes, "sha256": sha256});
        let members = said.as_object_mut()?;
        if let Some(content_type) = self.content_type {
            members.insert("content_type".to_owned(), content_type.into());
        }
        if allowed == Payload::Redacted && self.payload == Payload::Redacted {
            let text = String::from_utf8_lossy(&self.shown);
            // A character that was cut in two.
            let text = if self.cut { text.trim_end_matches('\u{fffd}') } else { &text };
            members.insert("body".to_owned(), text.into());
            if self.cut {
                members.insert("cut".to_owned(), true.into());
            }
        }
        Some(said)
    }
}
