//! The people's door: the API. Every request is somebody's.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;

use super::questions::{not_allowed, nothing_here};
use crate::desk::Desk;
use crate::login::Login;

/// What the people's side goes by.
#[derive(Clone, Debug, FromRef)]
pub struct Inbox {
    /// The approvals.
    pub desk: Arc<Desk>,
    /// Who is there.
    pub login: Arc<Login>,
}

/// The routes for people.
pub fn router(desk: Arc<Desk>, login: Arc<Login>) -> Router {
    Router::new()
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_allowed)
        .with_state(Inbox { desk, login })
}
