//! A query as a statement.
//!
//! The newest records are looked at first, in the order of the log: whatever is common is found there. What is rare is then
//! looked for by the index of its column; full text, and members with several values, by theirs.

use scopewarden_core::time::UnixMillis;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query as Statement;
use sqlx::{Any, AssertSqlSafe, Row as _};

use super::entry::clean;
use super::fill::BLOCK;
use super::find::{PLACE, place};
use super::{Index, IndexError, Kind, MAX_LIST, Row};
use crate::audit::query::{Field, Pattern, Query, Term, Test};
use crate::store::{signed, unsigned};

/// Records up to which a value counts as rare.
const RARE: i64 = 2000;

/// Some of the records that were looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The newest first.
    pub rows: Vec<Row>,
    /// What `before` has to be for those after them; `None` when these are the last.
    pub next: Option<u64>,
}

/// A value of a statement.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Number(i64),
}

/// A statement that grows.
struct Builder {
    kind: Kind,
    text: String,
    values: Vec<Value>,
}

impl Builder {
    fn new(kind: Kind) -> Self {
        Self { kind, text: String::new(), values: Vec::new() }
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        self.text.push_str(&format!("${}", self.values.len()));
        self
    }

    fn statement(self) -> Statement<'static, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.text));
        for value in self.values {
            query = match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
            };
        }
        query
    }
}

impl Index {
    /// The newest `limit` records (at most [`MAX_LIST`]) before `before` that the query is about.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn search(
        &self,
        query: &Query,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Page, IndexError> {
        let limit = usize::try_from(limit.clamp(1, MAX_LIST)).unwrap_or(1);
        let found = self.find(query, before, limit, PLACE).await?;
        let full = found.len() >= limit;
        let rows = self.read(found.iter().map(place).collect::<Result<_, _>>()?).await?;
        let next = rows.last().filter(|_| full).map(|row| row.index);
        Ok(Page { rows, next })
    }

