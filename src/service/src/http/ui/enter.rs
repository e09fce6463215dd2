//! Logging in and out.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form as Posted, Json};
use serde::Deserialize;
use serde_json::json;

use super::decide::forged;
use super::failure::Failure;
use super::page::{Page, render};
use super::visitor::{Visitor, as_value, safe};
use crate::domain::Approver;
use crate::http::people::Inbox;
use crate::http::problem::Problem;
use crate::login::{ATTEMPT, CallbackError, Claimed, IDLE_MS, Returned, SESSION, Usage, Way};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    /// The provider's host.
    provider: Option<String>,
    dev: bool,
    /// Where to go on.
    return_to: String,
    /// Where to log in with the provider.
    start: String,
    error: Option<&'static str>,
    typed: Claimed,
}

/// Where to go on, and what stands in the dev login's form to begin with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Return {
    #[serde(rename = "return")]
    to: String,
    subject: String,
    scopes: String,
}

/// `GET /login`.
pub async fn page(
    State(inbox): State<Inbox>,
    visitor: Result<Visitor, Response>,
    Query(Return { to, subject, scopes }): Query<Return>,
) -> Response {
    if visitor.is_ok() {
        return Redirect::to(safe(&to)).into_response();
    }
    let typed = Claimed { subject, scopes, ..Claimed::default() };
    login_page(&inbox, StatusCode::OK, safe(&to), None, typed)
}

fn login_page(
    inbox: &Inbox,
    status: StatusCode,
    return_to: &str,
    error: Option<&'static str>,
    typed: Claimed,
) -> Response {
    let way = &inbox.login.way;
    let page = LoginPage {
        page: Page::outside(),
        provider: if let Way::Oidc(provider) = way { Some(provider.host()) } else { None },
        dev: matches!(way, Way::Dev),
        return_to: return_to.to_owned(),
        start: format!("/login/start?return={}", as_value(return_to)),
        error,
        typed,
    };
    render(status, &page)
}

/// `POST /login`: the dev login.
pub async fn dev(
    State(inbox): State<Inbox>,
    headers: HeaderMap,
    claimed: Result<Posted<Claimed>, FormRejection>,
) -> Result<Response, Failure> {
    if !matches!(inbox.login.way, Way::Dev) {
        return Err(Failure::login(
            StatusCode::NOT_FOUND,
            "Not found",
            "There is no such login here.",
        ));
    }
    if !inbox.login.site.is_own(&headers) {
        return Err(forged("/"));
    }
    let Ok(Posted(claimed)) = claimed else {
        let detail = "The form was not filled in as it is here.";
        return Err(Failure::login(StatusCode::BAD_REQUEST, "Not a login", detail));
    };
    match claimed.approver() {
        Ok(approver) => enter(&inbox, &headers, approver, &claimed.return_to).await,
        Err(error) => {
            let to = safe(&claimed.return_to).to_owned();
            Ok(login_page(&inbox, StatusCode::UNPROCESSABLE_ENTITY, &to, Some(error), claimed))
        }
    }
}

/// `POST /login/token`: the dev login for programs, as an OAuth token endpoint answers.
pub async fn token(
    State(inbox): State<Inbox>,
    headers: HeaderMap,
    claimed: Result<Posted<Claimed>, FormRejection>,
) -> Result<Response, Problem> {
    if !matches!(inbox.login.way, Way::Dev) {
        let detail = "tokens come from the issuers in `issuers`; the service gives its own with the dev login only";
        return Err(Problem::new(StatusCode::NOT_FOUND, "not-found", detail));
    }
    if !inbox.login.site.is_own(&headers) {
        let detail = "not from another site's page";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign", detail));
    }
    let Posted(claimed) = claimed.map_err(|e| Problem::invalid(e.body_text()))?;
    let approver = claimed.approver().map_err(Problem::invalid)?;
    let token = inbox.login.sessions.open(approver, Usage::Bearer).await;
    let token = token.map_err(|e| Problem::internal(&e))?;
    let answer = json!({
        "access_token": token.expose(), "token_type": "Bearer", "expires_in": IDLE_MS / 1000,
    });
    Ok(Json(answer).into_response())
}

