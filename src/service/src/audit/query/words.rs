//! Full text: which words a record has, the same for every index and for none.

use serde_json::Value;

/// Most words of a record that are looked at; PostgreSQL counts no further.
pub const MAX_WORDS: usize = 16_000;
/// Longest word, in bytes; longer ones are cut.
const LONGEST: usize = 128;

/// The words of a text: runs of letters and digits, in lower case.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(|word| {
        let mut word = word.to_lowercase();
        // `İ` in lower case has a mark that is no letter.
        word.retain(char::is_alphanumeric);
        word.truncate(word.floor_char_boundary(LONGEST));
        word
    })
}

/// What full text means: the path, the message, the facts, and bodies that were kept.
pub fn text(record: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let members = ["/path", "/message", "/facts", "/request/body", "/response/body"];
    for value in members.iter().filter_map(|pointer| record.pointer(pointer)) {
        collect(value, &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
        Value::Object(members) => members.values().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The words of a record, in order.
pub(crate) fn of(record: &Value) -> Vec<String> {
    text(record).into_iter().flat_map(words).take(MAX_WORDS).collect()
}
