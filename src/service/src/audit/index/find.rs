//! Single records, and whole sessions.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use scopewarden_core::hex::hex;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::entry::clean;
use super::{Index, IndexError, MAX_SESSION, Row};
use crate::audit::record::{Line, hash};
use crate::audit::segments;
use crate::store::{signed, unsigned};

/// A record with what stands around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The record.
    pub row: Row,
    /// The hash of its line, in hex.
    pub hash: String,
    /// Where the record before it in its stream is in the log.
    pub before: Option<u64>,
    /// Where the record after it in its stream is in the log.
    pub after: Option<u64>,
}

/// Where a line is.
pub(super) struct Place {
    idx: u64,
    segment: u64,
    position: u64,
    length: usize,
    session: String,
}

/// What [`place`] reads.
pub(super) const PLACE: &str = "r.idx, r.segment, r.position, r.length, r.session";

pub(super) fn place(row: &AnyRow) -> Result<Place, IndexError> {
    let number = |column| row.try_get(column).map(unsigned);
    Ok(Place {
        idx: number(0)?,
        segment: number(1)?,
        position: number(2)?,
        length: usize::try_from(number(3)?).unwrap_or_default(),
        session: row.try_get(4)?,
    })
}

impl Index {
    /// The record at `index` of the log.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn record(&self, index: u64) -> Result<Option<Found>, IndexError> {
        let Some(row) = self.row(index).await? else { return Ok(None) };
        let line = Line::head(&row.line).ok_or(IndexError::Changed(index))?;
        let (stream, seq) = (line.stream.to_string(), line.seq);
        let before = match seq.checked_sub(1) {
            Some(seq) => self.at(&stream, seq).await?,
            None => None,
        };
        let after = self.at(&stream, seq.saturating_add(1)).await?;
        let hash = hex(&hash(&row.line));
        Ok(Some(Found { row, hash, before, after }))
    }

    /// The records of a session, the oldest request first, whichever worker's arrived first; at most [`MAX_SESSION`].
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn session(&self, key: &str) -> Result<Vec<Row>, IndexError> {
        let query = "SELECT r.idx, r.segment, r.position, r.length, r.session FROM audit_records r \
                     WHERE r.session = $1 AND r.session <> '' ORDER BY r.time, r.idx LIMIT $2";
        let query = sqlx::query(query).bind(clean(key.to_owned())).bind(i64::from(MAX_SESSION));
        let rows = query.fetch_all(&self.readers).await?;
        let places = rows.iter().map(place).collect::<Result<_, _>>()?;
        self.read(places).await
    }

    /// Where the record of this stream and number is in the log.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn at(&self, stream: &str, seq: u64) -> Result<Option<u64>, IndexError> {
        let query =
            "SELECT idx FROM audit_records WHERE stream = $1 AND seq = $2 ORDER BY idx LIMIT 1";
        let query = sqlx::query(query).bind(clean(stream.to_owned())).bind(signed(seq));
        let row = query.fetch_optional(&self.readers).await?;
        Ok(row.map(|row| row.try_get(0).map(unsigned)).transpose()?)
    }

    pub(super) async fn row(&self, index: u64) -> Result<Option<Row>, IndexError> {
        let query = "SELECT r.idx, r.segment, r.position, r.length, r.session FROM audit_records r WHERE r.idx = $1";
        let row = sqlx::query(query).bind(signed(index)).fetch_optional(&self.readers).await?;
        let places = row.as_ref().map(place).transpose()?.into_iter().collect();
        Ok(self.read(places).await?.pop())
    }

    /// Reads the lines at these places. Those of segments that were removed meanwhile are left out.
    pub(super) async fn read(&self, places: Vec<Place>) -> Result<Vec<Row>, IndexError> {
        let directory = self.directory.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut files: BTreeMap<u64, (PathBuf, Option<File>)> = BTreeMap::new();
            let mut rows = Vec::with_capacity(places.len());
            for place in places {
                let (path, file) = files.entry(place.segment).or_insert_with(|| {
                    let path = segments::records(&directory, place.segment);
                    let file = File::open(&path).ok();
                    (path, file)
                });
                let Some(file) = file else { continue };
                let bytes = segments::read_at(file, place.position, place.length)
                    .map_err(|e| IndexError::Segment(path.clone(), e))?;
                let changed = || IndexError::Changed(place.idx);
                let line = String::from_utf8(bytes).map_err(|_| changed())?;
                let record = serde_json::from_str(&line).map_err(|_| changed())?;
                let session = Some(place.session).filter(|session| !session.is_empty());
                rows.push(Row { index: place.idx, session, line, record });
            }
            Ok(rows)
        });
        let folder = || segments::folder(&self.directory);
        read.await
            .map_err(|e| IndexError::Segment(folder(), std::io::Error::other(e.to_string())))?
    }
}
