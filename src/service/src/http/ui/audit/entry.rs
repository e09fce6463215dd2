//! A record in a list: who, what, and what was decided.

use scopewarden_core::time::UnixMillis;
use serde_json::Value;

use super::filters::{address, exactly};
use crate::audit::index::Row;
use crate::audit::time;
use crate::http::ui::call::Who;
use crate::http::ui::moment::Moment;
use crate::http::ui::text::Visible;

/// A record, as far as lists show it.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the log.
    pub index: u64,
    /// When it was written; what says no time has none.
    pub at: Option<Moment>,
    /// What was decided, or what kind of record this is.
    pub outcome: Outcome,
    /// Whether it is about a request.
    pub is_request: bool,
    /// The caller, if one was proven.
    pub who: Option<Who>,
    /// The search for what else the caller did.
    pub who_href: String,
    /// Who acted for the caller, the current one first.
    pub actors: Vec<Who>,
    /// What was asked for; empty when it was not recognised.
    pub operation: Visible,
    /// How far it reaches.
    pub tier: Visible,
    /// How loud the tier is drawn.
    pub tone: &'static str,
    /// The method.
    pub method: Visible,
    /// The path.
    pub path: Visible,
    /// The reason code, unless it went through.
    pub reason: Visible,
    /// What the caller was answered.
    pub status: Option<u64>,
    /// How many texts were masked in the response.
    pub masked: u64,
    /// Whether somebody approved it, or did not: where that stands.
    pub approval: Visible,
    /// What a record that is about no request says.
    pub note: Visible,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// In a word or two.
    pub label: &'static str,
    /// What follows the caller's name in a sentence.
    pub verb: &'static str,
    /// How it is drawn.
    pub tone: &'static str,
}

impl Outcome {
    const fn new(label: &'static str, verb: &'static str, tone: &'static str) -> Self {
        Self { label, verb, tone }
    }

    /// Of a record.
    pub fn of(record: &Value) -> Self {
        match (text(record, "kind"), text(record, "decision")) {
            ("decision", "allow") if record.get("response_stopped").is_some() => {
                Self::new("stopped", "was not given the answer to", "warning")
            }
            ("decision", "allow") => Self::new("allowed", "was allowed", "good"),
            ("decision", "deny") if text(record, "reason") == "approval_pending" => {
                Self::new("held", "was held for approval of", "warning")
            }
            ("decision", "deny") => Self::new("refused", "was refused", "danger"),
            ("decision", "shadow_deny") => {
                Self::new("would be refused", "was allowed, in shadow mode,", "warning")
            }
            ("decision", "abandoned") => {
                Self::new("abandoned", "went away while asking for", "plain")
            }
            ("intent", _) => Self::new("intent", "was about to be allowed", "plain"),
            ("stream", _) => Self::new("stream begins", "", "plain"),
            ("end", _) => Self::new("stream ends", "", "plain"),
            ("head", _) if text(record, "because") == "lost" => {
                Self::new("stream lost", "", "warning")
            }
            ("head", _) => Self::new("stream closed", "", "plain"),
            ("gap", _) => Self::new("records dropped", "", "danger"),
            _ => Self::new("unknown", "did something unknown with", "plain"),
        }
    }
}

/// A member that is a text, or nothing.
pub(super) fn text<'r>(record: &'r Value, name: &str) -> &'r str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A member of a member, such as `/principal/subject`.
pub(super) fn deep<'r>(record: &'r Value, pointer: &str) -> Option<&'r str> {
    record.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A person of a record.
pub(super) fn who(party: &Value) -> Option<Who> {
    let subject = party.get("subject").and_then(Value::as_str)?;
    Some(Who { subject: Visible::line(subject), issuer: Visible::line(text(party, "issuer")) })
}

/// People of a record: an array.
pub(super) fn people(record: &Value, pointer: &str) -> Vec<Who> {
    record
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(who)
        .collect()
}

/// How many texts were masked, of all detectors.
fn masked(record: &Value) -> u64 {
    let found = record.get("masked").and_then(Value::as_object).into_iter().flatten();
    found.filter_map(|(_, count)| count.as_u64()).fold(0, u64::saturating_add)
}

impl Entry {
    /// A record, seen from `now`.
    pub fn new(row: &Row, now: UnixMillis) -> Self {
        let record = &row.record;
        let reason = text(record, "reason");
        let subject = deep(record, "/principal/subject");
        let terms = [("principal", subject), ("issuer", deep(record, "/principal/issuer"))];
        let terms: Vec<_> = terms
            .iter()
            .filter_map(|(key, value)| value.map(|value| exactly(key, value)))
            .collect();
        Self {
            index: row.index,
            at: time::of(record).map(|at| Moment::new(at, now)),
            outcome: Outcome::of(record),
            is_request: matches!(text(record, "kind"), "decision" | "intent"),
            who: record.get("principal").and_then(who),
            who_href: address(&terms.join(" "), None),
            actors: people(record, "/principal/actors"),
            operation: Visible::line(text(record, "operation")),
            tier: Visible::line(text(record, "tier")),
            tone: crate::http::ui::call::tone(text(record, "tier")),
            method: Visible::line(text(record, "method")),
            path: Visible::line(text(record, "path")),
            reason: Visible::line(if reason == "ok" { "" } else { reason }),
            status: record.get("status").and_then(Value::as_u64),
            masked: masked(record),
            approval: Visible::line(deep(record, "/approval/status").unwrap_or_default()),
            note: Visible::line(&note(record)),
        }
    }
}

/// What a record that is about no request says.
fn note(record: &Value) -> String {
    match text(record, "kind") {
        "stream" => {
            let proxy = match text(record, "instance") {
                "" => "a proxy".to_owned(),
                instance => format!("proxy {instance}"),
            };
            format!("{proxy} with policy {}, mode {}", text(record, "policy"), text(record, "mode"))
        }
        "head" => {
            let stream = deep(record, "/of/stream").unwrap_or_default();
            let seq = record.pointer("/of/seq").and_then(Value::as_u64).unwrap_or_default();
            format!("the last record of stream {stream} is number {seq}")
        }
        "gap" => {
            let dropped = record.get("dropped").and_then(Value::as_u64).unwrap_or_default();
            let because = match text(record, "because") {
                "spool_full" => "the spool was full",
                "refused" => "the sink refused them",
                other => other,
            };
            let (since, until) = (text(record, "since"), text(record, "until"));
            format!("{dropped} were never sent, from {since} to {until}: {because}")
        }
        "end" => "the proxy's configuration was replaced, or it stopped".to_owned(),
        "decision" | "intent" => String::new(),
        kind => kind.to_owned(),
    }
}
