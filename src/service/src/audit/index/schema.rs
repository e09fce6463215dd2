//! The tables.
//!
//! They are made from the segments, so there is nothing to migrate: another [`VERSION`] begins anew. An empty text is a member
//! that a record does not have. Times are milliseconds since 1970.

use super::Kind;

/// Of these tables and of what is put there.
pub(super) const VERSION: i64 = 1;

/// Columns of text that queries ask for, each with an index.
pub(super) const TEXTS: [&str; 20] = [
    "stream",
    "kind",
    "record",
    "session",
    "principal",
    "issuer",
    "operation",
    "tier",
    "surface",
    "decision",
    "reason",
    "model",
    "tool",
    "method",
    "path",
    "status",
    "trace",
    "approval",
    "policy",
    "response",
];

/// Columns before those.
pub(super) const NUMBERS: [&str; 6] = ["idx", "segment", "position", "length", "time", "seq"];

/// Everything that is there.
pub(super) const TABLES: [&str; 5] =
    ["audit_state", "audit_records", "audit_values", "audit_blocks", "audit_words"];

/// What makes the tables.
pub(super) fn create(kind: Kind) -> Vec<String> {
    let (text, words) = match kind {
        Kind::Sqlite => ("TEXT NOT NULL", ""),
        // Bytes are compared, as in SQLite.
        Kind::Postgres => ("TEXT COLLATE \"C\" NOT NULL", ", words TSVECTOR NOT NULL"),
    };
    let texts: String = TEXTS.iter().map(|name| format!(", {name} {text}")).collect();
    let mut all = vec![
        "CREATE TABLE IF NOT EXISTS audit_state (version BIGINT NOT NULL, idx BIGINT NOT NULL, segment BIGINT NOT NULL, \
         position BIGINT NOT NULL, hash TEXT NOT NULL)"
            .to_owned(),
        format!(
            "CREATE TABLE IF NOT EXISTS audit_records (idx {key} PRIMARY KEY, segment BIGINT NOT NULL, position BIGINT NOT NULL, \
             length BIGINT NOT NULL, time BIGINT NOT NULL, seq BIGINT NOT NULL{texts}{words})",
            key = if kind == Kind::Sqlite { "INTEGER" } else { "BIGINT" },
        ),
        // Members that a record can have several of.
        format!(
            "CREATE TABLE IF NOT EXISTS audit_values (name {text}, value {text}, idx BIGINT NOT NULL, PRIMARY KEY (name, value, idx)){}",
            if kind == Kind::Sqlite { " WITHOUT ROWID" } else { "" },
        ),
        // The earliest and the latest time of each run of records.
        "CREATE TABLE IF NOT EXISTS audit_blocks (block BIGINT PRIMARY KEY, earliest BIGINT NOT NULL, latest BIGINT NOT NULL)".to_owned(),
        "CREATE INDEX IF NOT EXISTS audit_values_idx ON audit_values (idx)".to_owned(),
        // Streams are looked up by number.
        "CREATE INDEX IF NOT EXISTS audit_stream ON audit_records (stream, seq)".to_owned(),
        match kind {
            // The words are cut by this program, so that a search means the same everywhere.
            Kind::Sqlite => "CREATE VIRTUAL TABLE IF NOT EXISTS audit_words USING fts5(words, content='', contentless_delete=1, tokenize='ascii')",
            Kind::Postgres => "CREATE INDEX IF NOT EXISTS audit_words ON audit_records USING gin (words)",
        }
        .to_owned(),
    ];
    all.extend(TEXTS.iter().skip(1).map(|name| {
        format!("CREATE INDEX IF NOT EXISTS audit_{name} ON audit_records ({name}, idx) WHERE {name} <> ''")
    }));
    all
}

/// The statement that puts `rows` records there.
pub(super) fn insert(kind: Kind, rows: usize) -> String {
    let columns = NUMBERS.iter().chain(&TEXTS).copied().collect::<Vec<_>>();
    let (words, last) = match kind {
        Kind::Sqlite => ("", ""),
        Kind::Postgres => (", words", "::tsvector"),
    };
    let width = columns.len().saturating_add(usize::from(kind == Kind::Postgres));
    let target = format!("audit_records ({}{words})", columns.join(", "));
    statement(kind, &target, width, rows, last)
}

/// The statement that puts `rows` rows of `width` values into `target`.
pub(super) fn values(kind: Kind, target: &str, width: usize, rows: usize) -> String {
    statement(kind, target, width, rows, "")
}

/// The same, with a cast of the last value of each row.
///
/// To SQLite `$1` is a name, which it looks for among all others each time that a value is bound: thousands of values take `?`.
fn statement(kind: Kind, target: &str, width: usize, rows: usize, cast: &str) -> String {
    let mut text = format!("INSERT INTO {target} VALUES ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=width {
            let number = row.saturating_mul(width).saturating_add(column);
            let comma = if column == 1 { "" } else { "," };
            let cast = if column == width { cast } else { "" };
            match kind {
                Kind::Sqlite => text.push_str(&format!("{comma}?")),
                Kind::Postgres => text.push_str(&format!("{comma}${number}{cast}")),
            }
        }
        text.push(')');
    }
    text
}
