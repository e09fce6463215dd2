//! Cookies, as RFC 6265bis has them.

use axum::http::header::{self, InvalidHeaderValue};
use axum::http::{HeaderMap, HeaderValue};

/// A cookie of this service. Scripts never see it, and other sites' forms do not send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name over https: `__Host-` makes the browser refuse one that another host or an unencrypted page has set.
    secure: &'static str,
    /// Its name on loopback without https.
    plain: &'static str,
    /// How long it is kept, in seconds.
    max_age: u64,
}

/// Who is logged in.
pub const SESSION: Cookie = Cookie {
    secure: "__Host-scopewarden",
    plain: "scopewarden",
    max_age: super::session::LIFETIME_MS / 1000,
};

/// A login at the provider that is under way.
pub const ATTEMPT: Cookie =
    Cookie { secure: "__Host-scopewarden-login", plain: "scopewarden-login", max_age: 600 };

impl Cookie {
    const fn name(self, https: bool) -> &'static str {
        if https { self.secure } else { self.plain }
    }

    /// The cookie's value in a request; `None` when there are several, of which one is somebody else's.
    pub fn read(self, headers: &HeaderMap, https: bool) -> Option<&str> {
        let name = self.name(https);
        let mut values = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim_matches(' ').split_once('='))
            .filter_map(|(n, value)| (n == name).then_some(value));
        match (values.next(), values.next()) {
            (value, None) => value,
            _ => None,
        }
    }

    /// `Set-Cookie`, with this value.
    ///
    /// # Errors
    /// The value cannot stand in a header.
    pub fn set(self, value: &str, https: bool) -> Result<HeaderValue, InvalidHeaderValue> {
        self.field(value, self.max_age, https)
    }

    /// `Set-Cookie` that takes it away.
    ///
    /// # Errors
    /// Never.
    pub fn clear(self, https: bool) -> Result<HeaderValue, InvalidHeaderValue> {
        self.field("", 0, https)
    }

    fn field(
        self,
        value: &str,
        max_age: u64,
        https: bool,
    ) -> Result<HeaderValue, InvalidHeaderValue> {
        let name = self.name(https);
        let secure = if https { "; Secure" } else { "" };
        HeaderValue::from_str(&format!(
            "{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        ))
    }
}
