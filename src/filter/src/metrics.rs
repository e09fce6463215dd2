//! Counters and the histogram. A host without metrics leaves them out.

use std::collections::BTreeMap;

use scopewarden_core::exchange::Decided;
use scopewarden_core::operation::Tier;

use crate::host::{self, MetricKind};

/// Metric ids by what they count; the reason codes and tiers are closed lists, so their number is bounded.
///
/// A name is only written when its metric is first met: most requests count what one before them counted.
#[derive(Default)]
pub(crate) struct Metrics {
    decisions: BTreeMap<(&'static str, Option<Tier>, &'static str), Option<u32>>,
    micros: Option<Option<u32>>,
    responses: BTreeMap<&'static str, Option<u32>>,
    others: BTreeMap<&'static str, Option<u32>>,
}

impl Metrics {
    /// Counts a decision and records how long it took.
    pub(crate) fn decided(&mut self, decided: Decided) {
        let Decided { decision, tier, reason, micros } = decided;
        let counter = *self.decisions.entry((decision, tier, reason)).or_insert_with(|| {
            let tier = tier.map_or("none", |tier| tier.as_str());
            define(
                MetricKind::Counter,
                &format!("scopewarden_decisions.decision.{decision}.tier.{tier}.reason.{reason}"),
            )
        });
        if let Some(id) = counter {
            let _ = host::increment(id, 1);
        }
        let histogram = *self
            .micros
            .get_or_insert_with(|| define(MetricKind::Histogram, "scopewarden_decision_us"));
        if let Some(id) = histogram {
            let _ = host::record(id, micros);
        }
    }

    /// Counts a response that was masked, or stopped.
    pub(crate) fn responded(&mut self, how: &'static str) {
        let counter = *self.responses.entry(how).or_insert_with(|| {
            define(MetricKind::Counter, &format!("scopewarden_responses.outcome.{how}"))
        });
        if let Some(id) = counter {
            let _ = host::increment(id, 1);
        }
    }

    /// Counts something of a closed list.
    pub(crate) fn count(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    /// Counts several of them.
    pub(crate) fn add(&mut self, name: &'static str, by: u64) {
        let counter = *self.others.entry(name).or_insert_with(|| define(MetricKind::Counter, name));
        if let Some(id) = counter.filter(|_| by > 0) {
            let _ = host::increment(id, by);
        }
    }
}

/// The id of a metric; `None` from a host without metrics, which is not asked again.
fn define(kind: MetricKind, name: &str) -> Option<u32> {
    host::define_metric(kind, name).ok()
}
