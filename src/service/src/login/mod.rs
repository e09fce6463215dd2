//! Who is at the people's door.
//!
//! ```text
//! Authorization: Bearer ──► bearer (an issuer's access token) ───────────┐
//!                      └──► session (a token that the dev login gave) ───┼──► Approver
//! Cookie (pages only) ────► session ◄── OpenID Connect, or the dev login ┘
//! ```
//!
//! The API takes no cookies, so no other site's page can use it in somebody's name. The pages take nothing else, and
//! whatever changes something has to come from one of their forms.

mod bearer;
mod cookie;
mod dev;
mod oidc;
mod secret;
mod session;
mod site;

use axum::http::{HeaderMap, StatusCode, header};

pub use bearer::Bearer;
pub use cookie::{ATTEMPT, Cookie, SESSION};
pub use dev::Claimed;
pub use oidc::{Begun, CallbackError, Provider, Returned};
pub use secret::Secret;
pub use session::{IDLE_MS, OpenSessionError, Session, Sessions, Usage};
pub use site::{Site, secure};

use crate::desk::Clock;
use crate::domain::Approver;
use crate::http::problem::Problem;
use crate::settings::Settings;
use crate::store::{Store, StoreError};

/// Knows people.
#[derive(Debug)]
pub struct Login {
    /// Access tokens.
    pub bearer: Bearer,
    /// Who is logged in.
    pub sessions: Sessions,
    /// Where the pages are.
    pub site: Site,
    /// How people log in to the pages.
    pub way: Way,
}

/// How people log in to the pages.
#[derive(Debug)]
pub enum Way {
    /// Not at all.
    Closed,
    /// Under any name.
    Dev,
    /// With a provider.
    Oidc(Box<Provider>),
}

impl Login {
    /// As the settings have it.
    ///
    /// # Errors
    /// The setting, and what is wrong with it.
    pub fn new(
        settings: &Settings,
        http: reqwest::Client,
        store: Store,
        clock: Clock,
    ) -> Result<Self, (&'static str, String)> {
        let site = Site::new(settings)?;
        let way = match &settings.login {
            Some(oidc) => Way::Oidc(Box::new(
                Provider::new(oidc, &site, http.clone()).map_err(|why| ("login", why))?,
            )),
            None if settings.dev_login => Way::Dev,
            None => Way::Closed,
        };
        let bearer =
            Bearer::new(&settings.issuers, http, clock.clone()).map_err(|why| ("issuers", why))?;
        Ok(Self { bearer, sessions: Sessions::new(store, clock), site, way })
    }

    /// The person that a request to the API comes from. A cookie proves nobody here.
    ///
    /// # Errors
    /// 401 when nobody is proven.
    pub async fn approver(&self, headers: &HeaderMap) -> Result<Approver, Problem> {
        let unproven = |detail| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        let mut tokens = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (tokens.next(), tokens.next()) else {
            return Err(unproven("send one access token: `Authorization: Bearer …`"));
        };
        let own = value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && Secret::parse(token).is_some()
        });
        let Some((_, token)) = own else {
            return self.bearer.approver(value.as_bytes()).await;
        };
        let session = self.sessions.find(token, Usage::Bearer).await;
        session
            .map_err(|e| Problem::internal(&e))?
            .map(|session| session.approver)
            .ok_or_else(|| unproven("this login is over; get a new token"))
    }

    /// Who is logged in to the pages.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<Session>, StoreError> {
        match SESSION.read(headers, self.site.is_https()) {
            Some(token) => self.sessions.find(token, Usage::Cookie).await,
            None => Ok(None),
        }
    }
}