    /// When the newest `limit` records were written that the query is about, and what they decided; the newest first. A record
    /// that is about no request decides nothing: an empty text.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn moments(
        &self,
        query: &Query,
        limit: usize,
    ) -> Result<Vec<(UnixMillis, String)>, IndexError> {
        let found = self.find(query, None, limit, "r.time, r.decision").await?;
        let moment =
            |row: &AnyRow| Ok((UnixMillis(row.try_get(0).map(unsigned)?), row.try_get(1)?));
        found.iter().map(moment).collect()
    }

    /// These columns of the newest `limit` records before `before` that the query is about.
    async fn find(
        &self,
        query: &Query,
        before: Option<u64>,
        limit: usize,
        columns: &str,
    ) -> Result<Vec<AnyRow>, IndexError> {
        let (low, high) = self.range(query, before).await?;
        let window = high.saturating_sub(self.newest).max(low);
        // Full text finds what is rare and what is common in the same time.
        let by_words = query.terms.iter().any(|term| is_phrase(term) && !term.negated);
        let mut found = Vec::new();
        if !by_words {
            found = self.between(query, (window, high), limit, None, columns).await?;
        }
        let left = limit.saturating_sub(found.len());
        if left > 0 && (by_words || window > low) {
            let high = if by_words { high } else { window };
            let driver = if by_words { None } else { self.rarest(query).await? };
            found.extend(self.between(query, (low, high), left, Some(driver), columns).await?);
        }
        Ok(found)
    }

    /// Between which records all that the query is about are: `low..high`.
    async fn range(&self, query: &Query, before: Option<u64>) -> Result<(i64, i64), IndexError> {
        let top = sqlx::query("SELECT idx FROM audit_state").fetch_one(&self.readers).await?;
        let mut high = top.try_get::<i64, _>(0)?.min(before.map_or(i64::MAX, signed));
        let mut low = 0;
        let block = signed(BLOCK);
        for term in &query.terms {
            let (statement, at) = match term.test {
                Test::Since(at) => ("SELECT MIN(block) FROM audit_blocks WHERE latest >= $1", at),
                Test::Until(at) => ("SELECT MAX(block) FROM audit_blocks WHERE earliest < $1", at),
                _ => continue,
            };
            let row = sqlx::query(statement).bind(signed(at.0)).fetch_one(&self.readers).await?;
            match (row.try_get::<Option<i64>, _>(0)?, &term.test) {
                (None, _) => return Ok((0, 0)),
                (Some(first), Test::Since(_)) => low = low.max(first.saturating_mul(block)),
                (Some(last), _) => high = high.min(last.saturating_add(1).saturating_mul(block)),
            }
        }
        Ok((low, high))
    }

    /// The term whose value the fewest records have, if it is rare. PostgreSQL has statistics for that.
    async fn rarest(&self, query: &Query) -> Result<Option<usize>, IndexError> {
        if self.kind == Kind::Postgres {
            return Ok(None);
        }
        let mut best = None;
        for (n, term) in query.terms.iter().enumerate() {
            let Test::Field(field, pattern) = &term.test else { continue };
            if term.negated || field.is_many() {
                continue;
            }
            let name = field.name();
            let mut probe = Builder::new(self.kind);
            probe.push(&format!(
                "SELECT COUNT(*) FROM (SELECT 1 FROM audit_records WHERE {name} <> '' AND "
            ));
            match (pattern.as_exact(), pattern.pieces().first()) {
                (Some(_), _) => value(&mut probe, name, pattern, true),
                (None, Some(prefix)) if !prefix.is_empty() => {
                    value(&mut probe, name, pattern, true)
                }
                _ => continue,
            }
            probe.push(" LIMIT ").bind(Value::Number(RARE)).push(") AS some");
            let count: i64 = probe.statement().fetch_one(&self.readers).await?.try_get(0)?;
            if best.is_none_or(|(fewest, _)| count < fewest) {
                best = Some((count, n));
            }
        }
        Ok(best.filter(|(count, _)| *count < RARE).map(|(_, n)| n))
    }

    /// Runs the query between two places. `driver` says that indexes may be used, and which term is the one to go by.
    async fn between(
        &self,
        query: &Query,
        (low, high): (i64, i64),
        limit: usize,
        driver: Option<Option<usize>>,
        columns: &str,
    ) -> Result<Vec<AnyRow>, IndexError> {
        if low >= high {
            return Ok(Vec::new());
        }
        let indexed = driver.is_some();
        let driver = driver.flatten();
        let mut sql = Builder::new(self.kind);
        sql.push(&format!("SELECT {columns} FROM "));
        let words: Vec<&Term> = query.terms.iter().filter(|t| is_phrase(t) && !t.negated).collect();
        let several = query.terms.iter().position(is_several);
        let several = several.filter(|_| indexed && driver.is_none() && words.is_empty());
        // In SQLite the order of a CROSS JOIN is the order in which tables are read.
        let idx = match (words.is_empty(), several) {
            (false, _) if self.kind == Kind::Sqlite => {
                sql.push("audit_words CROSS JOIN audit_records r ON r.idx = audit_words.rowid WHERE audit_words MATCH ");
                let all: Vec<_> = words.iter().filter_map(|term| phrase(self.kind, term)).collect();
                sql.bind(Value::Text(all.join(" AND "))).push(" AND ");
                "audit_words.rowid"
            }
            (true, Some(n)) => {
                sql.push("audit_values v CROSS JOIN audit_records r WHERE r.idx = v.idx AND ");
                if let Some(Term { test: Test::Field(field, pattern), .. }) = query.terms.get(n) {
                    sql.push(&format!("v.name = '{}' AND v.value = ", field.name()));
                    sql.bind(Value::Text(pattern.as_exact().unwrap_or_default().to_owned()))
                        .push(" AND ");
                }
                "v.idx"
            }
            _ => {
                sql.push("audit_records r WHERE ");
                "r.idx"
            }
        };
        // What is rare is sorted, so that SQLite does not go through all records in order instead.
        let idx = if driver.is_some() { format!("+{idx}") } else { idx.to_owned() };
        sql.push(&format!("{idx} >= ")).bind(Value::Number(low));
        sql.push(&format!(" AND {idx} < ")).bind(Value::Number(high));
        for (n, term) in query.terms.iter().enumerate() {
            let drives = several == Some(n)
                || (self.kind == Kind::Sqlite && is_phrase(term) && !term.negated);
            if !drives {
                sql.push(" AND ");
                // `+` keeps SQLite from going by the index of this column.
                let plus = if self.kind == Kind::Sqlite && driver.is_some_and(|d| d != n) {
                    "+"
                } else {
                    ""
                };
                condition(&mut sql, term, indexed, plus);
            }
        }
        sql.push(&format!(" ORDER BY {idx} DESC LIMIT "))
            .bind(Value::Number(i64::try_from(limit).unwrap_or(i64::MAX)));
        Ok(sql.statement().fetch_all(&self.readers).await?)
    }
}

