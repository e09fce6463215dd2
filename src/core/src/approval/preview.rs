//! What an approver is shown of a call, beside what the fingerprint covers.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::audit::veil;
use crate::identity::strict_object;
use crate::limits;

/// A bounded view of the call. It may leave out, never add: the fingerprint covers the bytes themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// Names of the query's parameters and their values, secrets masked: by their names, and by what they look like.
    pub query: Vec<(String, String)>,
    /// The body as JSON text, secrets masked; `None` when there is none, or it is not one JSON object.
    pub body: Option<String>,
    /// Whether the body goes on after what is shown, or is not shown at all.
    pub truncated: bool,
}

/// What stands in for a secret.
const MASK: &str = "[masked]";

/// Parts of names whose values are never shown.
const SECRET_NAMES: [&str; 9] = [
    "api_key",
    "apikey",
    "api-key",
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "credential",
];

impl Preview {
    /// The view of a call with this body, without its query.
    pub fn of_body(body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::default();
        }
        let Ok(mut members) = strict_object(body) else {
            return Self { truncated: true, ..Self::default() };
        };
        mask_members(&mut members);
        let text = Value::Object(members).to_string();
        match text.char_indices().nth(limits::MAX_PREVIEW_CHARS) {
            None => Self { body: Some(text), ..Self::default() },
            Some((end, _)) => {
                let head = text.split_at_checked(end).map(|(head, _)| head.to_owned());
                Self { body: head, truncated: true, ..Self::default() }
            }
        }
    }

    /// The same view, with the query.
    #[must_use]
    pub fn with_query(mut self, query: &[(String, String)]) -> Self {
        let shown = |name: &str, value: &str| {
            if is_secret(name) { MASK.to_owned() } else { veil(value).into_owned() }
        };
        self.query = query.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect();
        self
    }
}

impl From<&Preview> for Value {
    fn from(preview: &Preview) -> Self {
        let query: Vec<Self> = preview.query.iter().map(|(n, v)| json!([n, v])).collect();
        json!({"query": query, "body": preview.body, "truncated": preview.truncated})
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // `max_tokens` and its kin are numbers, and what an approver needs to see.
    SECRET_NAMES.into_iter().any(|part| name.contains(part)) && !name.contains("tokens")
}

/// Masks by name, and what looks like a secret, at every depth. The body was read before with a bound on its depth.
fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => mask_members(members),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) => {
            if let Cow::Owned(masked) = veil(text) {
                *text = masked;
            }
        }
        _ => {}
    }
}

fn mask_members(members: &mut Map<String, Value>) {
    for (name, value) in members.iter_mut() {
        if is_secret(name) && !value.is_null() {
            *value = Value::from(MASK);
        } else {
            mask(value);
        }
    }
}
