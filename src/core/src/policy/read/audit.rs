//! `audit`: where records go, and what they hold.

use std::sync::Arc;

use super::codes;
use super::fields::{Field, Object};
use super::{identity, kinds};
use crate::audit::{self, Audit, OnUnavailable, Payload, PerTier, Token};
use crate::diag::Diagnostics;
use crate::limits;
use crate::node::Node;
use crate::operation::Tier;
use crate::redact::Redaction;

const DEFAULT_TIMEOUT_MS: u64 = 2 * 1000;
const MINUTE_MS: u64 = 60 * 1000;
/// Fewest characters of a token: less could be tried out.
const LEAST_TOKEN: usize = 16;
/// What the URL of a sink looks like.
const SINK_URL: &str = "http://audit.internal/v1/logs";
const PAYLOADS: [(&str, Payload); 3] =
    [("none", Payload::None), ("digest", Payload::Digest), ("redacted", Payload::Redacted)];
const ON_UNAVAILABLE: [(&str, OnUnavailable); 3] =
    [("deny", OnUnavailable::Deny), ("spool", OnUnavailable::Spool), ("drop", OnUnavailable::Drop)];

/// Reads `audit`. Bodies are masked by what `redact` masks for those who see through nothing.
pub(super) fn read(
    policy: &Object<'_>,
    redact: Option<&Redaction>,
    out: &mut Diagnostics,
) -> Option<Audit> {
    let object = policy.get("audit").and_then(|f| f.object(&kinds::AUDIT, out))?;
    let cluster = object.need("cluster", out).and_then(|f| f.text(out));
    let url = object
        .need("url", out)
        .and_then(|f| identity::split_url(&f, "a sink of records", SINK_URL, out));
    let timeout =
        object.get("timeout").map_or(Some(DEFAULT_TIMEOUT_MS), |f| f.duration(100, MINUTE_MS, out));
    let token = object.get("token").map(|f| token(&f, out));
    let payload = per_tier(&object, "payload", &PAYLOADS, |_| Payload::Digest, out);
    let on_unavailable = per_tier(&object, "on_unavailable", &ON_UNAVAILABLE, unavailable, out);
    let mut size = |name, least, most, default| {
        object.get(name).map_or(Some(default), |f| f.size(least, most, out))
    };
    let payload_bytes = size(
        "payload_bytes",
        limits::LEAST_PAYLOAD_BYTES,
        limits::MAX_PAYLOAD_BYTES,
        limits::DEFAULT_PAYLOAD_BYTES,
    );
    let spool_bytes = size(
        "spool",
        limits::LEAST_SPOOL_BYTES,
        limits::MAX_SPOOL_BYTES,
        limits::DEFAULT_SPOOL_BYTES,
    );
    let rules = redact.map_or_else(|| Arc::new(audit::everything()), Redaction::recorded);
    let (scheme, authority, path) = url?;
    Some(Audit {
        cluster: cluster?.to_owned(),
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path: path.to_owned(),
        timeout_ms: timeout?,
        token: token.flatten(),
        payload,
        on_unavailable,
        payload_bytes: payload_bytes?,
        spool_bytes: spool_bytes?,
        rules,
    })
}

/// What can do most harm does not happen unseen.
const fn unavailable(tier: Tier) -> OnUnavailable {
    match tier {
        Tier::Destroy | Tier::Admin => OnUnavailable::Deny,
        Tier::Read | Tier::Infer | Tier::Write | Tier::Execute => OnUnavailable::Spool,
    }
}

fn token(field: &Field<'_>, out: &mut Diagnostics) -> Option<Token> {
    let text = field.text(out)?;
    // RFC 6750, section 2.1.
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if text.len() < LEAST_TOKEN || !text.bytes().all(allowed) {
        out.error(
            codes::INVALID_VALUE,
            field.path(),
            format!(
                "a bearer token has at least {LEAST_TOKEN} characters out of `A-Za-z0-9-._~+/=`"
            ),
        )
        .help("make one with `openssl rand -hex 32`");
        return None;
    }
    Some(Token(text.to_owned()))
}

/// One word for all tiers, or one for each; `*` is for those that are not named.
fn per_tier<T: Copy>(
    object: &Object<'_>,
    name: &str,
    known: &[(&str, T)],
    default: impl Fn(Tier) -> T,
    out: &mut Diagnostics,
) -> PerTier<T> {
    let Some(field) = object.get(name) else { return PerTier::of(default) };
    if !matches!(field.node(), Node::Object(_)) {
        let all = field.choice(known, out);
        return PerTier::of(|tier| all.unwrap_or_else(|| default(tier)));
    }
    let mut others = None;
    let mut named: Vec<(Tier, T)> = Vec::new();
    for (name, field) in field.map(out) {
        let word = field.choice(known, out);
        match (name, Tier::parse(name)) {
            ("*", _) => others = word,
            (_, Some(tier)) => named.extend(word.map(|word| (tier, word))),
            (_, None) => {
                let tiers: Vec<&str> = Tier::ALL.iter().map(|tier| tier.as_str()).collect();
                out.error(codes::UNKNOWN_KEY, field.path(), format!("`{name}` is no tier")).help(
                    format!(
                        "tiers are {}, and `*` for all others",
                        super::fields::list(&tiers, "and")
                    ),
                );
            }
        }
    }
    PerTier::of(|tier| {
        let of_tier = named.iter().find(|(of, _)| *of == tier).map(|(_, word)| *word);
        of_tier.or(others).unwrap_or_else(|| default(tier))
    })
}
