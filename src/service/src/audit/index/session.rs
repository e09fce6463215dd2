//! What belongs together: the key of a record's session.

use serde_json::Value;

/// Longest name of a session that is told apart, in bytes.
const LONGEST: usize = 512;

/// What a record says about its session.
pub(super) struct Said<'a> {
    /// The session, if it is named for all of it: no other record is asked.
    pub(super) conversation: Option<String>,
    /// The response that this goes on from.
    pub(super) previous: Option<&'a str>,
    /// The response that was made.
    pub(super) response: Option<&'a str>,
    /// The session without other records.
    pub(super) own: Option<String>,
}

pub(super) fn said(record: &Value) -> Said<'_> {
    let session = record.get("session");
    let member = |name: &str| session?.get(name)?.as_str().filter(|text| !text.is_empty());
    let key = |name: &str| member(name).map(|text| named(name, text));
    let conversation = key("conversation");
    let own = conversation
        .clone()
        .or_else(|| key("mcp"))
        .or_else(|| key("run"))
        .or_else(|| key("response"))
        .or_else(|| key("trace"));
    Said { conversation, previous: member("previous"), response: member("response"), own }
}

/// The key as far as the record alone says.
pub(in crate::audit) fn own(record: &Value) -> Option<String> {
    said(record).own
}

fn named(name: &str, text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default();
    format!("{name}:{text}")
}
