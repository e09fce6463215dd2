//! The shadow report: what went through and would not, if everything were enforced.

use std::collections::{BTreeMap, BTreeSet};

use scopewarden_core::reason::Reason;
use scopewarden_core::time::UnixMillis;
use serde_json::Value;

use super::entry::{deep, text, who};
use super::filters::{address, exactly};
use crate::audit::index::Row;
use crate::audit::time;
use crate::http::ui::call::{Who, tone};
use crate::http::ui::moment::Moment;
use crate::http::ui::text::Visible;

/// Calls of one kind by one caller, refused for one reason.
#[derive(Debug)]
pub struct Group {
    /// The caller, if one was proven.
    pub who: Option<Who>,
    /// What was asked for; empty when it was not recognised.
    pub operation: Visible,
    /// How far it reaches.
    pub tier: Visible,
    /// How loud the tier is drawn.
    pub tone: &'static str,
    /// Why it would be refused.
    pub reason: Visible,
    /// What the code means.
    pub meaning: Option<&'static str>,
    /// The rule that would refuse it; empty when it is not a rule of the policy.
    pub rule: Visible,
    /// Whether only that rule is in shadow mode, and not the whole policy.
    pub single: bool,
    /// What the caller would be told, the last time.
    pub message: Visible,
    /// How many calls.
    pub count: u64,
    /// The first of them.
    pub first: Option<Moment>,
    /// The last.
    pub last: Option<Moment>,
    /// The search for them.
    pub href: String,
}

/// The report.
#[derive(Debug, Default)]
pub struct Report {
    /// The largest first.
    pub groups: Vec<Group>,
    /// Calls in all.
    pub calls: u64,
    /// Callers in all.
    pub callers: usize,
}

/// What a group is told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    subject: Option<String>,
    issuer: Option<String>,
    operation: String,
    reason: String,
    rule: String,
    single: bool,
}

/// What is counted.
#[derive(Debug, Default)]
struct Sum {
    count: u64,
    first: Option<UnixMillis>,
    last: Option<UnixMillis>,
    tier: String,
    message: String,
    who: Option<Who>,
}

impl Report {
    /// Of records that say what would be refused. `since` is part of the searches that groups lead to.
    pub fn new(rows: &[Row], since: &str, now: UnixMillis) -> Self {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        let mut callers = BTreeSet::new();
        let mut calls = 0_u64;
        for row in rows {
            let refusals = refusals(&row.record);
            if refusals.is_empty() {
                continue;
            }
            calls = calls.saturating_add(1);
            for (key, message) in refusals {
                callers.insert((key.issuer.clone(), key.subject.clone()));
                sums.entry(key).or_default().add(&row.record, message);
            }
        }
        let mut groups: Vec<_> =
            sums.into_iter().map(|(key, sum)| Group::new(key, sum, since, now)).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Self { groups, calls, callers: callers.len() }
    }
}

/// What a record says would be refused, and with which message. A call that was refused anyway loses nothing.
fn refusals(record: &Value) -> Vec<(Key, &str)> {
    let key = |refusal: &Value, single| Key {
        subject: deep(record, "/principal/subject").map(str::to_owned),
        issuer: deep(record, "/principal/issuer").map(str::to_owned),
        operation: text(record, "operation").to_owned(),
        reason: text(refusal, "reason").to_owned(),
        rule: text(refusal, "rule").to_owned(),
        single,
    };
    let mut found = Vec::new();
    if text(record, "decision") == "deny" {
        return found;
    }
    if text(record, "decision") == "shadow_deny" {
        found.push((key(record, false), text(record, "message")));
    }
    let rules = record.get("shadow").and_then(Value::as_array).into_iter().flatten();
    found.extend(rules.map(|refusal| (key(refusal, true), text(refusal, "message"))));
    found
}

impl Sum {
    /// Rows come the newest first.
    fn add(&mut self, record: &Value, message: &str) {
        let at = time::of(record);
        if self.count == 0 {
            self.last = at;
            text(record, "tier").clone_into(&mut self.tier);
            message.clone_into(&mut self.message);
            self.who = record.get("principal").and_then(who);
        }
        self.first = at.or(self.first);
        self.count = self.count.saturating_add(1);
    }
}

impl Group {
    fn new(key: Key, sum: Sum, since: &str, now: UnixMillis) -> Self {
        let mut terms = Vec::new();
        for (name, value) in [("principal", &key.subject), ("issuer", &key.issuer)] {
            terms.extend(value.as_ref().map(|value| exactly(name, value)));
        }
        if !key.operation.is_empty() {
            terms.push(exactly("operation", &key.operation));
        }
        terms.push(exactly("shadow", if key.rule.is_empty() { &key.reason } else { &key.rule }));
        if !since.is_empty() {
            terms.push(format!("since={since}"));
        }
        let moment = |at: UnixMillis| Moment::new(at, now);
        Self {
            who: sum.who,
            operation: Visible::line(&key.operation),
            tier: Visible::line(&sum.tier),
            tone: tone(&sum.tier),
            meaning: Reason::ALL
                .iter()
                .find(|r| r.code() == key.reason)
                .map(|r| r.meaning().trim()),
            reason: Visible::line(&key.reason),
            rule: Visible::line(&key.rule),
            single: key.single,
            message: Visible::prose(&sum.message),
            count: sum.count,
            first: sum.first.map(moment),
            last: sum.last.map(moment),
            href: address(&terms.join(" "), None),
        }
    }
}
