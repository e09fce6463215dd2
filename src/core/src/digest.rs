//! SHA-256 digests as text.

use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// `sha256:` and the hex digest of these bytes, one part after the other.
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    format!("sha256:{}", hex(&hasher.finalize()))
}
