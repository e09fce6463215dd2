//! What webhooks are still to be told.

use std::collections::BTreeSet;

use scopewarden_core::time::UnixMillis;
use sqlx::{Any, Executor, Row, Transaction};

use super::row::{signed, unsigned};
use super::{Change, Store, StoreError};
use crate::domain::Topic;

/// A webhook, and what it wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// Names it, and nothing more: its URL can be a secret.
    pub webhook: String,
    /// What it is told.
    pub topics: BTreeSet<Topic>,
}

/// One thing that a webhook is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// [`Outlet::webhook`].
    pub webhook: String,
    /// Which approval.
    pub approval: String,
    /// Which version of it, and so which event.
    pub version: u64,
    /// What it is about, by name.
    pub topic: String,
    /// When it happened.
    pub at: UnixMillis,
    /// When it is to be tried.
    pub due: UnixMillis,
    /// How often it was tried.
    pub attempts: u64,
}

const NEW: &str = "INSERT INTO deliveries (webhook, approval, version, topic, at, due, attempts) VALUES ($1, $2, $3, $4, $5, $5, 0)";

/// Writes down whom a change is to be told, in the transaction of the change.
pub(super) async fn note(
    transaction: &mut Transaction<'_, Any>,
    change: &Change,
    outlets: &[Outlet],
) -> Result<(), StoreError> {
    let Change { approval, event, at } = change;
    let Some(topic) = event.topic(approval.state.status) else { return Ok(()) };
    for outlet in outlets.iter().filter(|o| topic.is_always() || o.topics.contains(&topic)) {
        let entry = sqlx::query(NEW)
            .bind(&outlet.webhook)
            .bind(&approval.id)
            .bind(signed(approval.version))
            .bind(topic.name())
            .bind(signed(at.0));
        transaction.execute(entry).await?;
    }
    Ok(())
}

impl Store {
    /// Writes down from now on what these are to be told.
    #[must_use]
    pub fn telling(mut self, outlets: Vec<Outlet>) -> Self {
        self.outlets = outlets.into();
        self
    }

    /// What a webhook is to be told next, now or later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_delivery(&self, webhook: &str) -> Result<Option<Delivery>, StoreError> {
        let query = "SELECT webhook, approval, version, topic, at, due, attempts FROM deliveries \
                     WHERE webhook = $1 ORDER BY due, at, version LIMIT 1";
        let row = sqlx::query(query).bind(webhook.to_owned()).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Delivery {
            webhook: row.try_get(0)?,
            approval: row.try_get(1)?,
            version: unsigned(row.try_get(2)?),
            topic: row.try_get(3)?,
            at: UnixMillis(unsigned(row.try_get(4)?)),
            due: UnixMillis(unsigned(row.try_get(5)?)),
            attempts: unsigned(row.try_get(6)?),
        }))
    }

    /// Takes a delivery for one attempt; it is due again at `again`, should nobody come back to say that it was taken. `false`
    /// when another program was first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn attempt(
        &self,
        delivery: &Delivery,
        again: UnixMillis,
    ) -> Result<bool, StoreError> {
        let query = "UPDATE deliveries SET due = $1, attempts = attempts + 1 \
                     WHERE webhook = $2 AND approval = $3 AND version = $4 AND attempts = $5";
        let done = sqlx::query(query)
            .bind(signed(again.0))
            .bind(&delivery.webhook)
            .bind(&delivery.approval)
            .bind(signed(delivery.version))
            .bind(signed(delivery.attempts))
            .execute(&self.writers)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a delivery: it was taken, or given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_delivery(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let query = "DELETE FROM deliveries WHERE webhook = $1 AND approval = $2 AND version = $3";
        sqlx::query(query)
            .bind(&delivery.webhook)
            .bind(&delivery.approval)
            .bind(signed(delivery.version))
            .execute(&self.writers)
            .await?;
        Ok(())
    }

    /// Forgets what webhooks were to be told that there are no more: all but the outlets.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_deliveries(&self) -> Result<(), StoreError> {
        let known = "SELECT DISTINCT webhook FROM deliveries";
        for row in sqlx::query(known).fetch_all(&self.readers).await? {
            let webhook: String = row.try_get(0)?;
            if !self.outlets.iter().any(|outlet| outlet.webhook == webhook) {
                let query = "DELETE FROM deliveries WHERE webhook = $1";
                sqlx::query(query).bind(webhook).execute(&self.writers).await?;
            }
        }
        Ok(())
    }
}
