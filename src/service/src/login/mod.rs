//! Who is at the people's door.
//!
//! ```text
//! Authorization: Bearer ──► bearer (an issuer's access token) ──┐
//!                                                               ├──► Approver
//! Cookie ──► session ◄── OpenID Connect, or the dev login ──────┘
//! ```

mod bearer;

use axum::http::{HeaderMap, StatusCode, header};

pub use bearer::Bearer;

use crate::domain::Approver;
use crate::http::problem::Problem;

/// Knows people.
#[derive(Debug)]
pub struct Login {
    /// Access tokens.
    pub bearer: Bearer,
}

impl Login {
    /// The person that a request comes from.
    ///
    /// # Errors
    /// 401 when nobody is proven.
    pub async fn approver(&self, headers: &HeaderMap) -> Result<Approver, Problem> {
        let mut tokens = headers.get_all(header::AUTHORIZATION).iter();
        match (tokens.next(), tokens.next()) {
            (Some(value), None) => self.bearer.approver(value.as_bytes()).await,
            _ => Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "log in, or send an access token",
            )),
        }
    }
}
