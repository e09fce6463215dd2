//! Logging in with an OpenID provider: the authorization code flow with PKCE, state and nonce.
//!
//! ```text
//! browser ── /login/start ──► cookie: attempt      state, nonce, verifier: each derived from the attempt
//!         ◄─ to the provider, with state, nonce and the verifier's digest
//! browser ── /login/callback?code&state, cookie ──► the same three, derived again, checked
//! ```
//!
//! Nothing is kept here while somebody is at the provider: whoever comes back without the browser that left, or with
//! another one's code, has not the attempt that state, nonce and verifier come from.

use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenFields,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse,
};
use scopewarden_core::identity::{ClaimName, read_scopes};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::secret::{Secret, same};
use super::site::{Site, secure};
use crate::domain::{Approver, Person};
use crate::settings;

/// Where the provider sends people back to.
pub const CALLBACK: &str = "/login/callback";
/// How long what the provider publishes of itself is believed.
const FRESH: Duration = Duration::from_secs(300);
/// How soon it is asked again for a key that it did not have.
const AGAIN: Duration = Duration::from_secs(10);
/// Claims that say what to call a person, the best first.
const NAMES: [&str; 3] = ["name", "preferred_username", "email"];
/// Signatures that only the provider can make.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 10] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EcdsaP521Sha512,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Every claim of an ID token that the standard does not name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Others {
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl AdditionalClaims for Others {}

type Token =
    IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type TokenFields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type ProviderClient = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<TokenFields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider, and this service as its client.
#[derive(Debug)]
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    scopes: Vec<String>,
    scope_claim: ClaimName,
    http: reqwest::Client,
    published: Mutex<Option<(Instant, CoreProviderMetadata)>>,
}

/// A login that was begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// For the browser's cookie.
    pub attempt: Secret,
    /// Where to send it.
    pub url: String,
}

/// What the provider's redirect says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Returned {
    /// The authorization code.
    pub code: Option<String>,
    /// What was sent there.
    pub state: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same, in words.
    pub error_description: Option<String>,
    /// Who says so (RFC 9207).
    pub iss: Option<String>,
}

/// Why somebody who came back is not logged in.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// Not the login that this browser has begun, or too late.
    #[error(
        "this login was not begun in this browser, or has been finished or replaced by another since"
    )]
    Attempt,
    /// The provider says no.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// What the provider says cannot be believed, or it cannot be reached. For the log: the first text; for people: the second.
    #[error("{1}")]
    Provider(String, &'static str),
}