fn is_phrase(term: &Term) -> bool {
    matches!(term.test, Test::Phrase { .. })
}

/// Whether the table of several values can find it.
fn is_several(term: &Term) -> bool {
    matches!(&term.test, Test::Field(field, pattern) if field.is_many() && pattern.as_exact().is_some() && !term.negated)
}

/// The phrase as the database reads it. Words are letters and digits: nothing has to be escaped.
fn phrase(kind: Kind, term: &Term) -> Option<String> {
    let Test::Phrase { words, open } = &term.test else { return None };
    Some(match kind {
        Kind::Sqlite => format!("\"{}\"{}", words.join(" "), if *open { " *" } else { "" }),
        Kind::Postgres => {
            let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
            format!("{}{}", quoted.join(" <-> "), if *open { ":*" } else { "" })
        }
    })
}

fn condition(sql: &mut Builder, term: &Term, indexed: bool, plus: &str) {
    if term.negated {
        sql.push("NOT ");
    }
    match &term.test {
        Test::Since(at) => sql.push("r.time >= ").bind(Value::Number(signed(at.0))),
        Test::Until(at) => sql.push("r.time < ").bind(Value::Number(signed(at.0))),
        Test::Phrase { .. } => {
            let text = Value::Text(phrase(sql.kind, term).unwrap_or_default());
            match sql.kind {
                Kind::Postgres => sql.push("r.words @@ ").bind(text).push("::tsquery"),
                Kind::Sqlite => sql
                    .push("r.idx IN (SELECT rowid FROM audit_words WHERE audit_words MATCH ")
                    .bind(text)
                    .push(")"),
            }
        }
        Test::Field(field, pattern) if field.is_many() => {
            sql.push(&format!(
                "EXISTS (SELECT 1 FROM audit_values x WHERE x.idx = r.idx AND x.name = '{}' AND ",
                field.name()
            ));
            value(sql, "x.value", pattern, false);
            sql.push(")")
        }
        Test::Field(field, pattern) => {
            let name = column(*field);
            sql.push(&format!("(r.{name} <> '' AND "));
            value(
                sql,
                &format!("{plus}r.{name}"),
                pattern,
                indexed && !term.negated && plus.is_empty(),
            );
            sql.push(")")
        }
    };
}

/// The column of a field that there is one of.
fn column(field: Field) -> &'static str {
    field.name()
}

/// That a column has such a value.
fn value(sql: &mut Builder, column: &str, pattern: &Pattern, indexed: bool) {
    if let Some(exact) = pattern.as_exact() {
        sql.push(&format!("{column} = ")).bind(Value::Text(clean(exact.to_owned())));
        return;
    }
    let (operator, any, escape): (_, _, fn(&str) -> String) = match sql.kind {
        Kind::Sqlite => (" GLOB ", "*", glob),
        Kind::Postgres => (" LIKE ", "%", like),
    };
    let text: Vec<_> = pattern.pieces().iter().map(|piece| escape(piece)).collect();
    sql.push(column).push(operator).bind(Value::Text(text.join(any).replace('\0', "\u{fffd}")));
    let prefix = pattern.pieces().first().filter(|prefix| indexed && !prefix.is_empty());
    if let Some(prefix) = prefix {
        let prefix = clean(prefix.clone());
        let end = format!("{prefix}\u{10ffff}");
        sql.push(&format!(" AND {column} >= ")).bind(Value::Text(prefix));
        sql.push(&format!(" AND {column} < ")).bind(Value::Text(end));
    }
}

fn glob(piece: &str) -> String {
    piece.chars().fold(String::new(), |mut text, c| {
        match c {
            '*' | '?' | '[' => text.extend(['[', c, ']']),
            c => text.push(c),
        }
        text
    })
}

fn like(piece: &str) -> String {
    piece.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
