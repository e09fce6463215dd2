//! What all pages have around them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::assets::{ASSETS, Assets};
use super::text::Visible;
use super::visitor::Visitor;
use crate::http::problem::Problem;
use scopewarden_core::time::UnixMillis;

/// Which part of the pages one belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What waits.
    Inbox,
    /// What was decided.
    History,
    /// The audit trail.
    Audit,
    /// Neither.
    None,
}

/// The frame of a page.
#[derive(Debug)]
pub struct Page {
    /// What it loads.
    pub assets: &'static Assets,
    /// Where it belongs.
    pub part: Part,
    /// The service's time, for the script.
    pub now: u64,
    /// Who looks at it.
    pub me: Option<Me>,
}

/// Who is logged in.
#[derive(Debug)]
pub struct Me {
    /// What to call them.
    pub name: Visible,
    /// Who vouches for them.
    pub issuer: Visible,
    /// What forms carry.
    pub csrf: String,
    /// Whether they may read the audit trail.
    pub audits: bool,
}

impl Page {
    /// The frame for somebody who is logged in.
    pub fn new(part: Part, visitor: &Visitor, now: UnixMillis) -> Self {
        let Visitor { session, audits } = visitor;
        let approver = &session.approver;
        let name = approver.name.as_ref().unwrap_or(&approver.person.subject);
        let me = Me {
            name: Visible::line(name),
            issuer: Visible::line(&approver.person.issuer),
            csrf: session.csrf(),
            audits: *audits,
        };
        Self { assets: &ASSETS, part, now: now.0, me: Some(me) }
    }

    /// The frame for somebody who is not.
    pub fn outside() -> Self {
        Self { assets: &ASSETS, part: Part::None, now: 0, me: None }
    }

    /// Whether it is the inbox.
    pub fn is_inbox(&self) -> bool {
        self.part == Part::Inbox
    }

    /// Whether it is the history.
    pub fn is_history(&self) -> bool {
        self.part == Part::History
    }

    /// Whether it is of the audit trail.
    pub fn is_audit(&self) -> bool {
        self.part == Part::Audit
    }
}

/// Renders a page.
pub fn render(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}
