//! The collector, running.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use scopewarden_core::time::UnixMillis;
use tokio::task::JoinSet;

use super::index::{Index, IndexError};
use super::ingest::Token;
use super::log::note::Notary;
use super::log::{self, Config, Log, tail};
use super::metrics::Metrics;
use crate::desk::Clock;
use crate::domain::Approver;
use crate::http::problem::Problem;
use crate::settings::Audit;
use crate::verdict::{KeyError, Signer};

/// How often it is looked for segments that are old.
const RETENTION: Duration = Duration::from_secs(600);
/// How long the index is left alone after it failed.
const INDEX_RETRY: Duration = Duration::from_secs(2);

/// Why there is no collector. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log.
    #[error(transparent)]
    Log(#[from] log::OpenError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Something in the settings.
    #[error("`audit.{0}`: {1}")]
    Settings(String, String),
}

/// Takes records, keeps them, and finds them.
#[derive(Debug)]
pub struct Collector {
    /// What was kept.
    pub log: Log,
    /// What finds it.
    pub index: Index,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who signs checkpoints.
    pub notary: Arc<Notary>,
    /// Where the log is.
    pub directory: PathBuf,
    /// Who may send; with none, whoever can connect.
    pub(super) tokens: Vec<Token>,
    read_scope: String,
    keep: Option<u64>,
    clock: Clock,
}

impl Collector {
    /// Opens the log and its index.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(settings: &Audit, clock: Clock) -> Result<Self, StartError> {
        let known = !settings.tokens.is_empty()
            || settings.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if !known && !settings.listen.ip().is_loopback() {
            let why = "everybody who reaches it could write records: set `audit.tokens` or `audit.tls.client_ca`, or listen on loopback";
            return Err(StartError::Settings("listen".to_owned(), why.to_owned()));
        }
        let tokens = settings.tokens.iter().enumerate().map(|(n, sender)| {
            let wrong = |why| StartError::Settings(format!("tokens[{n}]"), why);
            Token::open(sender).map_err(wrong)
        });
        let tokens = tokens.collect::<Result<_, _>>()?;
        let signer = Signer::open(&settings.signing_key)?;
        let form = || KeyError::Form(settings.signing_key.display().to_string());
        let notary = Notary::new(&settings.origin, &signer.key_bytes()).ok_or_else(form)?;
        let (notary, metrics) = (Arc::new(notary), Arc::new(Metrics::default()));
        let config = Config {
            directory: settings.directory.clone(),
            segment_bytes: settings.segment_bytes,
            mirror: settings.mirror.clone(),
            notary: Arc::clone(&notary),
            clock: clock.clone(),
            open: tail::files(),
            metrics: Arc::clone(&metrics),
        };
        // Reading a long segment takes a moment, in which other tasks may run.
        let log = tokio::task::spawn_blocking(|| Log::open(config)).await.map_err(|e| {
            log::OpenError::File(settings.directory.clone(), std::io::Error::other(e.to_string()))
        })??;
        let database = Some(&*settings.index).filter(|index| *index != "sqlite");
        let index = Index::open(database, &settings.directory).await?;
        let size = *log.size().borrow();
        index.check(log.first(), size).await?;
        log.indexed(index.filled().await?);
        Ok(Self {
            log,
            index,
            metrics,
            notary,
            directory: settings.directory.clone(),
            tokens,
            read_scope: settings.read_scope.clone(),
            keep: settings.keep,
            clock,
        })
    }

    /// Keeps the index up to date and removes what is old, until the tasks are aborted.
    pub fn run(self: &Arc<Self>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(self).follow());
        if let Some(keep) = self.keep {
            tasks.spawn(Arc::clone(self).retire(keep));
        }
        tasks
    }

    async fn follow(self: Arc<Self>) {
        let mut size = self.log.size();
        loop {
            let until = *size.borrow_and_update();
            match self.index.fill(until).await {
                Ok(filled) => {
                    self.log.indexed(filled);
                    self.metrics.index_lag.store(until.saturating_sub(filled), Ordering::Relaxed);
                    // The log ends only when this does.
                    if filled >= until && size.changed().await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the audit index is behind");
                    tokio::time::sleep(INDEX_RETRY).await;
                }
            }
        }
    }

    async fn retire(self: Arc<Self>, keep: u64) {
        let mut timer = tokio::time::interval(RETENTION);
        loop {
            timer.tick().await;
            if let Err(error) = self.prune(keep).await {
                tracing::error!(%error, "old audit records cannot be removed");
            }
        }
    }

    /// Removes the segments that ended more than `keep` milliseconds ago.
    ///
    /// # Errors
    /// [`IndexError`].
    pub async fn prune(&self, keep: u64) -> Result<(), IndexError> {
        let until = UnixMillis(self.clock.now().0.saturating_sub(keep));
        let (directory, notary) = (self.directory.clone(), Arc::clone(&self.notary));
        let failed = |e| IndexError::Segment(self.directory.clone(), e);
        let pruned = tokio::task::spawn_blocking(move || log::prune(&directory, &notary, until));
        let pruned = pruned.await.map_err(std::io::Error::other).map_err(failed)?;
        if let Some(first) = pruned.map_err(failed)? {
            tracing::info!(first, "old audit records were removed");
            self.index.forget(first).await?;
        }
        Ok(())
    }

    /// Whether the index has everything that is on the disk.
    pub fn is_indexed(&self) -> bool {
        self.metrics.index_lag.load(Ordering::Relaxed) == 0
    }

    /// Whether somebody may read the log.
    ///
    /// # Errors
    /// 403, with the scope that is missing.
    pub fn may_read(&self, person: &Approver) -> Result<(), Problem> {
        if person.scopes.contains(&self.read_scope) {
            return Ok(());
        }
        let detail = format!("this needs the scope `{}`", self.read_scope);
        Err(Problem::new(StatusCode::FORBIDDEN, "scope-missing", detail))
    }

    /// The scope that lets people read it.
    pub fn read_scope(&self) -> &str {
        &self.read_scope
    }

    /// What the time is.
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Writes what waits and the last checkpoint.
    pub async fn close(&self) {
        self.log.close().await;
        self.index.close().await;
    }
}

#[cfg(test)]
mod tests;
