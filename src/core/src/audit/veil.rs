//! What texts in records are masked by.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use crate::redact::{Detectors, Group, Kind, Masker, Rules, builtin};

/// Every detector of secrets: no text of a record may hold one, whatever a policy masks.
static SECRETS: LazyLock<Arc<Rules>> = LazyLock::new(|| {
    let names = builtin().filter(|about| about.group == Group::Secrets).map(|about| about.name);
    Arc::new(Rules::new(Detectors::new(names, Vec::new())))
});

/// What bodies in records are masked by when a policy masks nothing in responses: secrets, and personal data but for addresses of machines.
pub fn everything() -> Rules {
    let names = builtin().map(|about| about.name).filter(|name| *name != "ip");
    Rules::new(Detectors::new(names, Vec::new()))
}

/// A text that somebody chose, without the secrets in it.
pub fn veil(text: &str) -> Cow<'_, str> {
    // The shortest secrets are longer; most texts of a record are names.
    const SHORTEST: usize = 12;
    if text.len() < SHORTEST {
        return Cow::Borrowed(text);
    }
    let mut masker = Masker::new(Arc::clone(&SECRETS), Kind::Text);
    let mut out = Vec::with_capacity(text.len());
    // Secrets are masked and never block, and a text is no document that could be too deep.
    let stopped = masker.feed(text.as_bytes(), &mut out).and_then(|()| masker.finish(&mut out));
    match String::from_utf8(out) {
        Ok(masked) if stopped.is_ok() && masked == text => Cow::Borrowed(text),
        Ok(masked) if stopped.is_ok() => Cow::Owned(masked),
        _ => Cow::Borrowed("[masked]"),
    }
}
