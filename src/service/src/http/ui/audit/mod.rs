//! The audit trail's pages: search, one record, a session, and what shadow rules would refuse.
//!
//! Everything is rendered here, the timeline too; there is no script. Whatever a caller chose is shown as text, with what
//! cannot be seen written out.

mod auditor;
mod entry;
mod filters;
mod pages;
mod record;
mod said;
mod search;
mod session;
mod shadow;
#[cfg(test)]
mod tests;
mod timeline;
mod transcript;

use axum::Router;
use axum::routing::get;

use crate::http::people::Inbox;

/// The pages' routes.
pub fn router() -> Router<Inbox> {
    Router::new()
        .route("/audit", get(search::show))
        .route("/audit/records/{index}", get(pages::record))
        .route("/audit/sessions/{key}", get(pages::session))
        .route("/audit/shadow", get(pages::shadow))
}
