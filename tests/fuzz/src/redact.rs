//! Masking: where the pieces of a body end makes no difference, and what has nothing to be masked by stays as it is.

use std::sync::{Arc, LazyLock};

use scopewarden_core::redact::{Detectors, Kind, Masker, PERSONAL, Pattern, Rules, Stop, secrets};

static RULES: LazyLock<[Arc<Rules>; 2]> = LazyLock::new(|| {
    let secrets: Vec<_> = secrets().into_iter().map(|known| known.name).collect();
    let all = secrets.into_iter().chain(PERSONAL);
    [Detectors::new(all, Vec::new()), Detectors::new([], Vec::new())]
        .map(|detectors| Arc::new(Rules::new(detectors)))
});

/// What came out, and how it ended.
type Run = (Vec<u8>, Result<(), Stop>);

/// One body: the first byte says how long the pieces are that it is cut into.
pub fn check(kind: Kind, data: &[u8]) {
    let Some((size, body)) = data.split_first() else { return };
    let size = usize::from(*size % 16) + 1;
    let [all, none] = &*RULES;
    for rules in [all, none] {
        let whole = run(rules, kind, body, body.len().max(1));
        assert_eq!(run(rules, kind, body, size), whole, "pieces of {size}");
    }
    let (out, end) = run(none, kind, body, size);
    assert!(body.starts_with(&out) || end.is_err() || kind == Kind::WebSocket);
    if end.is_ok() && kind != Kind::WebSocket {
        assert_eq!(out, body, "changed with nothing to look for");
    }
}

/// A pattern of one's own up to the first line end, and a text behind it.
pub fn pattern(data: &[u8]) {
    let Some((size, rest)) = data.split_first() else { return };
    let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    let (written, text) = rest.split_at(end);
    let Ok(pattern) =
        std::str::from_utf8(written).map_err(drop).and_then(|p| Pattern::new(p).map_err(drop))
    else {
        return;
    };
    let detectors = Detectors::new([], vec![("own".to_owned(), pattern)]);
    let rules = Arc::new(Rules::new(detectors));
    let whole = run(&rules, Kind::Text, text, text.len().max(1));
    let size = usize::from(*size % 16) + 1;
    assert_eq!(run(&rules, Kind::Text, text, size), whole, "pieces of {size}");
}

fn run(rules: &Arc<Rules>, kind: Kind, body: &[u8], size: usize) -> Run {
    let mut masker = Masker::new(Arc::clone(rules), kind);
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        if let Err(stop) = masker.feed(piece, &mut out) {
            return stopped(masker, stop, out);
        }
        assert!(masker.held() <= 8 * body.len() + 4096, "holds {}", masker.held());
    }
    match masker.finish(&mut out) {
        Ok(()) => (out, Ok(())),
        Err(stop) => stopped(masker, stop, out),
    }
}

/// Nothing comes after a stop.
fn stopped(mut masker: Masker, stop: Stop, mut out: Vec<u8>) -> Run {
    let length = out.len();
    assert_eq!(masker.feed(b"x\n\n", &mut out), Err(stop), "a stop is final");
    assert_eq!(masker.finish(&mut out), Err(stop), "a stop is final");
    assert_eq!(out.len(), length, "written after a stop");
    (out, Err(stop))
}
