//! Who is logged in.

use scopewarden_core::time::UnixMillis;
use sqlx::Row;

use super::row::{signed, unsigned};
use super::{Store, StoreError};
use crate::domain::{Approver, Person};

/// A login as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub approver: Approver,
    /// When it was last used, or a little later.
    pub seen: UnixMillis,
    /// When it is over, whatever happens.
    pub ends: UnixMillis,
}

impl Store {
    /// Keeps a login under the hash of its token, and forgets the ones that are over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_session(
        &self,
        token_hash: &str,
        session: &Kept,
        unused_since: UnixMillis,
    ) -> Result<(), StoreError> {
        let old = "DELETE FROM sessions WHERE ends <= $1 OR seen <= $2";
        sqlx::query(old)
            .bind(signed(session.seen.0))
            .bind(signed(unused_since.0))
            .execute(&self.writers)
            .await?;
        let Approver { person, name, scopes, .. } = &session.approver;
        let new = "INSERT INTO sessions (token_hash, issuer, subject, name, scopes, seen, ends) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        sqlx::query(new)
            .bind(token_hash)
            .bind(&person.issuer)
            .bind(&person.subject)
            .bind(name.as_deref().unwrap_or_default())
            .bind(scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
            .bind(signed(session.seen.0))
            .bind(signed(session.ends.0))
            .execute(&self.writers)
            .await?;
        Ok(())
    }

    /// The login with this hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, token_hash: &str) -> Result<Option<Kept>, StoreError> {
        let query =
            "SELECT issuer, subject, name, scopes, seen, ends FROM sessions WHERE token_hash = $1";
        let Some(row) = sqlx::query(query).bind(token_hash).fetch_optional(&self.readers).await?
        else {
            return Ok(None);
        };
        let text = |column: usize| row.try_get::<String, _>(column);
        let name = Some(text(2)?).filter(|name| !name.is_empty());
        Ok(Some(Kept {
            approver: Approver {
                person: Person { issuer: text(0)?, subject: text(1)? },
                name,
                scopes: text(3)?.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
                machine: None,
            },
            seen: UnixMillis(unsigned(row.try_get(4)?)),
            ends: UnixMillis(unsigned(row.try_get(5)?)),
        }))
    }

    /// Notes that a login was used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn touch_session(
        &self,
        token_hash: &str,
        seen: UnixMillis,
    ) -> Result<(), StoreError> {
        let query = "UPDATE sessions SET seen = $1 WHERE token_hash = $2";
        sqlx::query(query).bind(signed(seen.0)).bind(token_hash).execute(&self.writers).await?;
        Ok(())
    }

    /// Forgets a login.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close_session(&self, token_hash: &str) -> Result<(), StoreError> {
        let query = "DELETE FROM sessions WHERE token_hash = $1";
        sqlx::query(query).bind(token_hash).execute(&self.writers).await?;
        Ok(())
    }
}
