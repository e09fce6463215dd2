//! What a judgement rests on that no record has.

use std::collections::BTreeSet;

use scopewarden_core::policy::{
    Binding, Condition, FactSource, Mode, Operation, PointerId, Policy, Rule,
};

use super::rebuild::{Rebuilt, member, on_record};
use super::recorded::Recorded;

/// Everything that the operation is judged by and that is not known.
pub(crate) fn unknown(
    policy: &Policy,
    operation: &Operation,
    rebuilt: &Rebuilt,
    recorded: &Recorded,
) -> BTreeSet<String> {
    let mut needs =
        Needs { policy, operation, rebuilt, recorded, missing: rebuilt.missing.clone() };
    for binding in &operation.bindings {
        needs.binding(binding);
    }
    let rules = operation.rules.iter().filter_map(|id| policy.rules.get(*id));
    for rule in rules.filter(|rule| rule.mode == Mode::Enforce) {
        needs.rule(rule);
    }
    needs.missing
}

struct Needs<'a> {
    policy: &'a Policy,
    operation: &'a Operation,
    rebuilt: &'a Rebuilt,
    recorded: &'a Recorded,
    missing: BTreeSet<String>,
}

impl Needs<'_> {
    fn rule(&mut self, rule: &Rule) {
        for (wanted, fact) in [(rule.models.is_some(), "model"), (rule.tools.is_some(), "tool")] {
            if wanted {
                self.fact(fact);
            }
        }
        for argument in &rule.arguments {
            self.fact("tool");
            let tool = self.recorded.fact("tool").and_then(|tool| tool.as_str());
            if tool.is_some_and(|tool| argument.tool.matches(tool)) {
                self.body(argument.pointer);
            }
        }
        for binding in &rule.bindings {
            self.binding(binding);
        }
        for condition in &rule.conditions {
            match condition {
                Condition::Header { name, .. } => {
                    self.missing.insert(format!("the header `{name}`"));
                }
                Condition::Query { name, .. } => self.query(name),
                Condition::Body { pointer, .. } => self.body(*pointer),
            }
        }
    }

    fn binding(&mut self, binding: &Binding) {
        self.query(&binding.parameter);
        if let Some(pointer) = binding.body {
            self.body(pointer);
        }
        if binding.claim != "sub" {
            self.missing.insert(format!("the claim `{}`", binding.claim));
        } else if self.recorded.caller().is_some_and(|(_, subject)| subject.contains("[masked:")) {
            self.missing.insert("the claim `sub`".to_owned());
        }
    }

    /// A fact that a rule compares.
    fn fact(&mut self, name: &str) {
        let Some((_, source)) = self.operation.facts.iter().find(|(fact, _)| fact == name) else {
            return;
        };
        match source {
            FactSource::Path(_) => {}
            FactSource::Query(parameter) => self.query(&parameter.clone()),
            FactSource::Body(pointer) => self.body(*pointer),
        }
    }

    /// A query parameter; one that is a fact is on record.
    fn query(&mut self, name: &str) {
        let facts = self.operation.facts.iter();
        let mut same =
            facts.filter(|(_, source)| matches!(source, FactSource::Query(q) if q == name));
        if !same.any(|(fact, _)| self.recorded.fact(fact).is_some()) {
            self.missing.insert(format!("the query parameter `{name}`"));
        }
    }

    /// A body member.
    fn body(&mut self, pointer: PointerId) {
        let known = if self.rebuilt.whole {
            !self.masked(pointer)
        } else {
            on_record(self.operation, pointer, self.recorded)
        };
        if !known {
            self.missing.extend(member(self.policy, pointer));
        }
    }

    /// Whether the recorded body says something else there than the one that was sent.
    fn masked(&self, pointer: PointerId) -> bool {
        let body = self.rebuilt.known.body.as_deref().unwrap_or_default();
        let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return true };
        let steps = self.policy.pointers.get(pointer).map_or(&[][..], |pointer| pointer.steps());
        let mut at = vec![&body];
        for step in steps {
            at = at
                .into_iter()
                .flat_map(|value| match (step.as_str(), value) {
                    ("*", serde_json::Value::Array(all)) => all.iter().collect::<Vec<_>>(),
                    (name, value) => value.get(name).into_iter().collect(),
                })
                .collect();
        }
        at.into_iter().any(|value| value.to_string().contains("[masked:"))
    }
}
