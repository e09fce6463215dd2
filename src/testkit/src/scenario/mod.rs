//! Scenarios: requests and what must become of them, as data.
//!
//! A suite is a YAML file: a policy, tokens by name, and cases of one request each. The same file is run by the native driver
//! ([`native`]), by the compiled module under a proxy-wasm host, and, where a case is tagged `envoy`, through a real Envoy.
//! Every driver reduces a run to an [`Outcome`], and [`Expect::check`] compares.

mod bytes;
mod load;
mod model;
pub mod native;
mod outcome;
mod token;

pub use bytes::unescape;
pub use load::load;
pub use model::{Case, Expect, Request, Suite};
pub use outcome::{Answer, Outcome};
pub use token::{ISSUER, TokenSpec, jwks, mint};
