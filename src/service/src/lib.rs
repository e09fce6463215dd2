//! The approval service: takes a filter's questions, lets people decide, and answers with signed verdicts.
//!
//! ```text
//!  proxies ──► http/questions ──┐                                   ┌── http/people ◄── approvers: pages, API, CLI
//!                               ▼                                   ▼
//!                             desk ──► domain (pure transitions) ──► store (SQLite, PostgreSQL)
//!                               │                                       │
//!                               └──◄── bell: who waits for which call ◄─┘
//! ```

pub mod audit;
pub mod bell;
pub mod desk;
pub mod domain;
pub mod http;
pub mod login;
pub mod serve;
pub mod settings;
pub mod store;
pub mod verdict;
pub mod webhook;

#[cfg(test)]
mod databases;
#[cfg(test)]
mod fixtures;
