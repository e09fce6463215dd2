//! A page that says what went wrong.

use askama::Template;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::page::{Page, render};
use super::text::Visible;
use crate::http::questions::nothing_here;
use crate::store::StoreError;

/// Something went wrong, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// The status.
    pub status: StatusCode,
    /// In a few words.
    pub title: &'static str,
    /// In a sentence.
    pub detail: String,
    /// Where to go on: a path of this service, and what the link says.
    pub next: (String, &'static str),
    /// What the person had typed, so that it is not lost.
    pub typed: Option<String>,
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    page: Page,
    title: &'static str,
    detail: Visible,
    next: (String, &'static str),
    typed: Option<Visible>,
}

impl Failure {
    /// A failure that leads back to the inbox.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            next: ("/".to_owned(), "To the inbox"),
            typed: None,
        }
    }

    /// A failure that a new login mends.
    pub fn login(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { next: ("/login".to_owned(), "Log in"), ..Self::new(status, title, detail) }
    }
}

/// What is at none of the paths: a page for people, a problem document for programs.
pub async fn missing(uri: Uri) -> Response {
    if uri.path().starts_with("/v1/") {
        return nothing_here().await.into_response();
    }
    Failure::new(StatusCode::NOT_FOUND, "Not found", "There is no such page.").into_response()
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a page could not be made");
        let detail = "The service could not do this; its log says why. Try again in a moment.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", detail)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let page = FailurePage {
            page: Page::outside(),
            title: self.title,
            detail: Visible::prose(&self.detail),
            next: self.next,
            typed: self.typed.as_deref().map(Visible::block),
        };
        render(self.status, &page)
    }
}
