//! `identity`: who is believed, and on what proof.

use std::sync::Arc;

use super::super::{Identity, JwtAuthn, Mtls};
use super::codes;
use super::fields::{Field, Object, list};
use super::kinds;
use crate::diag::{Diagnostics, Path};
use crate::identity::{
    Algorithm, Algorithms, ClaimName, DEFAULT_FETCH_TIMEOUT_MS, DEFAULT_REFRESH_MS, Dropped,
    Issuer, KeySet, KeySource, RemoteKeys, TokenTypes,
};
use crate::limits;
use crate::node::Node;

/// Clock skew when the policy says nothing, in milliseconds.
const DEFAULT_CLOCK_SKEW_MS: u64 = 30 * 1000;
/// What the URL of a key set looks like.
const KEY_SET_URL: &str = "https://idp.example.com/.well-known/jwks.json";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Reads `identity`; without it nobody is believed.
pub(super) fn read(policy: &Object<'_>, out: &mut Diagnostics) -> Identity {
    let mut identity = Identity {
        issuers: Vec::new(),
        clock_skew_ms: DEFAULT_CLOCK_SKEW_MS,
        jwt_authn: None,
        mtls: None,
    };
    let Some(object) = policy.get("identity").and_then(|f| f.object(&kinds::IDENTITY, out)) else {
        return identity;
    };
    let mut names = Vec::new();
    for field in object.get("issuers").map(|f| f.some_list(out)).unwrap_or_default() {
        if let Some(issuer) = issuer(&field, &mut names, out) {
            identity.issuers.push(issuer);
        }
    }
    if let Some(skew) = object.get("clock_skew")
        && let Some(ms) = skew.duration(0, limits::MAX_CLOCK_SKEW_MS, out)
    {
        identity.clock_skew_ms = ms;
    }
    identity.jwt_authn = object.get("jwt_authn").and_then(|f| jwt_authn(&f, out));
    identity.mtls = object.get("mtls").and_then(|f| mtls(&f, out));
    identity
}

/// Which proofs are accepted, and which of them can carry groups and claims.
///
/// Taken from what is written, so that an issuer with an error in it still counts as one.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    /// Any proof at all.
    pub any: bool,
    /// A token: it has claims besides its subject.
    pub tokens: bool,
    /// A token from whose claims groups are read.
    pub groups: bool,
    /// SPIFFE trust domains of client certificates.
    pub trust_domains: Vec<String>,
}

impl Sources {
    pub fn of(policy: &Object<'_>) -> Self {
        let Some(identity) = policy.get("identity") else { return Self::default() };
        let member = |name| identity.node().get(name);
        let issuers = member("issuers").map(elements).unwrap_or_default();
        let tokens: Vec<_> = issuers.iter().chain(member("jwt_authn")).collect();
        let domains = member("mtls").and_then(|m| m.get("trust_domains")).map(elements);
        let trust_domains: Vec<String> = domains
            .unwrap_or_default()
            .iter()
            .filter_map(|d| if let Node::String(text) = d { Some(text.clone()) } else { None })
            .collect();
        Self {
            any: !tokens.is_empty() || member("mtls").is_some(),
            tokens: !tokens.is_empty(),
            groups: tokens.iter().any(|t| t.get("groups_claim").is_some()),
            trust_domains,
        }
    }
}

fn elements(node: &Node) -> &[Node] {
    match node {
        Node::Array(items) => items,
        _ => &[],
    }
}

