//! What the policy says about who may be believed. Plain data; the policy compiler fills it.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::algorithm::Algorithms;
use super::jwks::KeySet;

/// Default cap on `exp - iat`, in milliseconds (24 h).
pub const DEFAULT_MAX_LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// Default time between two fetches of an issuer's keys, in milliseconds.
pub const DEFAULT_REFRESH_MS: u64 = 5 * 60 * 1000;
/// Default time that a fetch of keys may take, in milliseconds.
pub const DEFAULT_FETCH_TIMEOUT_MS: u64 = 5 * 1000;

/// An issuer of tokens that the policy believes.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// `iss`, compared byte for byte.
    pub issuer: String,
    /// The token's `aud` must name one of these. Empty believes nothing.
    pub audiences: Vec<String>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Algorithms that its tokens may use.
    pub algorithms: Algorithms,
    /// The one claim that scopes are read from.
    pub scope_claim: ClaimName,
    /// The claim that groups are read from.
    pub groups_claim: Option<ClaimName>,
    /// `typ` values that an access token may have.
    pub types: TokenTypes,
    /// Longest `exp - iat`, in milliseconds.
    pub max_lifetime_ms: u64,
    /// String claims that rules read.
    pub claims: Vec<ClaimName>,
}

impl Issuer {
    /// An issuer with the default of everything that has one.
    pub fn new(issuer: impl Into<String>, audiences: Vec<String>, keys: KeySource) -> Self {
        Self {
            issuer: issuer.into(),
            audiences,
            keys,
            algorithms: Algorithms::ALL,
            scope_claim: ClaimName::scope(),
            groups_claim: None,
            types: TokenTypes::default(),
            max_lifetime_ms: DEFAULT_MAX_LIFETIME_MS,
            claims: Vec::new(),
        }
    }
}

/// How the claims that Envoy's `jwt_authn` filter verified become a caller.
///
/// That filter checks signature, audience and times by its own configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtAuthn {
    /// The provider's `payload_in_metadata`.
    pub metadata_key: String,
    /// Accepted `iss` values.
    pub issuers: Vec<String>,
    /// The one claim that scopes are read from.
    pub scope_claim: ClaimName,
    /// The claim that groups are read from.
    pub groups_claim: Option<ClaimName>,
    /// String claims that rules read.
    pub claims: Vec<ClaimName>,
}

/// How an mTLS peer becomes a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mtls {
    /// Accepted SPIFFE trust domains, such as `cluster.local`.
    pub trust_domains: Vec<String>,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq)]
pub enum KeySource {
    /// Written in the policy; they never change.
    Inline(Arc<KeySet>),
    /// Fetched through a cluster of the proxy.
    Remote(RemoteKeys),
}

/// How a key set is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteKeys {
    /// The proxy's cluster (upstream) to call.
    pub cluster: String,
    /// `:authority` of the call.
    pub authority: String,
    /// `:path` of the call.
    pub path: String,
    /// `:scheme` of the call: `https` or `http`.
    pub scheme: String,
    /// Time from one answer to the next fetch, in milliseconds.
    pub refresh_ms: u64,
    /// Time that a fetch may take, in milliseconds.
    pub timeout_ms: u64,
}

/// The name of a claim: a member of the payload, or a dotted path into it (`realm_access.roles`).
///
/// A name with a slash is one member, dots and all: namespaced claims are URLs
/// (`https://example.com/groups`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimName {
    text: String,
    path: Vec<String>,
}

impl ClaimName {
    /// Reads a name as the policy writes it.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path: Vec<String> = if text.contains('/') {
            vec![text.to_owned()]
        } else {
            text.split('.').map(str::to_owned).collect()
        };
        if path.iter().any(String::is_empty) || text.chars().any(char::is_control) {
            return Err(format!(
                "`{}` is not the name of a claim; write a member such as `groups`, or a path such as `realm_access.roles`",
                text.escape_debug()
            ));
        }
        Ok(Self { text: text.to_owned(), path })
    }

    /// `scope`, where RFC 9068 access tokens carry their scopes.
    pub fn scope() -> Self {
        Self::member("scope")
    }

    /// The top-level member of that name.
    pub(super) fn member(name: &str) -> Self {
        Self { text: name.to_owned(), path: vec![name.to_owned()] }
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The members to walk, at least one.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The claim's value.
    pub(super) fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (first, rest) = self.path.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The `typ` header values that are taken for an access token's.
///
/// Other kinds of JWT from the same issuer (ID tokens aside, which share `JWT`) say so in `typ`:
/// `logout+jwt`, `dpop+jwt`, `secevent+jwt`. They must not open a door (RFC 8725 section 3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTypes {
    absent: bool,
    names: Vec<String>,
}

impl TokenTypes {
    /// `names` as written in `typ`, with or without `application/`; `absent` takes tokens
    /// without `typ` as well.
    pub fn new<S: AsRef<str>>(absent: bool, names: impl IntoIterator<Item = S>) -> Self {
        Self { absent, names: names.into_iter().map(|n| short_type(n.as_ref())).collect() }
    }

    /// Whether a token with this `typ` is taken.
    pub fn accepts(&self, typ: Option<&str>) -> bool {
        typ.map_or(self.absent, |typ| {
            let typ = short_type(typ);
            self.names.contains(&typ)
        })
    }
}

/// Absent, `JWT`, `at+jwt` and `application/at+jwt`.
impl Default for TokenTypes {
    fn default() -> Self {
        Self::new(true, ["JWT", "at+jwt"])
    }
}

/// Media types compare without case; `application/` may be left out (RFC 7515 section 4.1.9).
fn short_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/") {
        Some(short) if !short.contains('/') => short.to_owned(),
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_names_walk_the_payload() {
        let claims = serde_json::json!({
            "realm_access": {"roles": ["a"]},
            "https://x.example/groups": ["b"],
            "sub": "s",
        });
        let claims = claims.as_object().unwrap();
        let find = |name: &str| ClaimName::parse(name).unwrap().find(claims).cloned();
        assert_eq!(find("realm_access.roles"), Some(serde_json::json!(["a"])));
        assert_eq!(find("https://x.example/groups"), Some(serde_json::json!(["b"])));
        assert_eq!(find("sub.x"), None);
        assert_eq!(find("realm_access.roles.0"), None);
        for bad in ["", ".", "a.", ".a", "a..b", "a\n"] {
            assert!(ClaimName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn types_compare_as_media_types() {
        let types = TokenTypes::default();
        for typ in [None, Some("JWT"), Some("jwt"), Some("AT+JWT"), Some("application/at+jwt")] {
            assert!(types.accepts(typ), "{typ:?}");
        }
        for typ in ["", "logout+jwt", "dpop+jwt", "application/x/at+jwt", "JWT ", "id+jwt"] {
            assert!(!types.accepts(Some(typ)), "{typ:?}");
        }
        assert!(!TokenTypes::new(false, ["at+jwt"]).accepts(None));
    }
}
