//! Where the pages are, and which requests come from them.

use axum::http::{HeaderMap, HeaderName, header};
use reqwest::Url;

use crate::settings::Settings;

/// What a proxy in front adds: with the dev login everybody behind it would be somebody.
const PROXIED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

/// The address that people's browsers know the service by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Without a slash at the end; `None` where it is whatever name the request has.
    origin: Option<String>,
    https: bool,
    dev: bool,
}

impl Site {
    /// As the settings have it.
    ///
    /// # Errors
    /// The setting, and what is wrong with it.
    pub fn new(settings: &Settings) -> Result<Self, (&'static str, String)> {
        let origin = settings.public_url.as_deref().map(origin).transpose();
        let origin = origin.map_err(|why| ("public_url", why))?;
        if settings.dev_login {
            let name = "dev_login";
            if settings.login.is_some() {
                return Err((
                    name,
                    "is for trying it out without `login`; leave one of them away".to_owned(),
                ));
            }
            if origin.as_ref().is_some_and(|o| !o.starts_with("http:")) {
                return Err((
                    name,
                    "everybody at `public_url` could log in under any name; leave it away"
                        .to_owned(),
                ));
            }
        }
        if settings.login.is_some() && origin.is_none() {
            return Err((
                "public_url",
                "`login` needs it: people come back to it from the provider".to_owned(),
            ));
        }
        let https = match &origin {
            Some(origin) => origin.starts_with("https:"),
            None => settings.listen.people_tls.is_some(),
        };
        Ok(Self { origin, https, dev: settings.dev_login })
    }

    /// Whether the connection is encrypted on its way to people.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// `path` as an absolute URL; `None` without a `public_url`.
    pub fn absolute(&self, path: &str) -> Option<String> {
        self.origin.as_ref().map(|origin| format!("{origin}{path}"))
    }

    /// Whether a request is meant for this address. With the dev login, only a loopback name is: another name that leads
    /// here is a page somewhere that has pointed its own name at this machine, or a proxy in front.
    pub fn is_meant(&self, headers: &HeaderMap) -> bool {
        !self.dev
            || (host(headers).is_some_and(is_loopback)
                && !PROXIED.iter().any(|name| headers.contains_key(*name)))
    }

    /// Whether a request that changes something comes from a page of this address, as far as its browser says. The token in
    /// its form has to be right as well.
    pub fn is_own(&self, headers: &HeaderMap) -> bool {
        let fetched = match single(headers, &HeaderName::from_static("sec-fetch-site")) {
            Ok(site) => site.is_none_or(|site| site == "same-origin"),
            Err(()) => false,
        };
        let from = match single(headers, &header::ORIGIN) {
            Ok(None) => true,
            Ok(Some(from)) => match &self.origin {
                Some(own) => from == own,
                None => {
                    let scheme = if self.https { "https://" } else { "http://" };
                    host(headers).is_some_and(|host| from.strip_prefix(scheme) == Some(host))
                }
            },
            Err(()) => false,
        };
        fetched && from
    }
}

/// The origin of `public_url`.
fn origin(text: &str) -> Result<String, String> {
    let shape = || format!("`{text}` is not an address such as `https://approvals.example.com`");
    let url = Url::parse(text).map_err(|_| shape())?;
    let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !plain || !url.username().is_empty() || url.password().is_some() {
        return Err(shape());
    }
    secure(&url)?;
    Ok(url.origin().ascii_serialization())
}

/// Whether what goes to `url` is for nobody else's eyes: encrypted, or on this machine.
///
/// # Errors
/// What is wrong.
pub fn secure(url: &Url) -> Result<(), String> {
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => Ok(()),
        ("http", Some(host)) if is_loopback(host) => Ok(()),
        _ => Err(format!("`{url}` is not https, and not on loopback")),
    }
}

/// Whether `host`, with or without a port, is a name of this machine that no DNS server has a say in.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback())
}

fn host(headers: &HeaderMap) -> Option<&str> {
    single(headers, &header::HOST).ok().flatten()
}

/// The only value of a field; an error when there are several, or it is not text.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        (Some(_), Some(_)) => Err(()),
    }
}
