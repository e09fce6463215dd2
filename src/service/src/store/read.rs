//! Looking approvals up.

use scopewarden_core::time::UnixMillis;
use sqlx::{AnyPool, Row};

use super::row::{self, select_approvals, signed, unsigned};
use super::{Store, StoreError};
use crate::domain::{Approval, Event, Person};

/// Most approvals that one call reads.
pub const MAX_LIST: u32 = 500;

impl Store {
    /// Whether the database answers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1 FROM approvals LIMIT 1").fetch_optional(&self.readers).await?;
        Ok(())
    }

    /// The approval with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, id: &str) -> Result<Option<Approval>, StoreError> {
        one(&self.readers, select_approvals!("WHERE id = $1"), id).await
    }

    /// The open approval of a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_for(&self, fingerprint: &str) -> Result<Option<Approval>, StoreError> {
        let query = select_approvals!("WHERE fingerprint = $1 AND is_open = 1");
        one(&self.readers, query, fingerprint).await
    }

    /// The last approval of a call that is over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_for(&self, fingerprint: &str) -> Result<Option<Approval>, StoreError> {
        let query =
            select_approvals!("WHERE fingerprint = $1 ORDER BY asked DESC, id DESC LIMIT 1");
        one(&self.readers, query, fingerprint).await
    }

    /// All steps of a set that were asked for, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set(&self, key: &str) -> Result<Vec<Approval>, StoreError> {
        let query = select_approvals!(
            "WHERE set_key = $1 AND set_key <> '' ORDER BY step, asked LIMIT 500"
        );
        many(sqlx::query(query).bind(key.to_owned()).fetch_all(&self.readers).await?)
    }

    /// What people have to decide, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pending(&self, now: UnixMillis) -> Result<Vec<Approval>, StoreError> {
        let query = select_approvals!(
            "WHERE is_open = 1 AND status = 'pending' AND expires > $1 ORDER BY asked LIMIT 500"
        );
        many(sqlx::query(query).bind(signed(now.0)).fetch_all(&self.readers).await?)
    }

    /// What is decided or over, the newest first; goes on after `last`, the last of the page before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(
        &self,
        last: Option<&Approval>,
        limit: u32,
    ) -> Result<Vec<Approval>, StoreError> {
        let query = select_approvals!(
            "WHERE status <> 'pending' AND (asked < $1 OR (asked = $1 AND id < $2)) \
             ORDER BY asked DESC, id DESC LIMIT $3"
        );
        let rows = sqlx::query(query)
            .bind(last.map_or(i64::MAX, |a| signed(a.asked.0)))
            .bind(last.map_or("", |a| &a.id).to_owned())
            .bind(i64::from(limit.min(MAX_LIST)))
            .fetch_all(&self.readers)
            .await?;
        many(rows)
    }

    /// How many open approvals somebody has asked for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_of(&self, caller: &Person) -> Result<u64, StoreError> {
        let query =
            "SELECT COUNT(*) FROM approvals WHERE issuer = $1 AND subject = $2 AND is_open = 1";
        let row = sqlx::query(query)
            .bind(&caller.issuer)
            .bind(&caller.subject)
            .fetch_one(&self.readers)
            .await?;
        Ok(unsigned(row.try_get(0)?))
    }

    /// Open approvals that may have ended by `now`: their time is over, or nobody waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ending(&self, now: UnixMillis) -> Result<Vec<Approval>, StoreError> {
        let query =
            select_approvals!("WHERE is_open = 1 AND (expires <= $1 OR absent > 0) LIMIT 500");
        many(sqlx::query(query).bind(signed(now.0)).fetch_all(&self.readers).await?)
    }

    /// What happened to an approval, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, id: &str) -> Result<Vec<(UnixMillis, Event)>, StoreError> {
        let query = "SELECT at, event FROM events WHERE approval = $1 ORDER BY version LIMIT 500";
        let rows = sqlx::query(query).bind(id.to_owned()).fetch_all(&self.readers).await?;
        rows.iter().map(|r| row::event(id, r)).collect()
    }

    /// Calls (by fingerprint) whose approvals changed since `at`: other programs may share the database.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn changed_since(
        &self,
        at: UnixMillis,
    ) -> Result<Vec<(String, String, u64)>, StoreError> {
        let query = "SELECT e.approval, a.fingerprint, e.version FROM events e JOIN approvals a ON a.id = e.approval \
                     WHERE e.at >= $1 ORDER BY e.at LIMIT 10000";
        let rows = sqlx::query(query).bind(signed(at.0)).fetch_all(&self.readers).await?;
        rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?, unsigned(r.try_get(2)?)))).collect()
    }
}

async fn one(
    pool: &AnyPool,
    query: &'static str,
    value: &str,
) -> Result<Option<Approval>, StoreError> {
    let query = sqlx::query(query).bind(value.to_owned());
    query.fetch_optional(pool).await?.as_ref().map(row::approval).transpose()
}

fn many(rows: Vec<sqlx::any::AnyRow>) -> Result<Vec<Approval>, StoreError> {
    rows.iter().map(row::approval).collect()
}
