//! Scenarios and the drivers that run them.

pub mod demo;
pub mod scenario;