fn issuer<'n>(
    field: &Field<'n>,
    names: &mut Vec<&'n str>,
    out: &mut Diagnostics,
) -> Option<Issuer> {
    let object = field.object(&kinds::ISSUER, out)?;
    let name = object.need("issuer", out).and_then(|f| {
        let name = f.text(out)?;
        if names.contains(&name) {
            out.error(codes::DUPLICATE, f.path(), format!("the issuer `{name}` is listed twice"))
                .help("list it once, with all its audiences");
        }
        names.push(name);
        Some(name)
    });
    let audiences = object.need("audiences", out).map(|f| f.texts(out)).unwrap_or_default();
    let keys = object.need("jwks", out).and_then(|f| jwks(&f, out));
    let algorithms = object.get("algorithms").map_or(Algorithms::ALL, |f| algorithms(&f, out));
    if let Some(KeySource::Inline(set)) = &keys
        && let Some(field) = object.get("algorithms")
        && !set.is_empty()
        && !set.keys().iter().any(|key| key.algorithms().iter().any(|a| algorithms.contains(a)))
    {
        out.error(
            codes::NO_USABLE_KEY,
            field.path(),
            format!("no key of this issuer is for {algorithms}"),
        )
        .help("name the algorithm of one of its keys, or leave `algorithms` out");
    }
    let scope_claim = object.get("scope_claim").and_then(|f| claim(&f, out));
    let groups_claim = object.get("groups_claim").and_then(|f| claim(&f, out));
    let types = object.get("types").map(|f| types(&f, out));
    let lifetime = object.get("max_lifetime").and_then(|f| f.duration(1000, 366 * DAY_MS, out));

    let audiences = audiences.into_iter().map(str::to_owned).collect();
    let mut issuer = Issuer::new(name?, audiences, keys?);
    issuer.algorithms = algorithms;
    issuer.scope_claim = scope_claim.unwrap_or(issuer.scope_claim);
    issuer.groups_claim = groups_claim;
    issuer.types = types.unwrap_or(issuer.types);
    issuer.max_lifetime_ms = lifetime.unwrap_or(issuer.max_lifetime_ms);
    Some(issuer)
}

fn claim(field: &Field<'_>, out: &mut Diagnostics) -> Option<ClaimName> {
    match ClaimName::parse(field.text(out)?) {
        Ok(name) => Some(name),
        Err(message) => {
            out.error(codes::INVALID_VALUE, field.path(), message);
            None
        }
    }
}

fn algorithms(field: &Field<'_>, out: &mut Diagnostics) -> Algorithms {
    let known: Vec<(&str, Algorithm)> = Algorithm::ALL.into_iter().map(|a| (a.name(), a)).collect();
    field.some_list(out).iter().filter_map(|item| item.choice(&known, out)).collect()
}

/// `types`: accepted `typ` values; `none` is a token without one.
fn types(field: &Field<'_>, out: &mut Diagnostics) -> TokenTypes {
    let names = field.texts(out);
    TokenTypes::new(names.contains(&"none"), names.into_iter().filter(|name| *name != "none"))
}

fn jwks(field: &Field<'_>, out: &mut Diagnostics) -> Option<KeySource> {
    let object = field.object(&kinds::JWKS, out)?;
    let Some(inline) = object.get("inline") else {
        return remote(&object, out).map(KeySource::Remote);
    };
    for key in ["cluster", "url", "refresh", "timeout"] {
        if let Some(other) = object.get(key) {
            out.error(codes::CONFLICT, other.path(), format!("`{key}` beside `inline` keys"))
                .help("keys are either written here (`inline`) or fetched (`cluster` and `url`)");
        }
    }
    inline_keys(&inline, out).map(|set| KeySource::Inline(Arc::new(set)))
}

/// Members of a key set are not the policy's own: RFC 7517 lets an issuer add any.
pub(super) fn inline_keys(field: &Field<'_>, out: &mut Diagnostics) -> Option<KeySet> {
    let serde_json::Value::Object(document) = serde_json::Value::from(field.node()) else {
        field.wrong_type("a key set, an object with `keys`", out);
        return None;
    };
    match KeySet::from_members(&document) {
        Err(message) => {
            out.error(codes::NO_USABLE_KEY, field.path(), message)
                .help("paste the issuer's JWKS document: `inline: {keys: [...]}`");
            None
        }
        Ok((set, dropped)) => {
            report_dropped(&field.path().key("keys"), &set, &dropped, out);
            Some(set)
        }
    }
}

fn report_dropped(path: &Path, set: &KeySet, dropped: &[Dropped], out: &mut Diagnostics) {
    for key in dropped {
        out.warning(codes::KEY_DROPPED, path, format!("key {} is not used: {}", key.key, key.why));
    }
    if set.is_empty() {
        out.error(codes::NO_USABLE_KEY, path, "no key of this set can be used").help(format!(
            "a key is public, for signatures, and for one of {}",
            list(&names(), "or")
        ));
    }
}

