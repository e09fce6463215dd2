//! What records say was allowed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::commands::replay::recorded::{Recorded, Verdict};

/// Everything that was allowed.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// How often, and by whom: by operation.
    pub(super) operations: BTreeMap<String, Operation>,
    /// Surfaces, each with the name of its server when it has one.
    pub(super) surfaces: BTreeSet<(String, Option<String>)>,
    /// Scopes that callers held.
    pub(super) held: BTreeSet<String>,
    pub(super) allowed: u64,
    pub(super) refused: u64,
    pub(super) first: String,
    pub(super) last: String,
}

/// One operation.
#[derive(Clone, Debug, Default)]
pub(super) struct Operation {
    pub(super) count: u64,
    pub(super) callers: BTreeMap<String, u64>,
    pub(super) models: Names,
    pub(super) tools: BTreeMap<Option<String>, Names>,
}

/// What a fact was.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) names: BTreeMap<String, u64>,
    /// How often it was not there, or not all of it is on record.
    pub(super) without: u64,
}

impl Names {
    fn add(&mut self, fact: Option<&Value>) {
        let whole = |text: &&str| !text.contains("… (") && !text.contains("[masked:");
        match fact.and_then(Value::as_str).filter(whole) {
            Some(name) => count(&mut self.names, name),
            None => self.without = self.without.saturating_add(1),
        }
    }

    /// All of these, too.
    pub(super) fn join(&mut self, other: &Self) {
        for (name, seen) in &other.names {
            let all = self.names.entry(name.clone()).or_default();
            *all = all.saturating_add(*seen);
        }
        self.without = self.without.saturating_add(other.without);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    let seen = counts.entry(name.to_owned()).or_default();
    *seen = seen.saturating_add(1);
}

impl Seen {
    /// Takes a line of a log.
    pub(super) fn line(&mut self, line: &[u8]) {
        let Ok(Some(recorded)) = Recorded::read(line) else { return };
        let (Verdict::Allow | Verdict::Hold, Some(operation)) =
            (recorded.verdict(false), recorded.operation())
        else {
            self.refused = self.refused.saturating_add(1);
            return;
        };
        // What was held and not approved had passed the rules: it is asked for, again, as it was.
        self.allowed = self.allowed.saturating_add(1);
        let time = recorded.time();
        if self.first.is_empty() || time < self.first.as_str() {
            self.first = time.to_owned();
        }
        if time > self.last.as_str() {
            self.last = time.to_owned();
        }
        let server = recorded.text("server").map(str::to_owned);
        if let Some(surface) = recorded.text("surface") {
            self.surfaces.insert((surface.to_owned(), server.clone()));
        }
        self.held.extend(recorded.scopes().into_iter().flatten().map(str::to_owned));
        let seen = self.operations.entry(operation.to_owned()).or_default();
        seen.count = seen.count.saturating_add(1);
        count(&mut seen.callers, recorded.caller().map_or("nobody", |(_, subject)| subject));
        seen.models.add(recorded.fact("model"));
        seen.tools.entry(server).or_default().add(recorded.fact("tool"));
    }
}
