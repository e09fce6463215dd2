//! Changes, one transaction for many.

use std::sync::Arc;

use scopewarden_core::time::UnixMillis;
use sqlx::{Any, AnyPool, Connection, Executor, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::deliveries::{self, Outlet};
use super::row::{self, signed};
use super::{Store, StoreError};
use crate::domain::{Approval, Event};

/// Most changes in one transaction.
const BATCH: usize = 256;
/// Changes that wait for the one before; more have to wait to wait.
const QUEUE: usize = 4096;

/// The next version of an approval, and what made it.
#[derive(Clone, Debug)]
pub struct Change {
    /// The approval as it will be.
    pub approval: Approval,
    /// What happened.
    pub event: Event,
    /// When.
    pub at: UnixMillis,
}

/// The one that writes.
#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Job>);

struct Job {
    changes: Vec<Change>,
    /// Who is told.
    outlets: Arc<[Outlet]>,
    done: oneshot::Sender<Result<bool, StoreError>>,
}

impl Store {
    /// Stores all of these or none; `false` when somebody else was first, and everything has to be read again.
    ///
    /// Version 1 opens an approval, and loses when one is open for the same call.
    ///
    /// # Errors
    /// [`StoreError`]: nothing may be believed stored.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<bool, StoreError> {
        let (done, answer) = oneshot::channel();
        let job = Job { changes, outlets: Arc::clone(&self.outlets), done };
        self.writer.0.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Writer {
    pub(super) fn start(pool: AnyPool) -> Self {
        let (sender, queue) = mpsc::channel(QUEUE);
        tokio::spawn(work(pool, queue));
        Self(sender)
    }
}

async fn work(pool: AnyPool, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut jobs, BATCH).await > 0 {
        match together(&pool, &jobs).await {
            Ok(outcomes) => {
                for (job, outcome) in jobs.drain(..).zip(outcomes) {
                    // Who asked may have gone.
                    let _ = job.done.send(Ok(outcome));
                }
            }
            // One of them may be the reason: each gets a transaction of its own.
            Err(error) if jobs.len() > 1 => {
                tracing::warn!(%error, changes = jobs.len(), "a transaction failed; its changes are tried one by one");
                for job in jobs.drain(..) {
                    let outcome = together(&pool, std::slice::from_ref(&job)).await;
                    let first = outcome.map(|o| o.first().copied().unwrap_or_default());
                    let _ = job.done.send(first);
                }
            }
            Err(error) => {
                if let Some(job) = jobs.pop() {
                    let _ = job.done.send(Err(error));
                }
            }
        }
    }
}

/// One transaction; which of the jobs were first.
async fn together(pool: &AnyPool, jobs: &[Job]) -> Result<Vec<bool>, StoreError> {
    let mut transaction = pool.begin().await?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A savepoint, so that of several changes none stays when one loses.
        let mut part = transaction.begin().await?;
        let mut first = true;
        for change in &job.changes {
            first = apply(&mut part, change).await?;
            if !first {
                break;
            }
            deliveries::note(&mut part, change, &job.outlets).await?;
        }
        if first {
            part.commit().await?
        } else {
            part.rollback().await?
        }
        outcomes.push(first);
    }
    transaction.commit().await?;
    Ok(outcomes)
}

const OPEN: &str = "INSERT INTO approvals (id, version, fingerprint, is_open, status, absent, asked, expires, issuer, subject, operation, \
     set_key, step, record, call, preview, state) \
     VALUES ($1, $2, $3, 1, $4, 0, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT DO NOTHING";
const CHANGE: &str = "UPDATE approvals SET version = $1, is_open = $2, status = $3, absent = $4, state = $5 WHERE id = $6 AND version = $7";
const EVENT: &str =
    "INSERT INTO events (approval, version, at, kind, event) VALUES ($1, $2, $3, $4, $5)";

async fn apply(
    transaction: &mut Transaction<'_, Any>,
    change: &Change,
) -> Result<bool, StoreError> {
    let Change { approval, event, at } = change;
    let id = &approval.id;
    let json = |what: Result<String, serde_json::Error>| {
        what.map_err(|e| StoreError::Corrupt { id: id.clone(), what: e.to_string() })
    };
    let state = json(serde_json::to_string(&approval.state))?;
    let status = approval.state.status.name();
    let version = signed(approval.version);
    let call = &approval.call;
    let statement = if approval.version == 1 {
        sqlx::query(OPEN)
            .bind(id)
            .bind(version)
            .bind(call.fingerprint().as_str().to_owned())
            .bind(status)
            .bind(signed(approval.asked.0))
            .bind(signed(approval.expires.0))
            .bind(&call.principal.issuer)
            .bind(&call.principal.subject)
            .bind(&call.operation)
            .bind(approval.set_key())
            .bind(call.set.as_ref().map_or(0, |set| i64::from(set.step)))
            .bind(&approval.record)
            .bind(row::call(approval))
            .bind(row::preview(approval))
            .bind(state)
    } else {
        sqlx::query(CHANGE)
            .bind(version)
            .bind(i64::from(approval.is_open(*at)))
            .bind(status)
            .bind(signed(approval.state.absent.unwrap_or_default()))
            .bind(state)
            .bind(id)
            .bind(version.saturating_sub(1))
    };
    if transaction.execute(statement).await?.rows_affected() != 1 {
        return Ok(false);
    }
    let event_json = json(serde_json::to_string(event))?;
    let entry = sqlx::query(EVENT)
        .bind(id)
        .bind(version)
        .bind(signed(at.0))
        .bind(event.kind())
        .bind(event_json);
    transaction.execute(entry).await?;
    Ok(true)
}
