//! What the request asks for: canonical path, query, catalogue, matcher.
//!
//! ```text
//! target ─► split_target ─► canonicalize ─► Matcher::find ─► the operation's id, tier and scope
//!                      └──► Query::parse                          ▲
//!                                              packs and own operations
//! ```

mod matcher;
mod method;
mod path;
mod percent;
mod query;
mod template;
mod tier;

pub use matcher::{Matcher, Overlap, Params, Route};
pub use method::Method;
pub use path::{CanonicalPath, canonicalize, split_target};
pub use query::Query;
pub use template::{Segment, Template};
pub use tier::Tier;
