//! One file per subcommand: its arguments, and what it does.

pub mod approvals;
pub mod audit;
pub mod check;
pub mod decide;
pub mod demo;
pub mod explain;
pub mod ops;
pub mod redact;
pub mod render;
pub mod replay;
pub mod schema;
pub mod serve;
pub mod suggest;
pub mod test;
pub mod token;
