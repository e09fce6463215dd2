//! The pages: what waits, one call and its decision, what was decided.
//!
//! Rendered here, whole; the script only brings them up to date. Everything works without it.

mod assets;
mod audit;
mod call;
mod decide;
mod detail;
mod enter;
mod events;
mod failure;
mod guard;
mod lists;
mod moment;
mod page;
mod text;
mod visitor;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use failure::missing;
pub use guard::guarded;
pub use text::is_hidden;

use super::people::Inbox;

/// Largest form, in bytes.
const MAX_FORM: usize = 32 * 1024;

/// The pages' routes.
pub fn router() -> Router<Inbox> {
    Router::new()
        .route("/", get(lists::inbox))
        .route("/history", get(lists::history))
        .route("/approvals/{id}", get(detail::show).post(decide::decide))
        .route("/events", get(events::events))
        .route("/login", get(enter::page).post(enter::dev))
        .route("/login/token", post(enter::token))
        .route("/login/start", get(enter::start))
        .route("/login/callback", get(enter::callback))
        .route("/logout", post(enter::logout))
        .route("/assets/{name}", get(assets::serve))
        .merge(audit::router())
        .layer(DefaultBodyLimit::max(MAX_FORM))
}

#[cfg(test)]
mod browser;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod tests;
