//! Access tokens at the API, verified by what the filter verifies callers with.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use scopewarden_core::identity::{
    ClaimName, FetchOutcome, Issuer, KeyRing, KeySource, NoHost, Principal, Refetch, RemoteKeys,
    TokenError, verify,
};
use scopewarden_core::limits;
use scopewarden_core::time::UnixMillis;

use crate::desk::Clock;
use crate::domain::{Approver, Person};
use crate::http::problem::Problem;
use crate::settings;

/// Clock skew that tokens are granted, in milliseconds.
const SKEW_MS: u64 = 30_000;
/// How long a fetch of keys may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Claims that tell a person from a machine, and what to call a person.
const CLAIMS: [&str; 6] = ["client_id", "azp", "gty", "idtyp", "name", "preferred_username"];

/// The issuers whose access tokens are believed.
#[derive(Debug)]
pub struct Bearer {
    issuers: Vec<Issuer>,
    urls: Vec<String>,
    keys: Mutex<KeyRing>,
    http: reqwest::Client,
    clock: Clock,
}

impl Bearer {
    /// Believes these issuers.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        issuers: &[settings::Issuer],
        http: reqwest::Client,
        clock: Clock,
    ) -> Result<Self, String> {
        let known = issuers.iter().map(issuer).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            urls: issuers.iter().map(|i| i.jwks_url.clone()).collect(),
            keys: Mutex::new(KeyRing::new(&known)),
            issuers: known,
            http,
            clock,
        })
    }

    /// The person an `Authorization` value stands for.
    ///
    /// # Errors
    /// 401, with what is wrong with the token and nothing of it.
    pub async fn approver(&self, value: &[u8]) -> Result<Approver, Problem> {
        let refused =
            |detail: String| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        let mut headers = scopewarden_core::http::Headers::new();
        headers.push(b"authorization", value);
        let token = scopewarden_core::identity::bearer(&headers)
            .map_err(|reason| refused(reason.meaning().trim().to_owned()))?;
        self.fetch_due().await;
        let error = match self.verify(token) {
            Ok(principal) => return Ok(approver(&principal)),
            Err(error) => error,
        };
        // An unknown key may be a new one.
        if let Some(issuer) = error.issuer
            && self.ring().request_refetch(issuer, self.now()) == Refetch::Started
        {
            self.fetch_due().await;
            return self.verify(token).map(|p| approver(&p)).map_err(|e| refused(e.detail));
        }
        Err(refused(error.detail))
    }

    fn verify(&self, token: &[u8]) -> Result<Principal, TokenError> {
        verify(token, &self.issuers, &self.ring(), SKEW_MS, self.now(), &NoHost)
            .map(|v| v.principal)
    }

    async fn fetch_due(&self) {
        let due = self.ring().due(self.now());
        for fetch in due {
            let Some(url) = self.urls.get(fetch.issuer) else { continue };
            let answer = self.get(url).await;
            let outcome = match &answer {
                Ok((status, body)) => FetchOutcome::Response { status: *status, body },
                Err(why) => FetchOutcome::Failed(why),
            };
            if let Err(why) = self.ring().fetched(fetch.issuer, self.now(), outcome) {
                tracing::warn!(url, %why, "keys cannot be fetched");
            }
        }
    }

    async fn get(&self, url: &str) -> Result<(u16, Vec<u8>), String> {
        let told = |e: reqwest::Error| e.without_url().to_string();
        let mut answer = self.http.get(url).timeout(TIMEOUT).send().await.map_err(told)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            body.extend_from_slice(&chunk);
            if body.len() > limits::MAX_JWKS_BYTES {
                return Err("the answer is too large".to_owned());
            }
        }
        Ok((answer.status().as_u16(), body))
    }

    fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    fn ring(&self) -> MutexGuard<'_, KeyRing> {
        // Nothing in here can panic half-way.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn issuer(settings: &settings::Issuer) -> Result<Issuer, String> {
    let remote = RemoteKeys {
        cluster: String::new(),
        authority: String::new(),
        path: String::new(),
        scheme: String::new(),
        refresh_ms: scopewarden_core::identity::DEFAULT_REFRESH_MS,
        timeout_ms: scopewarden_core::identity::DEFAULT_FETCH_TIMEOUT_MS,
    };
    let mut issuer =
        Issuer::new(&settings.issuer, settings.audiences.clone(), KeySource::Remote(remote));
    issuer.scope_claim = ClaimName::parse(&settings.scope_claim)?;
    issuer.claims = CLAIMS.into_iter().map(ClaimName::parse).collect::<Result<_, _>>()?;
    Ok(issuer)
}

