//! Bringing the index up to date with the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use scopewarden_core::hex::hex;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::entry::{Entry, clean};
use super::{Index, IndexError, Kind, schema};
use crate::audit::record::{Line, hash};
use crate::audit::segments;
use crate::store::{signed, unsigned};

/// Most records, and bytes, of one transaction.
const BATCH: usize = 4096;
const BATCH_BYTES: u64 = 16 << 20;
/// Rows of one statement.
const ROWS: usize = 128;
/// Records whose times are summed up.
pub(super) const BLOCK: u64 = 4096;

/// How far the index is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// The next record.
    idx: u64,
    /// Its segment.
    segment: u64,
    /// Where in the segment it begins.
    position: u64,
    /// The hash of the last one; empty for none.
    hash: String,
}

impl Index {
    /// How many records of the log are in the index.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn filled(&self) -> Result<u64, IndexError> {
        Ok(self.state().await?.idx)
    }

    /// Whether the index is of this log, which has `size` records from `first` on; makes it anew when it is of another.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn check(&self, first: u64, size: u64) -> Result<(), IndexError> {
        let state = self.state().await?;
        if state.idx == 0 || state.idx <= first {
            return Ok(());
        }
        let last = self.row(state.idx.saturating_sub(1)).await;
        let same = matches!(&last, Ok(Some(row)) if hex(&hash(&row.line)) == state.hash);
        if state.idx > size || !same {
            tracing::warn!(
                indexed = state.idx,
                size,
                "the audit index is not of this log: it is made anew"
            );
            self.reset().await?;
        }
        Ok(())
    }

    /// Takes in the next records, some thousands at most, of the first `until` of the log, which are those that are synced.
    /// Returns how many are in.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn fill(&self, until: u64) -> Result<u64, IndexError> {
        let state = self.state().await?;
        if state.idx >= until {
            return Ok(state.idx);
        }
        let directory = self.directory.clone();
        let read = tokio::task::spawn_blocking(move || read(&directory, state, until)).await;
        let (mut entries, state) = read
            .map_err(|e| std::io::Error::other(e.to_string()))
            .map_err(|e| IndexError::Segment(segments::folder(&self.directory), e))??;
        let mut writer = self.writer.acquire().await?;
        let mut transaction = writer.begin().await?;
        join(&mut transaction, &mut entries).await?;
        insert(&mut transaction, self.kind, &entries).await?;
        blocks(&mut transaction, &entries).await?;
        sqlx::query("UPDATE audit_state SET idx = $1, segment = $2, position = $3, hash = $4")
            .bind(signed(state.idx))
            .bind(signed(state.segment))
            .bind(signed(state.position))
            .bind(state.hash)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(state.idx)
    }

    async fn state(&self) -> Result<State, IndexError> {
        let query = "SELECT idx, segment, position, hash FROM audit_state";
        let row = sqlx::query(query).fetch_one(&self.writer).await?;
        let number = |column| row.try_get(column).map(unsigned);
        Ok(State {
            idx: number(0)?,
            segment: number(1)?,
            position: number(2)?,
            hash: row.try_get(3)?,
        })
    }

    /// Forgets all records before `first`, which are no longer in the log.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn forget(&self, first: u64) -> Result<(), IndexError> {
        let first = signed(first);
        loop {
            let mut writer = self.writer.acquire().await?;
            let mut transaction = writer.begin().await?;
            let lowest = "SELECT MIN(idx) FROM audit_records WHERE idx < $1";
            let row = sqlx::query(lowest).bind(first).fetch_one(&mut *transaction).await?;
            let Some(lowest) = row.try_get::<Option<i64>, _>(0)? else { return Ok(()) };
            let end = lowest.saturating_add(signed(BLOCK)).min(first);
            let mut statements = vec![
                "DELETE FROM audit_values WHERE idx < $1",
                "DELETE FROM audit_records WHERE idx < $1",
                "DELETE FROM audit_blocks WHERE (block + 1) * 4096 <= $1",
            ];
            if self.kind == Kind::Sqlite {
                statements.push("DELETE FROM audit_words WHERE rowid < $1");
            }
            for statement in statements {
                sqlx::query(statement).bind(end).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
    }
}

/// The next records, and where those after them begin.
fn read(directory: &Path, mut state: State, until: u64) -> Result<(Vec<Entry>, State), IndexError> {
    let mut entries = Vec::new();
    let (mut text, mut last) = (String::new(), String::new());
    let mut bytes = 0;
    while state.idx < until && entries.len() < BATCH && bytes < BATCH_BYTES {
        let path = segments::records(directory, state.segment);
        let failed = |e| IndexError::Segment(path.clone(), e);
        let mut file = match File::open(&path) {
            Ok(file) => BufReader::with_capacity(1 << 18, file),
            // It is over, or was removed because it was old.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                state = next(directory, &state)?.ok_or_else(|| failed(e))?;
                continue;
            }
            Err(e) => return Err(failed(e)),
        };
        file.seek(SeekFrom::Start(state.position)).map_err(failed)?;
        while state.idx < until && entries.len() < BATCH && bytes < BATCH_BYTES {
            text.clear();
            file.read_line(&mut text).map_err(failed)?;
            let Some(line) = text.strip_suffix('\n') else { break };
            let read = Line::head(line).ok_or(IndexError::Changed(state.idx))?;
            entries.push(Entry::new(&read, state.idx, state.segment, state.position));
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            bytes = bytes.saturating_add(length);
            state.position = state.position.saturating_add(length);
            state.idx = state.idx.saturating_add(1);
            std::mem::swap(&mut text, &mut last);
        }
        let full = state.idx >= until || entries.len() >= BATCH || bytes >= BATCH_BYTES;
        if !full {
            // The segment is over: the next one begins with the next record.
            let ended = failed(std::io::ErrorKind::UnexpectedEof.into());
            state = next(directory, &state)?.ok_or(ended)?;
        }
    }
    state.hash = hex(&hash(last.trim_end_matches('\n')));
    Ok((entries, state))
}

