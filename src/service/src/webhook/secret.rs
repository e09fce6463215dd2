//! What messages are signed with.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A key shared with the receiver. It is never shown.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read `{0}`: {reason}", reason = crate::settings::os_reason(.1))]
    File(String, std::io::Error),
    /// It has something else.
    #[error("`{0}` has no webhook secret, which is `whsec_` and 24 to 64 bytes in Base64")]
    Form(String),
}

impl Secret {
    /// The secret in a file.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn open(file: &Path) -> Result<Self, SecretError> {
        let name = || file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|e| SecretError::File(name(), e))?;
        Self::parse(text.trim()).ok_or_else(|| SecretError::Form(name()))
    }

    /// `whsec_` and Base64.
    pub fn parse(text: &str) -> Option<Self> {
        let key = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&key.len()).then_some(Self(key))
    }

    /// The value of `webhook-signature`: over the message's id, the time in seconds, and the body.
    pub fn sign(&self, id: &str, seconds: u64, body: &str) -> String {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
