//! Who may look at the audit trail.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::audit::Collector;
use crate::audit::index::IndexError;
use crate::http::people::Inbox;
use crate::http::ui::failure::Failure;
use crate::http::ui::visitor::Visitor;

/// Somebody who is logged in and may read the audit trail.
#[derive(Clone, Debug)]
pub struct Auditor {
    /// Who looks.
    pub visitor: Visitor,
    /// What there is to read.
    pub collector: Arc<Collector>,
}

impl FromRequestParts<Inbox> for Auditor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, inbox: &Inbox) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, inbox).await?;
        let Some(collector) = inbox.audit.clone() else {
            let detail = "This service keeps no audit trail: its settings have no `audit`.";
            let failure = Failure::new(StatusCode::NOT_FOUND, "No audit trail", detail);
            return Err(failure.into_response());
        };
        if !visitor.audits {
            let scope = collector.read_scope();
            let detail = format!("The audit trail is for those who hold the scope `{scope}`.");
            let failure = Failure::new(StatusCode::FORBIDDEN, "Not for you", detail);
            return Err(failure.into_response());
        }
        Ok(Self { visitor, collector })
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        tracing::error!(%error, "the audit trail could not be read");
        let detail = match error {
            // The log was changed: this is for people, too.
            IndexError::Changed(_) => format!("{error}."),
            _ => "The audit trail could not be read; the service's log says why. Try again in a moment.".to_owned(),
        };
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", capitalised(detail))
    }
}

fn capitalised(mut text: String) -> String {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
