//! Where questions and decisions meet.

mod ask;
mod decide;
mod keep;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use scopewarden_core::time::UnixMillis;
use tokio::sync::watch;

pub use ask::AskError;
pub use decide::{DecideError, May};

use crate::bell::{Bell, Changed};
use crate::domain::{People, Rules};
use crate::store::{Change, Store, StoreError};
use crate::verdict::Signer;

/// What the service goes by.
#[derive(Debug)]
pub struct Desk {
    /// The approvals.
    pub store: Store,
    /// Who waits and who watches.
    pub bell: Bell,
    /// Who signs.
    pub signer: Signer,
    /// Who is the same person.
    pub people: People,
    /// The scope that lets one person decide alone.
    pub break_glass: Option<String>,
    /// Most open approvals of one caller.
    pub open_per_caller: u64,
    clock: Clock,
    closing: watch::Sender<bool>,
}

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl Clock {
    /// The machine's.
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// Another one.
    pub fn new(now: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> UnixMillis {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Desk {
    /// A desk with the defaults of what is optional.
    pub fn new(store: Store, signer: Signer, clock: Clock) -> Self {
        Self {
            store,
            bell: Bell::default(),
            signer,
            people: People::default(),
            break_glass: None,
            open_per_caller: 200,
            clock,
            closing: watch::Sender::new(false),
        }
    }

    /// The time.
    pub fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// What decisions are judged by.
    pub fn rules(&self) -> Rules<'_> {
        Rules { people: &self.people, break_glass: self.break_glass.as_deref() }
    }

    /// Answers whoever waits with `pending`, so that the program can end.
    pub fn close(&self) {
        self.closing.send_replace(true);
        self.bell.wake_all();
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Ends when the program is going to.
    pub async fn closed(&self) {
        // The sender is in `self`.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Stores changes and tells who waits; `false` when somebody else was first.
    async fn commit(&self, changes: Vec<Change>) -> Result<bool, StoreError> {
        let told = changes.clone();
        let first = self.store.commit(changes).await?;
        if first {
            for change in &told {
                tell(change);
                let Change { approval, .. } = change;
                let changed = Changed { id: approval.id.clone(), version: approval.version };
                self.bell.ring(approval.call.fingerprint().as_str(), changed);
            }
        }
        Ok(first)
    }
}

/// Puts a change in the log.
fn tell(Change { approval, event, .. }: &Change) {
    let vote = event.vote();
    tracing::info!(
        approval = approval.id,
        event = event.kind(),
        operation = approval.call.operation,
        caller = approval.call.principal.subject,
        issuer = approval.call.principal.issuer,
        by = vote.map(|v| &*v.person.subject),
        by_issuer = vote.map(|v| &*v.person.issuer),
        break_glass = vote.is_some_and(|v| v.break_glass),
    );
}

#[cfg(test)]
mod tests;
