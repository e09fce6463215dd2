//! An approval as a row, and back.

use scopewarden_core::approval::{Bound, Preview};
use scopewarden_core::time::UnixMillis;
use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::StoreError;
use crate::domain::{Approval, Event};

/// A query for what [`approval`] reads, with the rest of its statement.
macro_rules! select_approvals {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, asked, expires, record, call, preview, state FROM approvals ",
            $rest
        )
    };
}
pub(super) use select_approvals;

/// Reads a row of [`select_approvals`].
pub(super) fn approval(row: &AnyRow) -> Result<Approval, StoreError> {
    let id: String = row.try_get(0)?;
    let json = |column: usize| row.try_get::<String, _>(column);
    let corrupt =
        |what: serde_json::Error| StoreError::Corrupt { id: id.clone(), what: what.to_string() };
    let call: Bound = serde_json::from_str(&json(5)?).map_err(corrupt)?;
    let preview: Preview = serde_json::from_str(&json(6)?).map_err(corrupt)?;
    let state = serde_json::from_str(&json(7)?).map_err(corrupt)?;
    Ok(Approval {
        version: unsigned(row.try_get(1)?),
        asked: UnixMillis(unsigned(row.try_get(2)?)),
        expires: UnixMillis(unsigned(row.try_get(3)?)),
        record: row.try_get(4)?,
        id,
        call,
        preview,
        state,
    })
}

/// Reads `at` and `event` of approval `id`.
pub(super) fn event(id: &str, row: &AnyRow) -> Result<(UnixMillis, Event), StoreError> {
    let json: String = row.try_get(1)?;
    let event = serde_json::from_str(&json)
        .map_err(|e| StoreError::Corrupt { id: id.to_owned(), what: e.to_string() })?;
    Ok((UnixMillis(unsigned(row.try_get(0)?)), event))
}

/// The call as the fingerprint covers it.
pub(super) fn call(approval: &Approval) -> String {
    Value::from(&approval.call).to_string()
}

/// The preview as JSON.
pub(super) fn preview(approval: &Approval) -> String {
    Value::from(&approval.preview).to_string()
}

/// Databases count with a sign.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
