//! What every answer at the people's door says to browsers, and which requests are let in at all.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

use crate::http::people::Inbox;
use crate::http::problem::Problem;

/// Nothing from anywhere else runs, shows, or frames; forms go nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Two years.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// For everything, whatever its type.
const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not `no-referrer`: browsers then send `Origin: null` with this site's own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Lets in what is meant for this address, and says to browsers what they may do with the answers.
pub fn guarded(router: Router<Inbox>, inbox: &Inbox) -> Router<Inbox> {
    router.layer(from_fn_with_state(inbox.clone(), guard))
}

async fn guard(State(inbox): State<Inbox>, request: Request, next: Next) -> Response {
    let site = &inbox.login.site;
    let mut response = if site.is_meant(request.headers()) {
        next.run(request).await
    } else {
        let detail =
            "with the dev login, the service answers on loopback only, and not behind a proxy";
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail).into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if site.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
