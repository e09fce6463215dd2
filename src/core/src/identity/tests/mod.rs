//! Tests of the whole module, by the catalogue of attacks: J are tokens, K key sets, S scopes.
#![expect(clippy::arithmetic_side_effects, clippy::string_slice, reason = "on constants")]

mod cache;
mod diagnose;
mod hostile;
mod keys;
mod mint;
mod ring;
mod scopes;
mod signatures;
mod sources;
mod times;
mod tokens;
