//! What happens by itself: time ends approvals, and other programs change the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scopewarden_core::time::UnixMillis;
use tokio::sync::broadcast::error::TryRecvError;

use super::Desk;
use crate::bell::Changed;
use crate::store::{Change, StoreError};

/// How often time is looked at.
const SWEEP: Duration = Duration::from_secs(5);
/// How often the changes of other programs are looked for.
const FOLLOW: Duration = Duration::from_millis(200);
/// How far back they are looked for, in milliseconds.
const LOOK_BACK_MS: u64 = 5_000;

impl Desk {
    /// Writes the end of approvals down whose time is over. Runs until the program ends.
    pub async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            if let Err(error) = self.sweep_once().await {
                tracing::error!(%error, "approvals whose time is over stay as they are for now");
            }
        }
    }

    /// One round of [`Desk::sweep`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_once(&self) -> Result<(), StoreError> {
        let now = self.now();
        for open in self.store.ending(now).await? {
            if let Some((approval, event)) = open.lapse(now) {
                // Who was first does not matter: the next round sees what is left.
                self.commit(vec![Change { approval, event, at: now }]).await?;
            }
        }
        Ok(())
    }

    /// Rings for what other programs on the same database have changed. Runs until the program ends.
    pub async fn follow(self: Arc<Self>) {
        let mut seen: BTreeMap<(String, u64), u64> = BTreeMap::new();
        let mut rung = self.bell.watch();
        loop {
            tokio::time::sleep(FOLLOW).await;
            let since = earlier(self.now(), LOOK_BACK_MS);
            // This program's own changes have been rung for.
            loop {
                match rung.try_recv() {
                    Ok(Changed { id, version }) => drop(seen.insert((id, version), self.now().0)),
                    // What was missed is rung for once more, which does no harm.
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            match self.store.changed_since(since).await {
                Ok(changes) => {
                    for (id, fingerprint, version) in changes {
                        if seen.insert((id.clone(), version), self.now().0).is_none() {
                            self.bell.ring(&fingerprint, Changed { id, version });
                        }
                    }
                    seen.retain(|_, at| *at >= earlier(since, LOOK_BACK_MS).0);
                }
                Err(error) => {
                    tracing::error!(%error, "changes of other programs are not seen for now")
                }
            }
        }
    }
}

/// The same instant, so much earlier.
const fn earlier(at: UnixMillis, ms: u64) -> UnixMillis {
    UnixMillis(at.0.saturating_sub(ms))
}
