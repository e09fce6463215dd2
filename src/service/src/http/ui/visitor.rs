//! Who is at a page, and where they may be sent.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::failure::Failure;
use crate::http::people::Inbox;
use crate::login::Session;

/// Somebody who is logged in. Everybody else is sent to the login, and comes back from there.
#[derive(Clone, Debug)]
pub struct Visitor(pub Session);

impl FromRequestParts<Inbox> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, inbox: &Inbox) -> Result<Self, Response> {
        let session = inbox.login.session(&parts.headers).await;
        match session.map_err(|e| Failure::from(e).into_response())? {
            Some(session) => Ok(Self(session)),
            None if parts.method == Method::GET => {
                let asked = parts.uri.path_and_query().map_or("/", |p| p.as_str());
                Err(Redirect::to(&login(asked)).into_response())
            }
            None => Err(ended(parts.uri.path(), None).into_response()),
        }
    }
}

/// The login is over, while somebody was deciding.
pub fn ended(path: &str, typed: Option<String>) -> Failure {
    let detail = "Your login has ended, and nothing was decided. Log in again, and decide again.";
    let failure = Failure::login(StatusCode::UNAUTHORIZED, "Log in again", detail);
    Failure { next: (login(path), "Log in"), typed, ..failure }
}

/// The login that comes back to `path`.
pub fn login(path: &str) -> String {
    match safe(path) {
        "/" => "/login".to_owned(),
        path => format!("/login?return={path}"),
    }
}

/// `path` when it is one of this service's pages, `/` for everything else: nobody is sent anywhere else from here.
pub fn safe(path: &str) -> &str {
    let known = path == "/history"
        || path.strip_prefix("/approvals/").is_some_and(|id| {
            (1..=64).contains(&id.len())
                && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
        });
    if known { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_away() {
        for path in ["/history", "/approvals/apr_0193"] {
            assert_eq!(safe(path), path);
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "/approvals/",
            "/approvals/../logout",
            "/approvals/a?x=1",
            "/approvals/a\r\nset-cookie: a=b",
            "/logout",
            "javascript:alert(1)",
            "/history/../../x",
        ] {
            assert_eq!(safe(path), "/", "{path}");
        }
    }
}
