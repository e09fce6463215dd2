//! `GET /v1/events`: every change, as it happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::{Nothing, Query, Who};
use crate::bell::Changed;
use crate::desk::Desk;
use crate::domain::Approver;

/// How often a silent connection is kept from looking dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long one connection lasts: a token is looked at again when the client comes back.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Changes from now on, until the service stops. A client that was too slow is told `missed`, and has to look again at everything.
pub(super) async fn events(
    State(desk): State<Arc<Desk>>,
    Who(approver): Who,
    _: Query<Nothing>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // Before the response begins, so that who has it misses nothing.
    let feed = desk.bell.watch();
    let closed = Arc::clone(&desk);
    let end = async move {
        let _ = tokio::time::timeout(LIFETIME, closed.closed()).await;
    };
    let changes = stream::unfold(feed, |mut feed| async move {
        match feed.recv().await {
            Ok(changed) => Some((Some(changed), feed)),
            Err(RecvError::Lagged(_)) => Some((None, feed)),
            Err(RecvError::Closed) => None,
        }
    });
    let told = changes.filter_map(move |changed| {
        let (desk, approver) = (Arc::clone(&desk), approver.clone());
        async move { tell(&desk, &approver, changed).await.map(Ok) }
    });
    Sse::new(told.take_until(Box::pin(end))).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

/// A change as an event; `None` when the person may not look at it.
async fn tell(desk: &Desk, approver: &Approver, changed: Option<Changed>) -> Option<Event> {
    let missed = || Event::default().event("missed").data("{}");
    let Some(Changed { id, version }) = changed else { return Some(missed()) };
    let approval = match desk.store.get(&id).await {
        Ok(found) => found?,
        Err(error) => {
            tracing::error!(%error, "somebody who watches has to look again");
            return Some(missed());
        }
    };
    approval.may_see(approver, desk.rules()).ok()?;
    let status = approval.status(desk.now()).name();
    let data = json!({"id": id, "version": version, "status": status});
    Some(Event::default().event("changed").data(data.to_string()))
}