/// At the beginning of the segment after this one.
fn next(directory: &Path, state: &State) -> Result<Option<State>, IndexError> {
    let folder = segments::folder(directory);
    let all = segments::list(directory).map_err(|e| IndexError::Segment(folder, e))?;
    let next = all.into_iter().find(|first| *first >= state.idx);
    Ok(next.map(|first| State {
        idx: first,
        segment: first,
        position: 0,
        hash: state.hash.clone(),
    }))
}

/// Finds the sessions of those that go on from another record's response.
async fn join(connection: &mut AnyConnection, entries: &mut [Entry]) -> Result<(), IndexError> {
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries {
        if let Some(previous) = entry.previous.take() {
            let previous = clean(previous);
            let known = match made.get(&previous) {
                Some(session) => Some(session.clone()),
                None => {
                    let query = "SELECT session FROM audit_records WHERE response = $1 AND response <> '' ORDER BY idx DESC LIMIT 1";
                    let row =
                        sqlx::query(query).bind(previous).fetch_optional(&mut *connection).await?;
                    row.map(|row| row.try_get(0)).transpose()?
                }
            };
            if let (Some(known), Some(session)) = (known, entry.text("session")) {
                *session = known;
            }
        }
        let response = entry.text("response").map(|r| r.clone()).filter(|r| !r.is_empty());
        if let (Some(response), Some(session)) = (response, entry.text("session")) {
            made.insert(response, session.clone());
        }
    }
    Ok(())
}

async fn insert(
    connection: &mut AnyConnection,
    kind: Kind,
    entries: &[Entry],
) -> Result<(), IndexError> {
    for chunk in entries.chunks(ROWS) {
        let statement = schema::insert(kind, chunk.len());
        let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(chunk.len() == ROWS);
        for entry in chunk {
            let length = u64::try_from(entry.length).unwrap_or(u64::MAX);
            for number in [entry.idx, entry.segment, entry.position, length, entry.time, entry.seq]
            {
                query = query.bind(signed(number));
            }
            for text in &entry.texts {
                query = query.bind(text.as_str());
            }
            if kind == Kind::Postgres {
                query = query.bind(entry.vector());
            }
        }
        query.execute(&mut *connection).await?;
    }
    let values: Vec<_> = entries
        .iter()
        .flat_map(|entry| entry.values.iter().map(|(name, value)| (*name, value, entry.idx)))
        .collect();
    for chunk in values.chunks(ROWS) {
        let statement = schema::values(kind, "audit_values (name, value, idx)", 3, chunk.len());
        let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(chunk.len() == ROWS);
        for (name, value, idx) in chunk {
            query = query.bind(*name).bind(value.as_str()).bind(signed(*idx));
        }
        query.execute(&mut *connection).await?;
    }
    if kind == Kind::Sqlite {
        let spoken: Vec<_> = entries.iter().filter(|entry| !entry.words.is_empty()).collect();
        for chunk in spoken.chunks(ROWS) {
            let statement = schema::values(kind, "audit_words (rowid, words)", 2, chunk.len());
            let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(chunk.len() == ROWS);
            for entry in chunk {
                query = query.bind(signed(entry.idx)).bind(entry.words.join(" "));
            }
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Notes the earliest and the latest time of each block.
async fn blocks(connection: &mut AnyConnection, entries: &[Entry]) -> Result<(), IndexError> {
    let mut found: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for entry in entries {
        let times = found.entry(entry.idx.div_euclid(BLOCK)).or_insert((entry.time, entry.time));
        *times = (times.0.min(entry.time), times.1.max(entry.time));
    }
    let upsert = "INSERT INTO audit_blocks (block, earliest, latest) VALUES ($1, $2, $3) ON CONFLICT (block) DO UPDATE SET \
                  earliest = CASE WHEN audit_blocks.earliest < excluded.earliest THEN audit_blocks.earliest ELSE excluded.earliest END, \
                  latest = CASE WHEN audit_blocks.latest > excluded.latest THEN audit_blocks.latest ELSE excluded.latest END";
    for (block, (earliest, latest)) in found {
        let query =
            sqlx::query(upsert).bind(signed(block)).bind(signed(earliest)).bind(signed(latest));
        query.execute(&mut *connection).await?;
    }
    Ok(())
}
