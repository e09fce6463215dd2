//! What the request asks for: canonical path, query, catalogue, matcher.
//!
//! ```text
//! target ─► split_target ─► canonicalize ─► Matcher::find ─► the operation's id, tier and scope
//!                      └──► Query::parse                          ▲
//!                                              packs and own operations
//! ```

mod matcher;
mod method;
mod pack;
mod path;
mod percent;
mod pointer;
mod protocol;
mod query;
mod template;
mod tier;

pub use matcher::{Matcher, Overlap, Params, Route};
pub use method::Method;
pub use pack::{
    Access, BUILTIN_NAMES, BodyKind, Condition, Entry, Fact, FactName, Pack, PackError, Source,
    Target,
};
pub use path::{CanonicalPath, canonicalize, split_target};
pub use pointer::Pointer;
pub use protocol::Protocol;
pub use query::Query;
pub use template::{Segment, Template};
pub use tier::Tier;
