//! What a record says of a request.

use serde_json::{Map, Value};

/// What was decided, as far as a candidate can decide otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Allow,
    Deny,
    /// A second person was asked, whatever they said.
    Hold,
}

impl Verdict {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Hold => "hold",
        }
    }
}

/// A decision record.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    members: Map<String, Value>,
}

impl Recorded {
    /// The record on a line; `None` when it is of another kind, or no request was decided.
    pub(crate) fn read(line: &[u8]) -> Result<Option<Self>, String> {
        let read = serde_json::from_slice::<Map<String, Value>>(line);
        let record = Self { members: read.map_err(|e| e.to_string())? };
        let decided = record.text("kind") == Some("decision")
            && !matches!(record.text("decision"), None | Some("abandoned"));
        Ok(decided.then_some(record))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A member of a member that is an object.
    pub(crate) fn inner(&self, name: &str, inner: &str) -> Option<&Value> {
        self.members.get(name)?.get(inner)
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        self.text("record").unwrap_or_default()
    }

    pub(crate) fn time(&self) -> &str {
        self.text("time").unwrap_or_default()
    }

    pub(crate) fn operation(&self) -> Option<&str> {
        self.text("operation")
    }

    pub(crate) fn reason(&self) -> &str {
        self.text("reason").unwrap_or_default()
    }

    /// Who called; `None` when nobody was proven.
    pub(crate) fn caller(&self) -> Option<(&str, &str)> {
        let text = |name| self.inner("principal", name)?.as_str();
        Some((text("issuer")?, text("subject")?))
    }

    /// What the policy in force said. What shadow mode let pass was refused, unless `passed` counts it as let pass.
    pub(crate) fn verdict(&self, passed: bool) -> Verdict {
        match self.text("decision") {
            Some("shadow_deny") if passed => Verdict::Allow,
            _ if self.reason().starts_with("approval_") || self.member("approval").is_some() => {
                Verdict::Hold
            }
            Some("allow") => Verdict::Allow,
            _ => Verdict::Deny,
        }
    }

    /// A fact.
    pub(crate) fn fact(&self, name: &str) -> Option<&Value> {
        self.inner("facts", name)
    }

    /// Scopes that the caller held; `None` when they are not on record.
    pub(crate) fn scopes(&self) -> Option<Vec<&str>> {
        Some(self.member("scopes_held")?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// The whole body, when it is on record.
    pub(crate) fn body(&self) -> Option<&str> {
        let cut = self.inner("request", "cut").is_some_and(|cut| cut != &Value::Bool(false));
        if cut { None } else { self.inner("request", "body")?.as_str() }
    }
}
