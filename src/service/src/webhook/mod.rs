//! Telling others what happens: signed messages that a chat can show and a program can read.
//!
//! ```text
//!  commit ──► deliveries (same transaction) ──► one sender for each webhook ──► POST, signed ──► 2xx: forgotten
//!                        ▲                                                       │
//!                        └── due again, later each time, for a day ◄── all else ─┘
//! ```
//!
//! A message is sent at least once, and can arrive twice: its `webhook-id` stays the same. Headers and signature are those of
//! the Standard Webhooks specification.

mod message;
mod secret;
mod sender;

pub use secret::{Secret, SecretError};
pub use sender::{Pace, Sender};

#[cfg(test)]
mod tests;
