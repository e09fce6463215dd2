//! What a host lends to requests that wait for approval.

use crate::policy::Policy;

/// Randomness, and what is configured now.
pub trait Gate {
    /// Sixteen random bytes that were never given out before; `None` when the host has none to give.
    fn nonce(&self) -> Option<[u8; 16]>;

    /// Notes that requests are held under this policy from now on.
    fn enter(&self, policy: &Policy);

    /// Whether no other policy of this name has come into force since.
    fn in_force(&self, policy: &Policy) -> bool;
}

/// A host without a gate: nothing can be held, so nothing that needs approval goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGate;

impl Gate for NoGate {
    fn nonce(&self) -> Option<[u8; 16]> {
        None
    }

    fn enter(&self, _: &Policy) {}

    fn in_force(&self, _: &Policy) -> bool {
        false
    }
}
