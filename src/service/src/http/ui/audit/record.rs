//! One record: everything it says, in words, and the line itself.

use scopewarden_core::reason::Reason;
use scopewarden_core::time::UnixMillis;
use serde_json::Value;

use super::entry::{Entry, deep, people, text};
use super::filters::{address, exactly};
use super::said::{Said, payload};
use crate::audit::index::Found;
use crate::http::ui::call::Who;
use crate::http::ui::text::Visible;

/// Everything of a record.
#[derive(Debug)]
pub struct Record {
    /// What lists show, too.
    pub entry: Entry,
    /// What else is said of the request, as pairs of name and value.
    pub request: Vec<(&'static str, Visible)>,
    /// Facts of its body and path that rules go by.
    pub facts: Vec<(Visible, Visible)>,
    /// What the reason code means.
    pub meaning: Option<&'static str>,
    /// What the caller was told.
    pub message: Visible,
    /// Which rule decided; empty for none.
    pub rule: Visible,
    /// Scopes of which one was missing.
    pub wanted: Vec<Visible>,
    /// Scopes that the caller held.
    pub held: Vec<Visible>,
    /// The policy, its mode and its hash.
    pub policy: Vec<(&'static str, Visible)>,
    /// The approval that it went by.
    pub approval: Option<Approval>,
    /// What rules in shadow mode would have refused.
    pub shadow: Vec<Shadow>,
    /// Why the response was refused or cut off.
    pub stopped: Option<Shadow>,
    /// How many texts each detector masked.
    pub masked: Vec<(Visible, u64)>,
    /// How the caller was proven.
    pub proof: Visible,
    /// What was asked, and answered, as far as it was kept.
    pub said: Said,
    /// How long it took.
    pub durations: Vec<(&'static str, String)>,
    /// What it belongs to: a name, a value, and a search for the same.
    pub links: Vec<(&'static str, Visible, String)>,
    /// The address of its session's page.
    pub session: Option<String>,
    /// Its place in its stream.
    pub chain: Chain,
    /// The line, byte by byte.
    pub line: Visible,
}

/// An approval, as the record has it.
#[derive(Debug)]
pub struct Approval {
    /// Its id.
    pub id: Visible,
    /// Its page.
    pub href: String,
    /// Where it stands.
    pub status: Visible,
    /// How that is drawn.
    pub tone: &'static str,
    /// Who decided.
    pub approvers: Vec<Who>,
    /// Whether one of them did so alone, in an emergency.
    pub break_glass: bool,
}

/// A refusal that was not, or that came later.
#[derive(Debug)]
pub struct Shadow {
    /// The reason code.
    pub reason: Visible,
    /// The rule.
    pub rule: Visible,
    /// What a caller would be told.
    pub message: Visible,
}

/// A record among those of its stream.
#[derive(Debug)]
pub struct Chain {
    /// The stream.
    pub stream: Visible,
    /// The search for all of it.
    pub stream_href: String,
    /// The record's number there.
    pub seq: u64,
    /// SHA-256 of the line, in hex.
    pub hash: String,
    /// What it says the hash of the one before is.
    pub prev: Visible,
    /// The one before, in the log.
    pub before: Option<u64>,
    /// Whether that one has the hash that this one names; `None` when there is none.
    pub holds: Option<bool>,
    /// The one after.
    pub after: Option<u64>,
}

impl Record {
    /// A record that was found; `before` is the hash of the line before it in its stream.
    pub fn new(found: &Found, before: Option<&str>, now: UnixMillis) -> Self {
        let record = &found.row.record;
        let reason = text(record, "reason");
        let session = found.row.session.as_deref();
        Self {
            entry: Entry::new(&found.row, now),
            request: pairs(
                record,
                &[
                    ("Host", "/authority"),
                    ("Surface", "/surface"),
                    ("Server", "/server"),
                    ("RPC method", "/rpc_method"),
                    ("Request id", "/request_id"),
                    ("Proxy", "/instance"),
                    ("Filter", "/version"),
                ],
            ),
            facts: facts(record),
            meaning: Reason::ALL.iter().find(|r| r.code() == reason).map(|r| r.meaning().trim()),
            message: Visible::prose(text(record, "message")),
            rule: Visible::line(text(record, "rule")),
            wanted: list(record, "scopes_wanted"),
            held: list(record, "scopes_held"),
            policy: pairs(
                record,
                &[("Policy", "/policy"), ("Mode", "/mode"), ("Hash", "/policy_hash")],
            ),
            approval: approval(record),
            shadow: shadow(record),
            stopped: record.get("response_stopped").map(refusal),
            masked: masked(record),
            proof: Visible::line(deep(record, "/principal/proof").unwrap_or_default()),
            said: Said {
                request: payload(record, "request"),
                response: payload(record, "response"),
            },
            durations: durations(record),
            links: links(record),
            session: session.map(|key| super::session::address(key, None)),
            chain: Chain::new(found, before),
            line: Visible::line(&found.row.line),
        }
    }

    /// Whether anything says why it was decided so.
    pub fn has_grounds(&self) -> bool {
        !self.rule.is_empty() || !self.wanted.is_empty() || !self.held.is_empty()
    }
}

impl Chain {
    fn new(found: &Found, before: Option<&str>) -> Self {
        let record = &found.row.record;
        let (stream, prev) = (text(record, "stream"), text(record, "prev"));
        Self {
            stream: Visible::line(stream),
            stream_href: address(&exactly("stream", stream), None),
            seq: record.get("seq").and_then(Value::as_u64).unwrap_or_default(),
            hash: found.hash.clone(),
            prev: Visible::line(prev),
            before: found.before,
            holds: before.map(|hash| hash == prev),
            after: found.after,
        }
    }
}

/// Members that there are, by their pointers.
fn pairs(record: &Value, known: &[(&'static str, &str)]) -> Vec<(&'static str, Visible)> {
    let found = |(name, pointer): &(&'static str, &str)| {
        Some((*name, Visible::line(deep(record, pointer)?)))
    };
    known.iter().filter_map(found).collect()
}

fn list(record: &Value, name: &str) -> Vec<Visible> {
    let items = record.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(Visible::line).collect()
}

fn facts(record: &Value) -> Vec<(Visible, Visible)> {
    let facts = record.get("facts").and_then(Value::as_object).into_iter().flatten();
    let value = |value: &Value| match value {
        Value::String(text) => Visible::line(text),
        other => Visible::line(&other.to_string()),
    };
    facts.map(|(name, fact)| (Visible::line(name), value(fact))).collect()
}

fn masked(record: &Value) -> Vec<(Visible, u64)> {
    let found = record.get("masked").and_then(Value::as_object).into_iter().flatten();
    found.filter_map(|(name, count)| Some((Visible::line(name), count.as_u64()?))).collect()
}

/// The approval that a record went by.
pub(super) fn approval(record: &Value) -> Option<Approval> {
    let id = deep(record, "/approval/id")?;
    let status = deep(record, "/approval/status").unwrap_or_default();
    Some(Approval {
        id: Visible::line(id),
        href: format!("/approvals/{}", super::filters::encoded(id)),
        status: Visible::line(status),
        tone: match status {
            "approved" => "good",
            "pending" => "warning",
            "denied" => "danger",
            _ => "plain",
        },
        approvers: people(record, "/approval/approvers"),
        break_glass: record.pointer("/approval/break_glass") == Some(&Value::Bool(true)),
    })
}

/// What rules in shadow mode would have said.
fn shadow(record: &Value) -> Vec<Shadow> {
    let entries = record.get("shadow").and_then(Value::as_array).into_iter().flatten();
    entries.map(refusal).collect()
}

fn refusal(entry: &Value) -> Shadow {
    Shadow {
        reason: Visible::line(text(entry, "reason")),
        rule: Visible::line(text(entry, "rule")),
        message: Visible::prose(text(entry, "message")),
    }
}

fn durations(record: &Value) -> Vec<(&'static str, String)> {
    let all = [("Until the decision", "decision_us"), ("In all", "duration_us")];
    let one = |(what, name): (&'static str, &str)| Some((what, took(record.get(name)?.as_u64()?)));
    all.into_iter().filter_map(one).collect()
}

/// A duration in the unit that suits it.
fn took(us: u64) -> String {
    let tenths = |value: u64, unit: u64, name: &str| {
        let tenths = value.saturating_mul(10).checked_div(unit).unwrap_or_default();
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    };
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => tenths(us, 1000, "ms"),
        _ => tenths(us, 1_000_000, "s"),
    }
}

/// What the record belongs to, and a search for the rest of it.
fn links(record: &Value) -> Vec<(&'static str, Visible, String)> {
    let known = [("Record", "record", "/record"), ("Trace", "trace", "/session/trace")];
    let link = |(name, key, pointer): (&'static str, &str, &str)| {
        let value = deep(record, pointer)?;
        Some((name, Visible::line(value), address(&exactly(key, value), None)))
    };
    known.into_iter().filter_map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::took;

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        for (us, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1000, "1.0 ms"),
            (1_250_000, "1.2 s"),
            (61_000_000, "61.0 s"),
        ] {
            assert_eq!(took(us), text);
        }
    }
}
