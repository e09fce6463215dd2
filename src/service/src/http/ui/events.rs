//! What changes, as server-sent events: only that it did. What it is, the page asks for.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::visitor::Visitor;
use crate::desk::Desk;

/// How long a stream lasts. The browser comes back by itself, and has to be logged in still.
const LASTS: Duration = Duration::from_secs(600);
/// How often a quiet stream says that it is there.
const ALIVE: Duration = Duration::from_secs(20);

/// `GET /events`.
pub async fn events(
    State(desk): State<Arc<Desk>>,
    visitor: Result<Visitor, Response>,
) -> Result<Response, StatusCode> {
    visitor.map_err(|_| StatusCode::UNAUTHORIZED)?;
    let until = Instant::now().checked_add(LASTS).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let start = (desk.bell.watch(), Arc::clone(&desk));
    let changes = stream::unfold(start, move |(mut changes, desk)| async move {
        let change = {
            let over = pin!(desk.closed());
            tokio::select! {
                change = tokio::time::timeout_at(until, changes.recv()) => change.ok()?,
                () = over => return None,
            }
        };
        // Which approval it is would be told to people who may not look at it.
        let event = match change {
            Ok(_) | Err(RecvError::Lagged(_)) => Event::default().event("changed").data("{}"),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok::<_, Infallible>(event), (changes, desk)))
    });
    Ok(Sse::new(changes).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}