fn names() -> Vec<&'static str> {
    Algorithm::ALL.into_iter().map(Algorithm::name).collect()
}

fn remote(object: &Object<'_>, out: &mut Diagnostics) -> Option<RemoteKeys> {
    let cluster = object.get("cluster");
    let url = object.get("url");
    if cluster.is_none() && url.is_none() {
        out.error(codes::MISSING_KEY, object.path(), "neither `inline` nor `cluster` and `url`")
            .help(
                "say where the keys are: `{cluster: idp, url: https://idp.example.com/jwks.json}`",
            );
        return None;
    }
    let cluster = object.need("cluster", out).and_then(|f| f.text(out));
    let url = object.need("url", out).and_then(|f| split_url(&f, "a key set", KEY_SET_URL, out));
    let refresh =
        object.get("refresh").map_or(Some(DEFAULT_REFRESH_MS), |f| f.duration(10_000, DAY_MS, out));
    let timeout = object
        .get("timeout")
        .map_or(Some(DEFAULT_FETCH_TIMEOUT_MS), |f| f.duration(100, 60_000, out));
    let (scheme, authority, path) = url?;
    Some(RemoteKeys {
        cluster: cluster?.to_owned(),
        authority: authority.to_owned(),
        path: path.to_owned(),
        scheme: scheme.to_owned(),
        refresh_ms: refresh?,
        timeout_ms: timeout?,
    })
}

/// Scheme, authority and path. The cluster decides where the call goes and whether it is encrypted;
/// the URL is what the server is told. `what` and `example` say what it should be the URL of.
pub(super) fn split_url<'n>(
    field: &Field<'n>,
    what: &str,
    example: &str,
    out: &mut Diagnostics,
) -> Option<(&'n str, &'n str, &'n str)> {
    let url = field.text(out)?;
    let parts = ["https", "http"].into_iter().find_map(|scheme| {
        let rest = url.strip_prefix(scheme)?.strip_prefix("://")?;
        let (authority, path) = rest.split_at_checked(rest.find('/')?)?;
        let plain =
            !authority.is_empty() && !authority.contains(['@', '?', '#']) && !path.contains('#');
        (plain && url.bytes().all(|b| b.is_ascii_graphic())).then_some((scheme, authority, path))
    });
    if parts.is_none() {
        out.error(codes::INVALID_VALUE, field.path(), format!("`{url}` is not the URL of {what}"))
            .help(format!("write it in full, such as `{example}`"));
    }
    parts
}

fn jwt_authn(field: &Field<'_>, out: &mut Diagnostics) -> Option<JwtAuthn> {
    let object = field.object(&kinds::JWT_AUTHN, out)?;
    let metadata_key = object.need("payload_in_metadata", out).and_then(|f| f.text(out));
    let issuers = object.need("issuers", out).map(|f| f.texts(out)).unwrap_or_default();
    let scope_claim = object.get("scope_claim").and_then(|f| claim(&f, out));
    let groups_claim = object.get("groups_claim").and_then(|f| claim(&f, out));
    Some(JwtAuthn {
        metadata_key: metadata_key?.to_owned(),
        issuers: issuers.into_iter().map(str::to_owned).collect(),
        scope_claim: scope_claim.unwrap_or_else(ClaimName::scope),
        groups_claim,
        claims: Vec::new(),
    })
}

fn mtls(field: &Field<'_>, out: &mut Diagnostics) -> Option<Mtls> {
    let object = field.object(&kinds::MTLS, out)?;
    let domains = object.need("trust_domains", out)?;
    let mut trust_domains = Vec::new();
    for item in domains.some_list(out) {
        let Some(text) = item.text(out) else { continue };
        // SPIFFE-ID section 2.1: lower-case letters, digits, dots, dashes and underscores.
        if text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')) {
            trust_domains.push(text.to_owned());
        } else {
            out.error(
                codes::INVALID_VALUE,
                item.path(),
                format!("`{text}` is not a SPIFFE trust domain"),
            )
            .help("write the name only, such as `prod.example.com`, without `spiffe://`");
        }
    }
    Some(Mtls { trust_domains })
}