fn approver(principal: &Principal) -> Approver {
    let claim = |name: &str| principal.claims.get(name).cloned();
    Approver {
        person: Person { issuer: principal.issuer.clone(), subject: principal.subject.clone() },
        name: claim("name").or_else(|| claim("preferred_username")),
        scopes: principal.scopes.clone(),
        machine: machine(principal, &principal.claims),
    }
}

/// How tokens of programs look, by the identity providers' own words.
fn machine(principal: &Principal, claims: &BTreeMap<String, String>) -> Option<&'static str> {
    let claim = |name: &str| claims.get(name).map(String::as_str);
    let subject = &*principal.subject;
    if !principal.actors.is_empty() {
        return Some("this token is used by an actor for somebody else");
    }
    // RFC 9068, section 5: a client that acts for itself has its own id as the subject.
    let itself = [claim("client_id"), claim("azp")]
        .into_iter()
        .flatten()
        .any(|id| subject == id || subject.strip_suffix("@clients") == Some(id));
    let named = subject.starts_with("system:serviceaccount:")
        || subject.starts_with("spiffe://")
        || claim("preferred_username").is_some_and(|n| n.starts_with("service-account-"));
    (itself || named || claim("gty") == Some("client-credentials") || claim("idtyp") == Some("app"))
        .then_some("this token belongs to a service account")
}

#[cfg(test)]
mod tests {
    use scopewarden_core::identity::{Actor, Proof};

    use super::*;

    fn principal(subject: &str, claims: &[(&str, &str)]) -> Principal {
        Principal {
            issuer: "https://idp.test/".into(),
            subject: subject.into(),
            scopes: ["approve".to_owned()].into(),
            groups: [].into(),
            actors: Vec::new(),
            claims: claims.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            proof: Proof::Jwt { kid: None, algorithm: "EdDSA", token_id: None },
            expires: None,
        }
    }

    #[test]
    fn a3_tokens_of_machines_are_known() {
        let machines: [(&str, &[(&str, &str)]); 8] = [
            ("ci-runner", &[("client_id", "ci-runner")]),
            ("ci-runner", &[("azp", "ci-runner")]),
            ("k3y@clients", &[("azp", "k3y"), ("gty", "client-credentials")]),
            ("k3y@clients", &[("azp", "k3y")]),
            ("8f0e", &[("idtyp", "app")]),
            ("8f0e", &[("preferred_username", "service-account-ci")]),
            ("system:serviceaccount:agents:runner", &[]),
            ("spiffe://example.org/agent", &[]),
        ];
        for (subject, claims) in machines {
            let approver = approver(&principal(subject, claims));
            assert!(approver.machine.is_some(), "{subject} {claims:?}");
        }
        let agent = Actor { issuer: "https://idp.test/".into(), subject: "agent".into() };
        let acting = Principal { actors: vec![agent], ..principal("bo", &[]) };
        assert!(approver(&acting).machine.is_some());
    }

    #[test]
    fn people_have_a_name() {
        let claims = [("azp", "inbox"), ("name", "Bo B."), ("preferred_username", "bo")];
        let bo = approver(&principal("bo", &claims));
        assert_eq!((bo.machine, bo.name.as_deref()), (None, Some("Bo B.")));
        assert_eq!(approver(&principal("bo", &claims[2..])).name.as_deref(), Some("bo"));
    }
}
