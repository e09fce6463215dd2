//! Two doors: proxies ask at one, people decide at the other. Neither serves the other's requests.

pub mod openapi;
pub mod people;
pub mod problem;
pub mod questions;
pub mod tls;
pub mod ui;

#[cfg(test)]
pub(crate) mod house;
