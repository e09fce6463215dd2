//! The issuers' keys over time: when to fetch, what to keep, when to stop believing.

use std::sync::Arc;

use super::config::{Issuer, KeySource, RemoteKeys};
use super::error::TokenError;
use super::jwks::{Dropped, KeySet};
use crate::limits;
use crate::reason::Reason;
use crate::time::UnixMillis;

/// First wait after a failed fetch, in milliseconds; doubles with every failure.
const BACK_OFF_MS: u64 = 1000;
/// Longest wait after a failed fetch, in milliseconds, whatever the refresh interval.
const MAX_BACK_OFF_MS: u64 = 60 * 1000;
/// How long after its timeout a fetch without any answer is given up, in milliseconds.
const LOST_CALL_MS: u64 = 5 * 1000;

/// The keys of every issuer of a policy, in the policy's order.
///
/// Inline keys never change. Each remote issuer goes its own way:
///
/// ```text
///                    due            200 and a usable key
///   ┌────────┐     ┌─────────┐     ┌─────────────────────────────────────┐
///   │ Waiting├────►│ Fetching├────►│ Waiting, next = now + refresh,      │
///   └────────┘     └────┬────┘     │ keys replaced (never merged)        │
///     ▲  ▲              │          └─────────────────────────────────────┘
///     │  │              │ anything else, or no answer at all
///     │  │              ▼
///     │  │         ┌───────────────────────────────────┐
///     │  └─────────┤ Waiting, next = now + back-off    │ 1 s, 2 s, 4 s ... 60 s;
///     │            │ keys kept, at most 24 h old       │ never later than the refresh
///     │            └───────────────────────────────────┘
///     └─ an unknown `kid` moves `next` to now, at most once per issuer and 30 s
/// ```
///
/// Only one fetch per issuer is ever under way, and a flood of tokens with invented `kid`s
/// causes no more fetches than one such token would.
#[derive(Clone, Debug)]
pub struct KeyRing {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    held: Option<Held>,
    version: u64,
    remote: Option<Remote>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<KeySet>,
    fetched: UnixMillis,
}

#[derive(Clone, Debug)]
struct Remote {
    source: RemoteKeys,
    state: State,
    failures: u32,
    started: Option<UnixMillis>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting { next: UnixMillis },
    Fetching { since: UnixMillis },
}

/// A fetch to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The issuer, for [`KeyRing::fetched`].
    pub issuer: usize,
    /// What to call, and how long to wait.
    pub source: RemoteKeys,
}

/// What became of a fetch.
#[derive(Clone, Copy, Debug)]
pub enum FetchOutcome<'a> {
    /// An answer.
    Response {
        /// Its status.
        status: u16,
        /// Its whole body.
        body: &'a [u8],
    },
    /// No answer, and why: `timeout`, `unknown cluster`, ...
    Failed(&'a str),
}

/// A fetch that brought keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Whether they differ from those before; verified tokens are then verified again.
    pub changed: bool,
    /// How many keys are usable.
    pub usable: usize,
    /// Keys that are not used, and why.
    pub dropped: Vec<Dropped>,
}

/// What [`KeyRing::request_refetch`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refetch {
    /// A fetch is due now: [`KeyRing::due`] will name it.
    Started,
    /// One is due or under way already.
    InFlight,
    /// The last one is too recent, or the keys are inline.
    TooSoon,
}

/// What can be said of an issuer's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// Written in the policy.
    Inline,
    /// Not fetched yet.
    NeverFetched,
    /// The last fetch brought keys.
    Fresh,
    /// The last fetch failed; older keys serve.
    Stale,
    /// The keys are too old, or none were ever fetched although it was tried: tokens are refused.
    Failing,
}

impl KeyRing {
    /// A ring for the issuers of a policy; remote keys are due at once.
    pub fn new(issuers: &[Issuer]) -> Self {
        let slot = |issuer: &Issuer| match &issuer.keys {
            KeySource::Inline(keys) => Slot {
                held: Some(Held { keys: Arc::clone(keys), fetched: UnixMillis(0) }),
                version: 0,
                remote: None,
            },
            KeySource::Remote(source) => Slot {
                held: None,
                version: 0,
                remote: Some(Remote {
                    source: source.clone(),
                    state: State::Waiting { next: UnixMillis(0) },
                    failures: 0,
                    started: None,
                }),
            },
        };
        Self { slots: issuers.iter().map(slot).collect() }
    }

    /// The keys of an issuer that may still be believed.
    ///
    /// # Errors
    /// [`Reason::KeysUnavailable`].
    pub fn keys(&self, issuer: usize, now: UnixMillis) -> Result<&KeySet, TokenError> {
        let held = self.slots.get(issuer).and_then(|slot| slot.believed(now));
        held.map(|held| &*held.keys).ok_or_else(|| {
            let detail = match self.status(issuer, now) {
                KeyStatus::NeverFetched => "the issuer's keys are still being fetched",
                _ => "the issuer's keys could not be fetched for too long",
            };
            TokenError {
                reason: Reason::KeysUnavailable,
                detail: detail.to_owned(),
                issuer: Some(issuer),
            }
        })
    }

    /// Which set of keys an issuer has: the number grows when they change, and is absent when
    /// none may be believed.
    pub fn version(&self, issuer: usize, now: UnixMillis) -> Option<u64> {
        let slot = self.slots.get(issuer)?;
        slot.believed(now).map(|_| slot.version)
    }