/// `GET /login/start`: to the provider.
pub async fn start(
    State(inbox): State<Inbox>,
    Query(Return { to, .. }): Query<Return>,
) -> Result<Response, Failure> {
    let Way::Oidc(provider) = &inbox.login.way else {
        return Ok(Redirect::to("/login").into_response());
    };
    let begun = provider.begin(safe(&to)).await.map_err(failed)?;
    let cookie = ATTEMPT.set(begun.attempt.expose(), inbox.login.site.is_https());
    let mut response = Redirect::to(&begun.url).into_response();
    attach(&mut response, cookie);
    Ok(response)
}

/// `GET /login/callback`: back from the provider.
pub async fn callback(
    State(inbox): State<Inbox>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Response {
    let Way::Oidc(provider) = &inbox.login.way else {
        return Redirect::to("/login").into_response();
    };
    let https = inbox.login.site.is_https();
    let mut response = match provider.finish(&returned, ATTEMPT.read(&headers, https)).await {
        Ok((approver, to)) => match enter(&inbox, &headers, approver, &to).await {
            Ok(response) => response,
            Err(failure) => failure.into_response(),
        },
        Err(error) => failed(error).into_response(),
    };
    // An attempt is for one answer.
    attach(&mut response, ATTEMPT.clear(https));
    response
}

/// `POST /logout`.
pub async fn logout(
    State(inbox): State<Inbox>,
    visitor: Result<Visitor, Response>,
    headers: HeaderMap,
    form: Result<Posted<Leave>, FormRejection>,
) -> Result<Response, Failure> {
    let https = inbox.login.site.is_https();
    if let Ok(Visitor { session, .. }) = visitor {
        let own = form.is_ok_and(|Posted(Leave { csrf })| session.gave(&csrf));
        if !own || !inbox.login.site.is_own(&headers) {
            return Err(forged("/"));
        }
        if let Some(token) = SESSION.read(&headers, https) {
            inbox.login.sessions.close(token, Usage::Cookie).await?;
        }
    }
    let mut response = Redirect::to("/login").into_response();
    attach(&mut response, SESSION.clear(https));
    Ok(response)
}

/// What logging out sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {
    csrf: String,
}

/// Logs somebody in under a new token, whatever their browser had before.
async fn enter(
    inbox: &Inbox,
    headers: &HeaderMap,
    approver: Approver,
    return_to: &str,
) -> Result<Response, Failure> {
    let (sessions, https) = (&inbox.login.sessions, inbox.login.site.is_https());
    if let Some(old) = SESSION.read(headers, https) {
        sessions.close(old, Usage::Cookie).await?;
    }
    let (person, scopes) = (approver.person.clone(), approver.scopes.len());
    let token = sessions.open(approver, Usage::Cookie).await.map_err(|error| {
        tracing::error!(%error, "a login could not be kept");
        let detail = "The service could not keep your login; its log says why.";
        Failure::login(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", detail)
    })?;
    tracing::info!(subject = person.subject, issuer = person.issuer, scopes, "logged in");
    let mut response = Redirect::to(safe(return_to)).into_response();
    attach(&mut response, SESSION.set(token.expose(), https));
    Ok(response)
}

fn failed(error: CallbackError) -> Failure {
    if let CallbackError::Provider(why, _) = &error {
        tracing::warn!(why, "a login failed");
    }
    let status = match error {
        CallbackError::Attempt => StatusCode::BAD_REQUEST,
        CallbackError::Refused(_) => StatusCode::FORBIDDEN,
        CallbackError::Provider(..) => StatusCode::BAD_GATEWAY,
    };
    let mut detail = error.to_string();
    if let Some(first) = detail.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Failure::login(status, "You are not logged in", format!("{detail}."))
}

fn attach(response: &mut Response, cookie: Result<HeaderValue, header::InvalidHeaderValue>) {
    match cookie {
        Ok(cookie) => drop(response.headers_mut().append(header::SET_COOKIE, cookie)),
        Err(error) => tracing::error!(%error, "a cookie cannot be set"),
    }
}
