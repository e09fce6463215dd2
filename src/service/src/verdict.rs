//! Signing what the filter believes.

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::common::HeaderOptions;
use jwt_simple::prelude::{Ed25519KeyPair, EdDSAKeyPairLike, JWTClaims, UnixTimeStamp};
use scopewarden_core::approval::VERDICT_TYPE;
use scopewarden_core::time::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::domain::Person;

/// How long a verdict is valid, in seconds: it answers one question, now.
const LIFETIME_S: u64 = 30;

/// What a question is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `approved`, `pending`, `denied` or `expired`.
    pub status: &'static str,
    /// The approval's id.
    pub approval: String,
    /// Who decided.
    pub approvers: Vec<Person>,
    /// The approver's words.
    pub reason: Option<String>,
    /// Whether one person decided alone in an emergency.
    pub break_glass: bool,
}

/// The key that verdicts are signed with.
pub struct Signer {
    pair: Ed25519KeyPair,
    kid: String,
}

/// A signing key as its file has it: a JWK (RFC 8037).
#[derive(Deserialize)]
struct PrivateKey {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    d: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    fingerprint: String,
    status: String,
    approval: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvers: Vec<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    break_glass: bool,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("cannot use the signing key `{0}`: {1}")]
    File(String, std::io::Error),
    /// It is no such key.
    #[error("`{0}` is not an Ed25519 signing key: a JWK with `kty`, `crv`, `kid`, `x` and `d`")]
    Form(String),
}

impl Signer {
    /// A new key. Its `kid` is its thumbprint (RFC 7638).
    pub fn generate() -> Self {
        let pair = Ed25519KeyPair::generate();
        let x = public(&pair);
        let thumbprint = json!({"crv": "Ed25519", "kty": "OKP", "x": x}).to_string();
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(thumbprint.as_bytes()));
        Self { pair: pair.with_key_id(&kid), kid }
    }

    /// The key of `file`, which is made, for its owner only, when it does not exist.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(file: &Path) -> Result<Self, KeyError> {
        let name = || file.display().to_string();
        match std::fs::read(file) {
            Ok(bytes) => Self::from_jwk(&bytes).ok_or_else(|| KeyError::Form(name())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let signer = Self::generate();
                signer.write(file).map_err(|e| KeyError::File(name(), e))?;
                Ok(signer)
            }
            Err(e) => Err(KeyError::File(name(), e)),
        }
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(file)?;
        let bytes = self.pair.to_bytes();
        let seed = bytes.get(..32).unwrap_or_default();
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid,
            "x": public(&self.pair), "d": URL_SAFE_NO_PAD.encode(seed),
        });
        writeln!(file, "{jwk:#}")?;
        file.sync_all()
    }

    /// The key as its seed and its public half, 64 bytes, for what is signed in another form.
    pub(crate) fn key_bytes(&self) -> Vec<u8> {
        self.pair.to_bytes()
    }

    fn from_jwk(bytes: &[u8]) -> Option<Self> {
        let key: PrivateKey = serde_json::from_slice(bytes).ok()?;
        let mut raw = URL_SAFE_NO_PAD.decode(&key.d).ok()?;
        raw.extend(URL_SAFE_NO_PAD.decode(&key.x).ok()?);
        let known = key.kty == "OKP" && key.crv == "Ed25519" && !key.kid.is_empty();
        let pair = Ed25519KeyPair::from_bytes(&raw).ok().filter(|_| known)?;
        Some(Self { pair: pair.with_key_id(&key.kid), kid: key.kid })
    }

    /// The public half as a JWKS, for the policy's `approvals.verdict_keys.inline`.
    pub fn jwks(&self) -> Value {
        json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": public(&self.pair),
        }]})
    }

    /// The verdict on the question `nonce` about the call with this fingerprint, as a compact JWS.
    ///
    /// # Errors
    /// What the signing library says; it has no reason to.
    pub fn sign(
        &self,
        verdict: Verdict,
        nonce: &str,
        fingerprint: &str,
        now: UnixMillis,
    ) -> Result<String, String> {
        let claims = JWTClaims {
            issued_at: Some(UnixTimeStamp::from_secs(now.as_secs())),
            expires_at: Some(UnixTimeStamp::from_secs(now.as_secs().saturating_add(LIFETIME_S))),
            invalid_before: None,
            audiences: None,
            issuer: None,
            jwt_id: None,
            subject: None,
            nonce: Some(nonce.to_owned()),
            custom: Claims {
                fingerprint: fingerprint.to_owned(),
                status: verdict.status.to_owned(),
                approval: verdict.approval,
                approvers: verdict.approvers,
                reason: verdict.reason,
                break_glass: verdict.break_glass,
            },
        };
        let options = HeaderOptions {
            signature_type: Some(VERDICT_TYPE.to_owned()),
            ..HeaderOptions::default()
        };
        self.pair.sign_with_options(claims, &options).map_err(|e| e.to_string())
    }
}

/// Without the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn public(pair: &Ed25519KeyPair) -> String {
    URL_SAFE_NO_PAD.encode(pair.public_key().to_bytes())
}