impl Provider {
    /// A client of the provider in the settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(
        settings: &settings::Oidc,
        site: &Site,
        http: reqwest::Client,
    ) -> Result<Self, String> {
        let issuer = IssuerUrl::new(settings.issuer.clone());
        let issuer =
            issuer.map_err(|_| format!("`{}` is not the URL of an issuer", settings.issuer))?;
        secure(issuer.url())?;
        let client_secret = match &settings.client_secret_file {
            None => None,
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|e| format!("cannot read `{}`: {e}", file.display()))?;
                Some(ClientSecret::new(text.trim().to_owned()))
            }
        };
        let callback = site.absolute(CALLBACK).unwrap_or_default();
        Ok(Self {
            issuer,
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret,
            redirect: RedirectUrl::new(callback)
                .map_err(|_| "there is no `public_url`".to_owned())?,
            scopes: settings.scopes.clone(),
            scope_claim: ClaimName::parse(&settings.scope_claim)?,
            http,
            published: Mutex::default(),
        })
    }

    /// The provider's host, for people.
    pub fn host(&self) -> String {
        self.issuer.url().host_str().unwrap_or_default().to_owned()
    }

    /// Begins a login that goes on at `return_to`.
    ///
    /// # Errors
    /// The provider cannot be reached.
    pub async fn begin(&self, return_to: &str) -> Result<Begun, CallbackError> {
        let attempt = Secret::random()
            .map_err(|e| CallbackError::Provider(e.to_string(), "the service has no randomness"))?;
        let (state, nonce) = (state(&attempt, return_to), nonce(&attempt));
        let client = self.client(FRESH).await?;
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || nonce,
            )
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier(&attempt)));
        Ok(Begun { url: request.url().0.into(), attempt })
    }

    /// Who came back, and where they go on.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub async fn finish(
        &self,
        returned: &Returned,
        attempt: Option<&str>,
    ) -> Result<(Approver, String), CallbackError> {
        let attempt = attempt.and_then(Secret::parse).ok_or(CallbackError::Attempt)?;
        let sent = returned.state.as_deref().ok_or(CallbackError::Attempt)?;
        let return_to = sent.split_once('.').map_or("", |(_, to)| to);
        if !same(sent, &state(&attempt, return_to)) {
            return Err(CallbackError::Attempt);
        }
        if returned.iss.as_ref().is_some_and(|iss| *iss != *self.issuer) {
            let why = "another provider answered than was asked";
            return Err(CallbackError::Provider("`iss` of the answer differs".to_owned(), why));
        }
        if let Some(error) = &returned.error {
            let words = returned.error_description.as_deref().unwrap_or(error);
            return Err(CallbackError::Refused(words.chars().take(200).collect()));
        }
        let code = returned.code.clone().ok_or(CallbackError::Attempt)?;
        let token = self.redeem(code, &attempt).await?;
        let approver = match self.read(&token, &attempt, &self.client(FRESH).await?) {
            // The key may be a new one.
            Err(_) => self.read(&token, &attempt, &self.client(AGAIN).await?),
            read => read,
        };
        let approver = approver.map_err(|why| {
            CallbackError::Provider(
                why,
                "what the identity provider says of you cannot be verified",
            )
        })?;
        Ok((approver, return_to.to_owned()))
    }

    async fn redeem(&self, code: String, attempt: &Secret) -> Result<Token, CallbackError> {
        let failed = |why: String| {
            CallbackError::Provider(
                why,
                "the identity provider did not confirm the login; try again",
            )
        };
        let client = self.client(FRESH).await?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|e| failed(e.to_string()))?
            .set_pkce_verifier(verifier(attempt))
            .request_async(&self.http)
            .await
            .map_err(|e| failed(e.to_string()))?;
        answer.id_token().cloned().ok_or_else(|| failed("it gave no ID token".to_owned()))
    }

    fn read(
        &self,
        token: &Token,
        attempt: &Secret,
        client: &ProviderClient,
    ) -> Result<Approver, String> {
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        let claims =
            token.claims(&verifier, &nonce(attempt)).map_err(|error| format!("{error:?}"))?;
        // Standard claims and the others, by their names.
        let Ok(Value::Object(members)) = serde_json::to_value(claims) else {
            return Err("the claims are no JSON object".to_owned());
        };
        let scopes = read_scopes(&members, &self.scope_claim).map_err(|e| e.detail)?;
        let name = NAMES.iter().find_map(|n| members.get(*n)?.as_str());
        Ok(Approver {
            person: Person {
                issuer: self.issuer.to_string(),
                subject: claims.subject().to_string(),
            },
            name: name.filter(|n| !n.trim().is_empty()).map(str::to_owned),
            scopes,
            machine: members
                .contains_key("act")
                .then_some("this login is used by an actor for somebody else"),
        })
    }

    /// The client, by what the provider has published of itself within `age`.
    async fn client(&self, age: Duration) -> Result<ProviderClient, CallbackError> {
        let mut published = self.published.lock().await;
        let known = published.as_ref().filter(|(at, _)| at.elapsed() < age);
        let metadata = match known {
            Some((_, metadata)) => metadata.clone(),
            None => {
                let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http);
                let metadata = found.await.map_err(|error| {
                    CallbackError::Provider(
                        format!("{error}: {error:?}"),
                        "the identity provider cannot be reached; try again in a minute",
                    )
                })?;
                *published = Some((Instant::now(), metadata.clone()));
                metadata
            }
        };
        let in_body = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        let client = ProviderClient::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.redirect.clone());
        Ok(if in_body { client.set_auth_type(AuthType::RequestBody) } else { client })
    }
}

/// Which attempt it is, and where it goes on.
fn state(attempt: &Secret, return_to: &str) -> String {
    format!("{}.{return_to}", attempt.derive("state", return_to))
}

fn nonce(attempt: &Secret) -> Nonce {
    Nonce::new(attempt.derive("nonce", ""))
}

fn verifier(attempt: &Secret) -> PkceCodeVerifier {
    PkceCodeVerifier::new(attempt.derive("verifier", ""))
}

#[cfg(test)]
mod tests;
