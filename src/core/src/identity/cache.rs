//! Tokens that were verified before.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::jwt::Verified;
use super::keyring::KeyRing;
use super::principal::Principal;
use crate::limits;
use crate::time::UnixMillis;

/// How many used entries an insertion passes over before it evicts one anyway.
const SECOND_CHANCES: usize = 8;

/// Verified tokens by SHA-256: verification costs milliseconds in WebAssembly, a hit microseconds.
///
/// A hit needs the token's exact bytes, its `exp` ahead without any skew, and the very key set
/// that verified it; so a key that the issuer withdraws stops serving with the next fetch. Tokens
/// themselves are not kept. A cache belongs to one policy.
///
/// Bounded: at [`limits::TOKEN_CACHE_ENTRIES`] the oldest entry goes that was not used since it
/// was last passed over.
pub struct TokenCache {
    entries: BTreeMap<Digest, Entry>,
    order: BTreeMap<u64, Digest>,
    next: u64,
    capacity: usize,
}

type Digest = [u8; 32];

struct Entry {
    principal: Arc<Principal>,
    expires: UnixMillis,
    issuer: usize,
    key_version: u64,
    place: u64,
    used: bool,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self::with_capacity(limits::TOKEN_CACHE_ENTRIES)
    }
}

impl TokenCache {
    /// An empty cache for at most `capacity` tokens.
    pub const fn with_capacity(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeMap::new(), next: 0, capacity }
    }

    /// The caller that this token was verified for, while that still holds.
    pub fn get(&mut self, token: &[u8], keys: &KeyRing, now: UnixMillis) -> Option<Arc<Principal>> {
        let digest: Digest = Sha256::digest(token).into();
        let entry = self.entries.get_mut(&digest)?;
        if entry.expires > now && keys.version(entry.issuer, now) == Some(entry.key_version) {
            entry.used = true;
            return Some(Arc::clone(&entry.principal));
        }
        let place = entry.place;
        self.entries.remove(&digest);
        self.order.remove(&place);
        None
    }

    /// Remembers a token that was verified just now, and shares its caller.
    pub fn insert(&mut self, token: &[u8], verified: Verified, now: UnixMillis) -> Arc<Principal> {
        let Verified { principal, issuer, key_version } = verified;
        let expires = principal.expires.unwrap_or(now);
        let principal = Arc::new(principal);
        if expires <= now || self.capacity == 0 {
            return principal;
        }
        let digest: Digest = Sha256::digest(token).into();
        if let Some(old) = self.entries.remove(&digest) {
            self.order.remove(&old.place);
        }
        if self.entries.len() >= self.capacity {
            self.evict(now);
        }
        let place = self.queue(digest);
        let shared = Arc::clone(&principal);
        let entry = Entry { principal, expires, issuer, key_version, place, used: false };
        self.entries.insert(digest, entry);
        shared
    }

    /// How many tokens are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn queue(&mut self, digest: Digest) -> u64 {
        let place = self.next;
        self.next = self.next.saturating_add(1);
        self.order.insert(place, digest);
        place
    }

    fn evict(&mut self, now: UnixMillis) {
        for chance in 0..=SECOND_CHANCES {
            let Some((_, digest)) = self.order.pop_first() else { return };
            let place = self.next;
            match self.entries.get_mut(&digest) {
                Some(entry) if entry.used && entry.expires > now && chance < SECOND_CHANCES => {
                    entry.used = false;
                    entry.place = place;
                    self.queue(digest);
                }
                _ => {
                    self.entries.remove(&digest);
                    return;
                }
            }
        }
    }
}

/// Says how full it is; a digest would tell whether someone's token is in it.
impl std::fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenCache({} of {})", self.entries.len(), self.capacity)
    }
}
