//! Who calls: tokens, keys, claims.

mod principal;

pub use principal::{Actor, Principal, Proof};
