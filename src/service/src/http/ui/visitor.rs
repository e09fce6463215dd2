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
pub struct Visitor {
    /// Their login.
    pub session: Session,
    /// Whether there is an audit trail, and they may read it.
    pub audits: bool,
}

impl FromRequestParts<Inbox> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, inbox: &Inbox) -> Result<Self, Response> {
        let session = inbox.login.session(&parts.headers).await;
        match session.map_err(|e| Failure::from(e).into_response())? {
            Some(session) => {
                let audit = inbox.audit.as_ref();
                let audits = audit.is_some_and(|audit| audit.may_read(&session.approver).is_ok());
                Ok(Self { session, audits })
            }
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
        path => format!("/login?return={}", as_value(path)),
    }
}

/// A path that is [`safe`], as the value of a parameter.
pub fn as_value(path: &str) -> String {
    path.replace('%', "%25")
}

/// `path` when it is one of this service's pages, `/` for everything else: nobody is sent anywhere else from here.
pub fn safe(path: &str) -> &str {
    // What somebody looks for in the audit trail is not told to a login provider, who sees where they came from.
    let path =
        if path.starts_with("/audit") { path.split('?').next().unwrap_or(path) } else { path };
    let id = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let key = |b: u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b':' | b'*' | b'%')
    };
    let below = |folder: &str, longest: usize, one: &dyn Fn(u8) -> bool| {
        let name = path.strip_prefix(folder).unwrap_or_default();
        (1..=longest).contains(&name.len()) && name.bytes().all(one)
    };
    let known = matches!(path, "/history" | "/audit" | "/audit/shadow")
        || below("/approvals/", 64, &id)
        || below("/audit/records/", 20, &|b| b.is_ascii_digit())
        || below("/audit/sessions/", 1024, &key);
    if known { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_away() {
        for path in [
            "/history",
            "/approvals/apr_0193",
            "/audit",
            "/audit/shadow",
            "/audit/records/17",
            "/audit/sessions/mcp:0f",
            "/audit/sessions/run:a%2Fb%20c",
        ] {
            assert_eq!(safe(path), path);
        }
        assert_eq!(safe("/audit?q=principal%3Dalice"), "/audit");
        assert_eq!(
            login("/audit/sessions/run:a%2Fb?from=1"),
            "/login?return=/audit/sessions/run:a%252Fb"
        );
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
            "/audit/records/",
            "/audit/records/1/../../logout",
            "/audit/sessions/a/b",
            "/audit/sessions/a\r\nb",
            "/auditx",
            "/audit/\\evil.example",
        ] {
            assert_eq!(safe(path), "/", "{path}");
        }
    }
}
