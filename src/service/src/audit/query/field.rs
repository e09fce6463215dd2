//! Members of records that can be asked for.

use serde_json::Value;

/// A member, by its name in queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The caller's subject.
    Principal,
    /// Who says so.
    Issuer,
    /// What was asked for.
    Operation,
    /// How far it reaches.
    Tier,
    /// The API it belongs to.
    Surface,
    /// `allow`, `deny`, `abandoned`.
    Decision,
    /// Why.
    Reason,
    /// The model that the request names.
    Model,
    /// The tool that the request names.
    Tool,
    /// Of the request.
    Method,
    /// Of the request.
    Path,
    /// Of the response.
    Status,
    /// The key of its session.
    Session,
    /// The trace it belongs to.
    Trace,
    /// The id of its approval.
    Approval,
    /// The subject of somebody who approved.
    Approver,
    /// The policy's name.
    Policy,
    /// The record's id.
    Record,
    /// The stream it is in.
    Stream,
    /// What kind of record.
    Kind,
    /// A detector that found something in the response.
    Masked,
    /// Why it would be refused, if everything were enforced: the reason's code, and the rule.
    Shadow,
}

impl Field {
    /// All, in the order in which people are told of them.
    pub const ALL: [Self; 22] = [
        Self::Principal,
        Self::Issuer,
        Self::Operation,
        Self::Tier,
        Self::Surface,
        Self::Decision,
        Self::Reason,
        Self::Model,
        Self::Tool,
        Self::Method,
        Self::Path,
        Self::Status,
        Self::Session,
        Self::Trace,
        Self::Approval,
        Self::Approver,
        Self::Policy,
        Self::Record,
        Self::Stream,
        Self::Kind,
        Self::Masked,
        Self::Shadow,
    ];

    /// Its name in queries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Issuer => "issuer",
            Self::Operation => "operation",
            Self::Tier => "tier",
            Self::Surface => "surface",
            Self::Decision => "decision",
            Self::Reason => "reason",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Method => "method",
            Self::Path => "path",
            Self::Status => "status",
            Self::Session => "session",
            Self::Trace => "trace",
            Self::Approval => "approval",
            Self::Approver => "approver",
            Self::Policy => "policy",
            Self::Record => "record",
            Self::Stream => "stream",
            Self::Kind => "kind",
            Self::Masked => "masked",
            Self::Shadow => "shadow",
        }
    }

    /// The field of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Whether a record can have several.
    pub const fn is_many(self) -> bool {
        matches!(self, Self::Approver | Self::Masked | Self::Shadow)
    }

    /// What a record has there, not empty: several of [`Self::is_many`], else at most one.
    pub fn values(self, record: &Value) -> Vec<String> {
        let at = |pointer: &str| record.pointer(pointer);
        let found = match self {
            Self::Principal => at("/principal/subject"),
            Self::Issuer => at("/principal/issuer"),
            Self::Model => at("/facts/model"),
            Self::Tool => at("/facts/tool"),
            Self::Trace => at("/session/trace"),
            Self::Approval => at("/approval/id"),
            Self::Session => {
                return super::super::index::session::own(record).into_iter().collect();
            }
            Self::Approver => {
                let all = at("/approval/approvers").and_then(Value::as_array).into_iter().flatten();
                return all.filter_map(|party| text(party.get("subject")?)).collect();
            }
            Self::Masked => {
                let all = at("/masked").and_then(Value::as_object).into_iter().flatten();
                return all.map(|(name, _)| name.clone()).filter(|name| !name.is_empty()).collect();
            }
            Self::Shadow => return shadow(record),
            _ => record.get(self.name()),
        };
        found.and_then(text).into_iter().collect()
    }
}

/// Reasons and rules of what would be refused: by the policy as a whole, or by single rules that are in shadow mode.
fn shadow(record: &Value) -> Vec<String> {
    let whole = record.get("decision").and_then(Value::as_str) == Some("shadow_deny");
    let rules = record.get("shadow").and_then(Value::as_array).into_iter().flatten();
    let refusals = rules.chain(whole.then_some(record));
    refusals.flat_map(|r| [r.get("reason"), r.get("rule")]).flatten().filter_map(text).collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
