//! What the service is told, in `serve.yaml` or on the command line.

mod audit;
mod read;
mod sense;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use audit::{Audit, Sender};
pub use read::read;
use serde::Deserialize;

use crate::domain::{Person, Topic};

/// Everything there is to set. Each member has a default; with none, the service runs on loopback with a SQLite file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite:FILE` or `postgres://USER@HOST/NAME`.
    pub database: String,
    /// The key that verdicts are signed with: a JWK file, made when it does not exist.
    pub signing_key: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// The address of the pages as people's browsers know it, without a path: `https://approvals.example.com`.
    pub public_url: Option<String>,
    /// Whose tokens are believed at the API.
    pub issuers: Vec<Issuer>,
    /// Who may log in to the pages.
    pub login: Option<Oidc>,
    /// Lets everybody log in under any name. For trying it out, on loopback.
    pub dev_login: bool,
    /// Identities that belong to one person: none of them can approve what another asked for.
    pub same_person: Vec<Vec<Person>>,
    /// The scope that lets one person decide alone in an emergency; nobody may without it.
    pub break_glass_scope: Option<String>,
    /// Most open approvals of one caller.
    pub open_per_caller: u64,
    /// Who is told what happens.
    pub webhooks: Vec<Webhook>,
    /// The collector of the audit trail; there is none without it.
    pub audit: Option<Audit>,
}

/// Where the service listens. Two addresses, so that a proxy cannot decide and a person cannot ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// For proxies.
    pub questions: SocketAddr,
    /// For people.
    pub people: SocketAddr,
    /// TLS for proxies. With `client_ca`, only proxies with a certificate of that authority may ask.
    pub questions_tls: Option<Tls>,
    /// TLS for people.
    pub people_tls: Option<Tls>,
}

/// TLS at one door. The files are read when the service starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those in between, in PEM form.
    pub certificate: PathBuf,
    /// The certificate's key, in PEM form.
    pub key: PathBuf,
    /// The authorities whose certificates clients have to show; without them, anybody may connect.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// An issuer of access tokens for the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss`.
    pub issuer: String,
    /// `aud` has to name one of these.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub jwks_url: String,
    /// The claim with the scopes.
    #[serde(default = "scope")]
    pub scope_claim: String,
}

/// An OpenID provider that people log in with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// Its issuer identifier; `/.well-known/openid-configuration` below it says the rest.
    pub issuer: String,
    /// The client.
    pub client_id: String,
    /// A file with the client's secret; none for a public client.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// What is asked for beside `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The claim of the ID token with what a person may do.
    #[serde(default = "scope")]
    pub scope_claim: String,
}

/// Somebody who is told what happens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// A file with the secret that each message is signed with: `whsec_` and 24 to 64 bytes in Base64.
    pub secret_file: PathBuf,
    /// What it is told; everything by default. A broken glass it is always told.
    #[serde(default = "everything")]
    pub events: BTreeSet<Topic>,
}

/// The operating system's reason, lower case and without a number.
pub(crate) fn os_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn everything() -> BTreeSet<Topic> {
    Topic::ALL.into()
}

fn scope() -> String {
    "scope".to_owned()
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: "sqlite:scopewarden.db".to_owned(),
            signing_key: "scopewarden-verdict-key.json".into(),
            listen: Listen::default(),
            public_url: None,
            issuers: Vec::new(),
            login: None,
            dev_login: false,
            same_person: Vec::new(),
            break_glass_scope: None,
            open_per_caller: 200,
            webhooks: Vec::new(),
            audit: None,
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            questions: SocketAddr::from((Ipv4Addr::LOCALHOST, 8088)),
            people: SocketAddr::from((Ipv4Addr::LOCALHOST, 8089)),
            questions_tls: None,
            people_tls: None,
        }
    }
}

#[cfg(test)]
mod tests;
