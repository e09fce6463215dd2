//! Counters and the histogram. A host without metrics leaves them out.

use std::collections::BTreeMap;

use scopewarden_core::exchange::Decided;

use crate::host::{self, MetricKind};

/// Metric ids by name; the reason codes and tiers are closed lists, so the number of names is bounded.
#[derive(Default)]
pub(crate) struct Metrics {
    ids: BTreeMap<String, Option<u32>>,
}

impl Metrics {
    /// Counts a decision and records how long it took.
    pub(crate) fn decided(&mut self, decided: Decided) {
        let tier = decided.tier.map_or("none", |tier| tier.as_str());
        let name = format!(
            "scopewarden_decisions.decision.{}.tier.{tier}.reason.{}",
            decided.decision, decided.reason
        );
        if let Some(id) = self.id(MetricKind::Counter, name) {
            let _ = host::increment(id);
        }
        if let Some(id) = self.id(MetricKind::Histogram, "scopewarden_decision_us".to_owned()) {
            let _ = host::record(id, decided.micros);
        }
    }

    /// Counts something that has no labels.
    pub(crate) fn count(&mut self, name: &str) {
        if let Some(id) = self.id(MetricKind::Counter, name.to_owned()) {
            let _ = host::increment(id);
        }
    }

    fn id(&mut self, kind: MetricKind, name: String) -> Option<u32> {
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        let id = host::define_metric(kind, &name).ok();
        self.ids.insert(name, id);
        id
    }
}