    /// What can be said of an issuer's keys.
    pub fn status(&self, issuer: usize, now: UnixMillis) -> KeyStatus {
        let Some(slot) = self.slots.get(issuer) else { return KeyStatus::Failing };
        match (&slot.remote, slot.believed(now)) {
            (None, _) => KeyStatus::Inline,
            (Some(remote), Some(_)) if remote.failures == 0 => KeyStatus::Fresh,
            (Some(_), Some(_)) => KeyStatus::Stale,
            (Some(remote), None) if slot.held.is_none() && remote.failures == 0 => {
                KeyStatus::NeverFetched
            }
            (Some(_), None) => KeyStatus::Failing,
        }
    }

    /// The fetches to start now. Each counts as under way from here on, so that
    /// [`Self::fetched`] has to follow, with `Failed` if the call cannot even be made.
    pub fn due(&mut self, now: UnixMillis) -> Vec<Fetch> {
        let mut due = Vec::new();
        for (issuer, slot) in self.slots.iter_mut().enumerate() {
            let Some(remote) = &mut slot.remote else { continue };
            remote.give_up_lost_call(now);
            if matches!(remote.state, State::Waiting { next } if next <= now) {
                remote.state = State::Fetching { since: now };
                remote.started = Some(now);
                due.push(Fetch { issuer, source: remote.source.clone() });
            }
        }
        due
    }

    /// A token named a key that the issuer does not have, or there are no keys yet: asks for a
    /// fetch out of turn.
    pub fn request_refetch(&mut self, issuer: usize, now: UnixMillis) -> Refetch {
        let Some(remote) = self.slots.get_mut(issuer).and_then(|s| s.remote.as_mut()) else {
            return Refetch::TooSoon;
        };
        remote.give_up_lost_call(now);
        let recent = |last| now.since(last) < limits::UNKNOWN_KID_INTERVAL_MS;
        match remote.state {
            State::Fetching { .. } => Refetch::InFlight,
            State::Waiting { next } if next <= now => Refetch::InFlight,
            State::Waiting { .. } if remote.started.is_some_and(recent) => Refetch::TooSoon,
            State::Waiting { .. } => {
                remote.state = State::Waiting { next: now };
                Refetch::Started
            }
        }
    }

    /// Takes the outcome of a fetch. Good keys replace the old ones; anything else keeps them.
    ///
    /// # Errors
    /// What is wrong with the answer, for the log.
    pub fn fetched(
        &mut self,
        issuer: usize,
        now: UnixMillis,
        outcome: FetchOutcome<'_>,
    ) -> Result<Fetched, String> {
        let Some(slot) = self.slots.get_mut(issuer) else {
            return Err("no such issuer".to_owned());
        };
        let Some(remote) = &mut slot.remote else {
            return Err("the issuer's keys are inline".to_owned());
        };
        match read(outcome) {
            Err(why) => {
                remote.failed(now);
                Err(why)
            }
            Ok((keys, dropped)) => {
                remote.failures = 0;
                remote.state = State::Waiting { next: now.plus(remote.source.refresh_ms) };
                let changed = slot.held.as_ref().is_none_or(|held| *held.keys != keys);
                if changed {
                    slot.version = slot.version.saturating_add(1);
                }
                let usable = keys.keys().len();
                slot.held = Some(Held { keys: Arc::new(keys), fetched: now });
                Ok(Fetched { changed, usable, dropped })
            }
        }
    }
}

impl Slot {
    fn believed(&self, now: UnixMillis) -> Option<&Held> {
        let too_old =
            |h: &Held| self.remote.is_some() && now.since(h.fetched) > limits::MAX_KEYS_AGE_MS;
        self.held.as_ref().filter(|h| !too_old(h))
    }
}

impl Remote {
    fn failed(&mut self, now: UnixMillis) {
        let doubled = BACK_OFF_MS.checked_shl(self.failures).unwrap_or(MAX_BACK_OFF_MS);
        let wait = doubled.min(MAX_BACK_OFF_MS).min(self.source.refresh_ms.max(BACK_OFF_MS));
        self.failures = self.failures.saturating_add(1).min(16);
        self.state = State::Waiting { next: now.plus(wait) };
    }

    /// A host that never calls back must not stop the refresh for ever.
    fn give_up_lost_call(&mut self, now: UnixMillis) {
        let patience = self.source.timeout_ms.saturating_add(LOST_CALL_MS);
        if matches!(self.state, State::Fetching { since } if now.since(since) > patience) {
            self.failed(now);
        }
    }
}

fn read(outcome: FetchOutcome<'_>) -> Result<(KeySet, Vec<Dropped>), String> {
    match outcome {
        FetchOutcome::Failed(why) => Err(why.to_owned()),
        FetchOutcome::Response { status: 200, body } => {
            let (keys, dropped) = KeySet::parse(body)?;
            if keys.is_empty() {
                let first = dropped.first().map(|d| format!(": key {}: {}", d.key, d.why));
                return Err(format!("no usable key{}", first.unwrap_or_default()));
            }
            Ok((keys, dropped))
        }
        FetchOutcome::Response { status, .. } => Err(format!("status {status} instead of 200")),
    }
}
