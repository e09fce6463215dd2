//! A record as a row.

use serde_json::Value;

use super::schema::TEXTS;
use super::session::{self, Said};
use crate::audit::query::{self, Field};
use crate::audit::record::Line;
use crate::audit::time;

/// Longest text of a column, in bytes: indexes of PostgreSQL have no room for more.
const LONGEST: usize = 1024;

/// What is put into the index about one record.
pub(super) struct Entry {
    pub(super) idx: u64,
    pub(super) segment: u64,
    pub(super) position: u64,
    pub(super) length: usize,
    pub(super) time: u64,
    pub(super) seq: u64,
    /// As [`TEXTS`].
    pub(super) texts: [String; TEXTS.len()],
    /// Members that there can be several of: the field's name, and a value.
    pub(super) values: Vec<(&'static str, String)>,
    pub(super) words: Vec<String>,
    /// The response that it goes on from, unless it names its conversation.
    pub(super) previous: Option<String>,
}

impl Entry {
    /// Of a line that was accepted.
    pub(super) fn new(line: &Line<'_>, idx: u64, segment: u64, position: u64) -> Self {
        // It was read when it was accepted; if it was changed since, verifying tells.
        let record: Value = serde_json::from_str(line.text).unwrap_or_default();
        let Said { conversation, previous, response, own } = session::said(&record);
        let texts = TEXTS.map(|name| match name {
            "stream" => line.stream.to_string(),
            "response" => clean(response.unwrap_or_default().to_owned()),
            "session" => clean(own.clone().unwrap_or_default()),
            name => {
                let field = Field::named(name);
                clean(field.and_then(|f| f.values(&record).pop()).unwrap_or_default())
            }
        });
        let many = Field::ALL.into_iter().filter(|field| field.is_many());
        let mut values: Vec<_> = many
            .flat_map(|field| {
                field.values(&record).into_iter().map(move |v| (field.name(), clean(v)))
            })
            .collect();
        values.sort_unstable();
        values.dedup();
        Self {
            idx,
            segment,
            position,
            length: line.text.len(),
            time: time::of(&record).map_or(0, |time| time.0),
            seq: line.seq,
            texts,
            values,
            words: query::of(&record),
            previous: previous.filter(|_| conversation.is_none()).map(str::to_owned),
        }
    }

    /// The column of this name.
    pub(super) fn text(&mut self, name: &str) -> Option<&mut String> {
        let place = TEXTS.iter().position(|known| *known == name)?;
        self.texts.get_mut(place)
    }

    /// The words as PostgreSQL reads them: `'a':1 'b':2`. They are letters and digits, so that nothing has to be escaped.
    pub(super) fn vector(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for (n, word) in self.words.iter().enumerate() {
            let _ = write!(text, "'{word}':{} ", n.saturating_add(1));
        }
        text
    }
}

/// Text that every database takes: not too long, and without zero bytes.
pub(super) fn clean(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}
