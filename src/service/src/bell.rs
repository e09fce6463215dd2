//! Who waits for which call, and what the pages watch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, broadcast};

/// Changes that a slow page may fall behind.
const FEED: usize = 256;

/// Wakes the questions about a call when its approval changes, and tells everybody who watches.
#[derive(Clone, Debug)]
pub struct Bell {
    waiting: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
    feed: broadcast::Sender<Changed>,
}

/// An approval that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its id.
    pub id: String,
    /// Its new version.
    pub version: u64,
}

/// One question that waits; forgotten when dropped.
#[derive(Debug)]
pub struct Listener {
    bell: Bell,
    fingerprint: String,
    notify: Option<Arc<Notify>>,
}

impl Default for Bell {
    fn default() -> Self {
        Self { waiting: Arc::default(), feed: broadcast::channel(FEED).0 }
    }
}

impl Bell {
    /// Waits for changes of the approval of this call.
    pub fn listen(&self, fingerprint: &str) -> Listener {
        let notify = Arc::clone(self.lock().entry(fingerprint.to_owned()).or_default());
        Listener { bell: self.clone(), fingerprint: fingerprint.to_owned(), notify: Some(notify) }
    }

    /// The approval of this call changed.
    pub fn ring(&self, fingerprint: &str, changed: Changed) {
        self.wake(fingerprint);
        // Nobody may be watching.
        let _ = self.feed.send(changed);
    }

    /// Lets the questions about a call look again.
    pub fn wake(&self, fingerprint: &str) {
        if let Some(notify) = self.lock().get(fingerprint) {
            notify.notify_waiters();
        }
    }

    /// Lets every question look again.
    pub fn wake_all(&self) {
        self.lock().values().for_each(|notify| notify.notify_waiters());
    }

    /// Whether a caller waits for this call right now, at this program.
    pub fn is_waited_for(&self, fingerprint: &str) -> bool {
        self.lock().contains_key(fingerprint)
    }

    /// How many calls are waited for.
    pub fn calls(&self) -> usize {
        self.lock().len()
    }

    /// Every change from now on.
    pub fn watch(&self) -> broadcast::Receiver<Changed> {
        self.feed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        // Nothing in here can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// What rings at the next change. Enable it before looking at the approval, so that no change is missed in between.
    pub fn notify(&self) -> Arc<Notify> {
        self.notify.clone().unwrap_or_default()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut waiting = self.bell.lock();
        drop(self.notify.take());
        if waiting.get(&self.fingerprint).is_some_and(|n| Arc::strong_count(n) == 1) {
            waiting.remove(&self.fingerprint);
        }
    }
}
