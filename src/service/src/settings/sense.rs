//! Settings that can be read, and cannot be meant.

mod audit;

use std::collections::BTreeMap;
use std::path::Path as File;

use reqwest::Url;
use scopewarden_core::diag::{Diagnostics, Path};

use super::{Settings, Tls};
use crate::login;
use crate::webhook::Secret;

/// Everything that is.
pub(super) fn check(settings: &Settings, found: &mut Diagnostics) {
    let root = Path::root();
    let scheme = settings.database.split_once(':').map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("sqlite" | "postgres" | "postgresql")) {
        found
            .error("wrong-value", &root.key("database"), "neither SQLite nor PostgreSQL")
            .help("write `sqlite:FILE` or `postgres://USER@HOST/NAME`");
    }
    if let Some(url) = &settings.public_url {
        secure(url, &root.key("public_url"), found);
    }
    if settings.break_glass_scope.as_deref().is_some_and(|s| s.is_empty() || s.contains(' ')) {
        found
            .error("wrong-value", &root.key("break_glass_scope"), "not one scope")
            .help("write one word, or leave it away: then nobody breaks the glass");
    }
    if settings.open_per_caller == 0 {
        found
            .error("wrong-value", &root.key("open_per_caller"), "nobody could ask for anything")
            .help("write a number of at least 1");
    }
    doors(settings, found);
    ways_in(settings, found);
    people(settings, found);
    webhooks(settings, found);
    audit::check(settings, found);
}

fn doors(settings: &Settings, found: &mut Diagnostics) {
    let (listen, path) = (&settings.listen, Path::root().key("listen"));
    if listen.questions == listen.people && listen.people.port() != 0 {
        found
            .error("duplicate", &path.key("people"), "proxies and people at one address")
            .help("give each a port of its own, so that a proxy cannot decide");
    }
    for (name, tls) in
        [("questions_tls", &listen.questions_tls), ("people_tls", &listen.people_tls)]
    {
        certificates(tls.as_ref(), &path.key(name), found);
    }
}

fn certificates(tls: Option<&Tls>, path: &Path, found: &mut Diagnostics) {
    let Some(Tls { certificate, key, client_ca }) = tls else { return };
    readable(certificate, &path.key("certificate"), found);
    readable(key, &path.key("key"), found);
    if let Some(file) = client_ca {
        readable(file, &path.key("client_ca"), found);
    }
}

fn ways_in(settings: &Settings, found: &mut Diagnostics) {
    let root = Path::root();
    let mut seen = BTreeMap::new();
    for (n, issuer) in settings.issuers.iter().enumerate() {
        let path = root.key("issuers").index(n);
        secure(&issuer.jwks_url, &path.key("jwks_url"), found);
        if issuer.audiences.is_empty() {
            found
                .error("empty", &path.key("audiences"), "tokens for anybody would be believed")
                .help("name this service as its tokens name it in `aud`");
        }
        if let Some(first) = seen.insert(&issuer.issuer, n) {
            let message = format!("`{}` is `issuers[{first}]` already", issuer.issuer);
            found
                .error("duplicate", &path.key("issuer"), message)
                .help("write each issuer once, with all its audiences");
        }
    }
    if let Some(oidc) = &settings.login {
        let path = root.key("login");
        secure(&oidc.issuer, &path.key("issuer"), found);
        if let Some(file) = &oidc.client_secret_file {
            readable(file, &path.key("client_secret_file"), found);
        }
        if settings.public_url.is_none() {
            found
                .error("missing-key", &path, "`login` needs `public_url`")
                .help("write the address that people come back to from the provider");
        }
    }
    if settings.dev_login {
        let path = root.key("dev_login");
        if settings.login.is_some() {
            found
                .error("conflict", &path, "everybody could log in beside `login`")
                .help("leave one of the two away");
        } else if !settings.listen.people.ip().is_loopback() {
            found
                .error(
                    "conflict",
                    &path,
                    "everybody who reaches the service could log in under any name",
                )
                .help("listen for people on loopback, or configure `login`");
        }
    }
}

fn people(settings: &Settings, found: &mut Diagnostics) {
    let path = Path::root().key("same_person");
    let mut seen = BTreeMap::new();
    for (n, group) in settings.same_person.iter().enumerate() {
        let path = path.index(n);
        if group.len() < 2 {
            found
                .error("empty", &path, "one identity alone says nothing")
                .help("list every identity of the person, or leave the entry away");
        }
        for (m, person) in group.iter().enumerate() {
            if let Some((entry, first)) = seen.insert(person, (n, m)) {
                let subject = &person.subject;
                let message = format!("`{subject}` is `same_person[{entry}][{first}]` already");
                found
                    .error("duplicate", &path.index(m), message)
                    .help("list each identity once; all of one person in one entry");
            }
        }
    }
}

fn webhooks(settings: &Settings, found: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for (n, webhook) in settings.webhooks.iter().enumerate() {
        let path = Path::root().key("webhooks").index(n);
        secure(&webhook.url, &path.key("url"), found);
        if let Some(first) = seen.insert(&webhook.url, n) {
            let message = format!("the same as `webhooks[{first}].url`");
            found
                .error("duplicate", &path.key("url"), message)
                .help("write each webhook once, with all its events");
        }
        if let Err(error) = Secret::open(&webhook.secret_file) {
            found
                .error("bad-file", &path.key("secret_file"), error.to_string())
                .help("make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`, and give the receiver the same");
        }
    }
}

/// What goes there is for nobody else: https, or this machine.
fn secure(text: &str, path: &Path, found: &mut Diagnostics) {
    // A webhook's URL can be a secret: it is not repeated.
    match Url::parse(text) {
        Err(_) => {
            found
                .error("bad-url", path, "not a URL")
                .help("write it whole, such as `https://idp.example.com/keys`");
        }
        Ok(url) => {
            if login::secure(&url).is_err() {
                found
                    .error(
                        "not-https",
                        path,
                        "everybody on the way could read and change what goes there",
                    )
                    .help("use https; only an address of this machine may do without");
            }
        }
    }
}

fn readable(file: &File, path: &Path, found: &mut Diagnostics) {
    if let Err(error) = std::fs::File::open(file) {
        let why = super::os_reason(&error);
        found
            .error("bad-file", path, format!("cannot read `{}`: {why}", file.display()))
            .help("paths are relative to where the service is started");
    }
}
