//! What became of a request, however it was run.

use serde_json::Value;

use super::model::Expect;

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Whether the request went on to the upstream.
    pub forwarded: bool,
    /// The refusal, when there was one.
    pub refusal: Option<Answer>,
    /// Request headers that were taken off, when the driver can see it.
    pub removed: Option<Vec<String>>,
    /// The decision record.
    pub record: Value,
}

/// An answer that the caller gets.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Expect {
    /// Every difference between what was expected and what happened, a line each.
    pub fn check(&self, outcome: &Outcome) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: &Value, found: &Value| {
            if expected != found {
                differences.push(format!("{what}: expected {expected}, got {found}"));
            }
        };
        let record = |name: &str| outcome.record.get(name).cloned().unwrap_or(Value::Null);
        compare("decision", &Value::from(self.decision.as_str()), &record("decision"));
        for (name, wanted) in [("reason", &self.reason), ("operation", &self.operation)] {
            if let Some(wanted) = wanted {
                compare(name, &Value::from(wanted.as_str()), &record(name));
            }
        }
        for (pointer, wanted) in &self.record {
            compare(pointer, wanted, outcome.record.pointer(pointer).unwrap_or(&Value::Null));
        }
        let goes_on = self.decision != "deny";
        compare("forwarded", &Value::from(goes_on), &Value::from(outcome.forwarded));
        compare("refused", &Value::from(!goes_on), &Value::from(outcome.refusal.is_some()));
        if let (Some(wanted), Some(removed)) = (&self.removed, &outcome.removed) {
            compare("removed", &Value::from(wanted.clone()), &Value::from(removed.clone()));
        }
        if let Some(Answer { status, headers, body }) = &outcome.refusal {
            if let Some(wanted) = self.status {
                compare("status", &Value::from(wanted), &Value::from(*status));
            }
            for (name, part) in &self.headers {
                let found = headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
                if !found.contains(part.as_str()) {
                    differences.push(format!("header {name}: expected `{part}` in `{found}`"));
                }
            }
            if let Some(part) = &self.body {
                let found = String::from_utf8_lossy(body);
                if !found.contains(part.as_str()) {
                    differences.push(format!("body: expected `{part}` in `{found}`"));
                }
            }
        }
        differences
    }
}
