//! A second person's say: what is asked, what is answered, and what may go on then.
//!
//! ```text
//! held request ─► Bound ─► Fingerprint ─► Question ──POST──► approval service
//!                              │                                   │
//!                              ▼                                   ▼
//!                            Ticket ◄────── signed verdict ── (compact JWS)
//!                              │
//!                              ▼
//!            Approved (cannot be made in any other way) | pending | denied | expired
//! ```
//!
//! The filter believes nothing but a verdict that one of the policy's keys signed, for this nonce and this fingerprint.
//! Whatever else comes back (another status, a page, nothing) is a [`Fault`], and a fault is a refusal.

mod body;
mod bound;
mod gate;
mod holds;
mod preview;
mod question;
mod set;
mod ticket;
mod verdict;

pub use body::BoundBody;
pub use bound::{Bound, Fingerprint, Party, Requirement};
pub use gate::{Gate, NoGate};
pub use holds::{Holds, Place};
pub use preview::Preview;
pub use question::{Question, VERSION};
pub use set::{SET_HEADER, Step};
pub use ticket::{Answer, Fault, Ticket};
pub use verdict::{Approved, VERDICT_TYPE, Verdict};

#[cfg(test)]
mod tests;
