//! Compact JWS (RFC 7515), read in one way only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Algorithms};
use super::error::{TokenError, shown};
use super::host::HostSignatures;
use super::jwks::{KeySet, NoKey};
use super::key::PublicKey;
use super::strict;
use crate::limits;
use crate::reason::Reason;

/// A compact JWS whose signature has not been checked.
#[derive(Debug)]
pub struct Compact<'t> {
    /// The protected header's members.
    pub(super) header: Map<String, Value>,
    /// What is signed, decoded. Not to be believed before [`Self::verify`].
    pub(super) payload: Vec<u8>,
    signed: &'t [u8],
    signature: Vec<u8>,
}

/// Header members that carry a key, point to one, or change how the token is read.
///
/// `x5t` and `x5t#S256` are not here: they only repeat which key was used, Entra ID sends them with
/// every token, and nothing reads them.
const REFUSED_MEMBERS: [&str; 8] = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc"];

impl<'t> Compact<'t> {
    /// Splits and decodes a token: three parts, strict base64url, a header that is one JSON object.
    ///
    /// # Errors
    /// [`Reason::TokenTooLarge`], [`Reason::TokenMalformed`].
    pub fn parse(token: &'t [u8]) -> Result<Self, TokenError> {
        let malformed = |detail: &str| TokenError::new(Reason::TokenMalformed, detail);
        if token.len() > limits::MAX_TOKEN_BYTES {
            return Err(TokenError::new(
                Reason::TokenTooLarge,
                format!("the token is longer than {} bytes", limits::MAX_TOKEN_BYTES),
            ));
        }
        let mut parts = token.split(|b| *b == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("the token is not three parts joined by dots"));
        };
        let decode = |part: &[u8], what: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| malformed(&format!("the {what} is not unpadded base64url")))
        };
        if signature.is_empty() {
            return Err(malformed("the signature is empty"));
        }
        let signed_len = header.len().saturating_add(payload.len()).saturating_add(1);
        Ok(Self {
            header: strict::object(&decode(header, "header")?)
                .map_err(|e| malformed(&format!("the header is {e}")))?,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
            signed: token.get(..signed_len).unwrap_or_default(),
        })
    }

    /// That the header does not ask for keys or rules of its own.
    ///
    /// # Errors
    /// [`Reason::TokenHeader`].
    pub fn check_members(&self) -> Result<(), TokenError> {
        match REFUSED_MEMBERS.into_iter().find(|m| self.header.contains_key(*m)) {
            None => Ok(()),
            Some(member) => Err(TokenError::new(
                Reason::TokenHeader,
                format!("the header has `{member}`, which is never accepted"),
            )),
        }
    }

    /// `alg`, which has to be one that is known.
    ///
    /// # Errors
    /// [`Reason::TokenAlgorithm`].
    pub fn algorithm(&self) -> Result<Algorithm, TokenError> {
        let refuse = |detail: String| Err(TokenError::new(Reason::TokenAlgorithm, detail));
        match self.text("alg")? {
            None => refuse("the header has no `alg`".to_owned()),
            Some(name) => match Algorithm::parse(name) {
                Some(algorithm) => Ok(algorithm),
                None => refuse(format!("algorithm {} is never accepted", shown(name))),
            },
        }
    }

    /// `kid`: a name, nothing more.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`] when it is not a string of at most
    /// [`limits::MAX_KID_BYTES`] bytes.
    pub fn kid(&self) -> Result<Option<&str>, TokenError> {
        match self.text("kid")? {
            Some(kid) if kid.len() > limits::MAX_KID_BYTES => Err(TokenError::new(
                Reason::TokenMalformed,
                format!("`kid` is longer than {} bytes", limits::MAX_KID_BYTES),
            )),
            kid => Ok(kid),
        }
    }

    /// A header member that is a string when present.
    ///
    /// # Errors
    /// [`Reason::TokenMalformed`].
    pub(crate) fn text(&self, member: &str) -> Result<Option<&str>, TokenError> {
        match self.header.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(TokenError::new(
                Reason::TokenMalformed,
                format!("`{member}` is {}, not a string", strict::kind(other)),
            )),
        }
    }

    /// The key that has to have signed this. The key decides the algorithm; the header has to
    /// agree with it.
    ///
    /// # Errors
    /// [`Reason::TokenAlgorithm`], [`Reason::TokenKeyUnknown`].
    pub fn key<'k>(
        &self,
        keys: &'k KeySet,
        accepted: Algorithms,
    ) -> Result<(&'k PublicKey, Algorithm), TokenError> {
        let algorithm = self.algorithm()?;
        let kid = self.kid()?;
        if !accepted.contains(algorithm) {
            return Err(TokenError::new(
                Reason::TokenAlgorithm,
                format!("algorithm `{algorithm}` is not among the issuer's: {accepted}"),
            ));
        }
        match keys.select(kid, algorithm) {
            Ok(key) => Ok((key, algorithm)),
            Err(NoKey::Unknown) => Err(TokenError::new(
                Reason::TokenKeyUnknown,
                format!("the issuer has no key {}", shown(kid.unwrap_or_default())),
            )),
            Err(NoKey::OtherAlgorithm) => Err(TokenError::new(
                Reason::TokenAlgorithm,
                format!("key {} is not for `{algorithm}`", shown(kid.unwrap_or_default())),
            )),
            Err(NoKey::Ambiguous) => Err(TokenError::new(
                Reason::TokenKeyUnknown,
                format!("the token names no `kid`, and not exactly one key is for `{algorithm}`"),
            )),
        }
    }

    /// That `key` signed this with `algorithm`.
    ///
    /// # Errors
    /// [`Reason::TokenSignature`].
    pub fn check_signature(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
        host: &dyn HostSignatures,
    ) -> Result<(), TokenError> {
        if key.verifies(algorithm, self.signed, &self.signature, host) {
            Ok(())
        } else {
            Err(TokenError::new(
                Reason::TokenSignature,
                format!("the `{algorithm}` signature does not verify"),
            ))
        }
    }

    /// The payload, once the signature is `keys`'.
    ///
    /// # Errors
    /// All of the above.
    pub fn verify(
        self,
        keys: &KeySet,
        accepted: Algorithms,
        host: &dyn HostSignatures,
    ) -> Result<Vec<u8>, TokenError> {
        self.check_members()?;
        let (key, algorithm) = self.key(keys, accepted)?;
        self.check_signature(key, algorithm, host)?;
        Ok(self.payload)
    }
}
