//! Logins that last: in a browser's cookie, or as a token at the API.

use scopewarden_core::time::UnixMillis;

use super::secret::{Secret, same};
use crate::desk::Clock;
use crate::domain::Approver;
use crate::store::{Kept, Store, StoreError};

/// How long a login lasts, in milliseconds.
pub const LIFETIME_MS: u64 = 8 * 3_600_000;
/// How long it lasts unused, in milliseconds.
pub const IDLE_MS: u64 = 3_600_000;
/// How exactly its use is noted, in milliseconds: not every request writes.
const NOTED_MS: u64 = 60_000;

/// What a token is for. One for the one is nothing for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// A browser's cookie, for the pages.
    Cookie,
    /// `Authorization: Bearer`, for the API.
    Bearer,
}

/// Keeps logins.
#[derive(Clone, Debug)]
pub struct Sessions {
    store: Store,
    clock: Clock,
}

/// Somebody who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub approver: Approver,
    token: Secret,
}

/// A login cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenSessionError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system has no randomness.
    #[error("there is no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

impl Sessions {
    /// Logins in this database.
    pub const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Logs somebody in. Their token, which is new.
    ///
    /// # Errors
    /// [`OpenSessionError`].
    pub async fn open(&self, approver: Approver, usage: Usage) -> Result<Secret, OpenSessionError> {
        let token = Secret::random()?;
        let now = self.clock.now();
        let kept = Kept { approver, seen: now, ends: now.plus(LIFETIME_MS) };
        let unused_since = UnixMillis(now.0.saturating_sub(IDLE_MS));
        self.store.open_session(&key(&token, usage), &kept, unused_since).await?;
        Ok(token)
    }

    /// Whose token it is, while the login lasts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, text: &str, usage: Usage) -> Result<Option<Session>, StoreError> {
        let Some(token) = Secret::parse(text) else { return Ok(None) };
        let key = key(&token, usage);
        let Some(kept) = self.store.session(&key).await? else { return Ok(None) };
        let now = self.clock.now();
        if kept.ends <= now || kept.seen.plus(IDLE_MS) <= now {
            self.store.close_session(&key).await?;
            return Ok(None);
        }
        if kept.seen.plus(NOTED_MS) <= now {
            self.store.touch_session(&key, now).await?;
        }
        Ok(Some(Session { approver: kept.approver, token }))
    }

    /// Logs out, whoever it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close(&self, text: &str, usage: Usage) -> Result<(), StoreError> {
        match Secret::parse(text) {
            Some(token) => self.store.close_session(&key(&token, usage)).await,
            None => Ok(()),
        }
    }
}

impl Session {
    /// What every form of this login carries, so that another site's form is none of them.
    pub fn csrf(&self) -> String {
        self.token.derive("form", "")
    }

    /// Whether a form is one of this login's.
    pub fn gave(&self, csrf: &str) -> bool {
        same(csrf, &self.csrf())
    }
}

/// What the database knows a token by.
fn key(token: &Secret, usage: Usage) -> String {
    token.derive(
        match usage {
            Usage::Cookie => "cookie",
            Usage::Bearer => "bearer",
        },
        "",
    )
}

#[cfg(test)]
mod tests;
