//! A collector that cannot be meant.

use std::collections::BTreeMap;

use scopewarden_core::diag::{Diagnostics, Path};

use super::certificates;
use crate::audit::ingest::Token;
use crate::settings::{Audit, Settings};

/// What segments may be long: one is read whole when it is exported, and each costs files.
const SEGMENT: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;

pub(super) fn check(settings: &Settings, found: &mut Diagnostics) {
    let Some(audit) = &settings.audit else { return };
    let path = Path::root().key("audit");
    certificates(audit.tls.as_ref(), &path.key("tls"), found);
    door(settings, audit, &path, found);
    senders(audit, &path, found);
    let scheme = audit.index.split_once(':').map(|(scheme, _)| scheme);
    if audit.index != "sqlite" && !matches!(scheme, Some("postgres" | "postgresql")) {
        found
            .error("wrong-value", &path.key("index"), "neither SQLite nor PostgreSQL")
            .help("write `sqlite`, which is a file beside the log, or `postgres://USER@HOST/NAME`");
    }
    if audit.signing_key == settings.signing_key {
        found
            .error("duplicate", &path.key("signing_key"), "the key that verdicts are signed with")
            .help("give checkpoints a key of their own");
    }
    let name = |c: char| c.is_ascii_graphic() && c != '+';
    if audit.origin.is_empty() || audit.origin.len() > 200 || !audit.origin.chars().all(name) {
        found
            .error("wrong-value", &path.key("origin"), "not a name that checkpoints can have")
            .help("write a name without spaces and `+`, such as `audit.example.com/edge`");
    }
    if !SEGMENT.contains(&audit.segment_bytes) {
        found
            .error("wrong-value", &path.key("segment_bytes"), "not from 64KiB to 1024MiB")
            .help("write a size, such as `64MiB`");
    }
    if audit.keep == Some(0) {
        found
            .error("wrong-value", &path.key("keep"), "nothing would be kept")
            .help("write how long, such as `90d`, or leave it away to keep everything");
    }
    if audit.read_scope.is_empty() || audit.read_scope.contains(' ') {
        found
            .error("wrong-value", &path.key("read_scope"), "not one scope")
            .help("write the scope of those who may read everything that was recorded");
    }
    if audit.mirror.as_ref().is_some_and(|mirror| mirror.starts_with(&audit.directory)) {
        found
            .error("conflict", &path.key("mirror"), "whoever changes the log can change this too")
            .help("name a file elsewhere, best on another disk or machine");
    }
}

fn door(settings: &Settings, audit: &Audit, path: &Path, found: &mut Diagnostics) {
    let (listen, path) = (audit.listen, path.key("listen"));
    if listen.port() != 0 && [settings.listen.questions, settings.listen.people].contains(&listen) {
        found
            .error("duplicate", &path, "another door is at this address")
            .help("give records a port of their own");
    }
    let known =
        !audit.tokens.is_empty() || audit.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if !known && !listen.ip().is_loopback() {
        found
            .error("conflict", &path, "everybody who reaches the service could write records")
            .help("set `tokens` or `tls.client_ca`, or listen on loopback");
    }
}

fn senders(audit: &Audit, path: &Path, found: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for (n, sender) in audit.tokens.iter().enumerate() {
        let path = path.key("tokens").index(n);
        if let Some(first) = seen.insert(&sender.name, n) {
            let message = format!("`{}` is `audit.tokens[{first}]` already", sender.name);
            found
                .error("duplicate", &path.key("name"), message)
                .help("give each a name of its own");
        }
        if let Err(why) = Token::open(sender) {
            found.error("bad-file", &path.key("file"), why).help(
                "make one with `head -c 32 /dev/urandom | base64`, and give the sender the same",
            );
        }
    }
}
