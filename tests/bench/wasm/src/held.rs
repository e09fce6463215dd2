//! How much of a text is held back while it streams: English in deltas of four characters. It does not depend on the machine.

use std::sync::Arc;

use bench_redact::samples::{Random, prose};
use scopewarden_core::redact::{Detectors, Kind, Masker, PERSONAL, Rules, secrets};
use serde_json::Value;

use super::{at_least, figure};

const BYTES: usize = 1 << 20;
const DELTA: usize = 4;

/// Every figure.
pub fn figures() -> Vec<Value> {
    let known = secrets();
    let names = || known.iter().map(|known| known.name);
    let secrets = held(Rules::new(Detectors::new(names(), Vec::new())));
    let all = held(Rules::new(Detectors::new(names().chain(PERSONAL), Vec::new())));
    let none = u32::try_from(secrets.iter().filter(|held| **held == 0.0).count());
    vec![
        at_least(
            "redact.undelayed_secrets_only",
            vec![none.map_or(0.0, f64::from) * 100.0 / count(&secrets)],
            "%",
            Some(90.0),
        ),
        figure("redact.held_chars_secrets_only", vec![mean(&secrets)], "characters", Some(0.5)),
        figure("redact.held_chars", vec![mean(&all)], "characters", Some(4.0)),
        figure("redact.held_p99_chars", vec![p99(&all)], "characters", Some(12.0)),
        figure(
            "redact.held_max_chars",
            vec![all.last().copied().unwrap_or_default()],
            "characters",
            None,
        ),
    ]
}

/// What is held after each delta, sorted.
fn held(rules: Rules) -> Vec<f64> {
    let text = prose(&mut Random::new(7), BYTES);
    let mut masker = Masker::new(Arc::new(rules), Kind::Text);
    let mut out = Vec::new();
    let mut held = Vec::new();
    for delta in text.as_bytes().chunks(DELTA) {
        if masker.feed(delta, &mut out).is_ok() {
            held.push(u32::try_from(masker.held()).map_or(0.0, f64::from));
        }
        out.clear();
    }
    held.sort_by(f64::total_cmp);
    held
}

fn count(values: &[f64]) -> f64 {
    u32::try_from(values.len()).map_or(0.0, f64::from)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values)
}

fn p99(values: &[f64]) -> f64 {
    let at = values.len().saturating_mul(99) / 100;
    values.get(at).copied().unwrap_or_default()
}
