//! What the request asks for: canonical path, catalogue, matcher.

mod method;
mod tier;

pub use method::Method;
pub use tier::Tier;
