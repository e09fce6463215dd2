//! One public key, compiled once, and the signatures it answers for.

use ed25519_compact::Signature as EdSignature;
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256PublicKey, ES384PublicKey,
    Ed25519PublicKey, EdDSAPublicKeyLike as _, RS256PublicKey, RSAPublicKeyLike as _,
};
use p256::ecdsa::signature::Verifier as _;
use superboring::hash::MessageDigest;
use superboring::pkey::{PKey, Public};
use superboring::rsa::Padding;
use superboring::sign::Verifier as RsaVerifier;

use super::algorithm::{Algorithm, Algorithms, Hash};
use super::host::HostSignatures;

/// A public key and what it may be used for.
///
/// The key is jwt-simple's typed key, which has judged it (size, exponent, point on the curve,
/// small order); a signature goes straight to it. jwt-simple's own token parser stays out: it reads
/// the clock and seeds a hash map, and takes tokens that have to be refused here.
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<String>,
    algorithms: Algorithms,
    spki: Vec<u8>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa { key: Box<PKey<Public>>, signature_len: usize },
    P256(ES256PublicKey),
    P384(ES384PublicKey),
    Ed25519(Ed25519PublicKey),
}

impl PublicKey {
    /// An RSA key from its big-endian modulus and exponent.
    ///
    /// # Errors
    /// Why it cannot be used: fewer than 2048 or more than 4096 bits, even, or an exponent other
    /// than 65537.
    pub(super) fn rsa(
        kid: Option<String>,
        algorithms: Algorithms,
        n: &[u8],
        e: &[u8],
    ) -> Result<Self, String> {
        let key = RS256PublicKey::from_components(n, e).map_err(|e| e.to_string())?;
        let spki = key.to_der().map_err(|e| e.to_string())?;
        let rsa = key.public_key().as_ref().clone();
        let signature_len = key.to_components().n.len();
        let key = Box::new(PKey::from_rsa(rsa).map_err(|e| e.to_string())?);
        Ok(Self { kid, algorithms, spki, material: Material::Rsa { key, signature_len } })
    }

    /// A P-256 key from its uncompressed point.
    ///
    /// # Errors
    /// The point is not on the curve.
    pub(super) fn p256(kid: Option<String>, point: &[u8]) -> Result<Self, String> {
        let key = ES256PublicKey::from_bytes(point).map_err(|_| OFF_CURVE)?;
        let spki = key.to_der().map_err(|e| e.to_string())?;
        let algorithms = Algorithms::only(Algorithm::Es256);
        Ok(Self { kid, algorithms, spki, material: Material::P256(key) })
    }

    /// A P-384 key from its uncompressed point.
    ///
    /// # Errors
    /// The point is not on the curve.
    pub(super) fn p384(kid: Option<String>, point: &[u8]) -> Result<Self, String> {
        let key = ES384PublicKey::from_bytes(point).map_err(|_| OFF_CURVE)?;
        let spki = key.to_der().map_err(|e| e.to_string())?;
        let algorithms = Algorithms::only(Algorithm::Es384);
        Ok(Self { kid, algorithms, spki, material: Material::P384(key) })
    }

    /// An Ed25519 key from its 32 bytes.
    ///
    /// # Errors
    /// Not a point, or one of small order.
    pub(super) fn ed25519(kid: Option<String>, bytes: &[u8]) -> Result<Self, String> {
        let key = Ed25519PublicKey::from_bytes(bytes).map_err(|_| OFF_CURVE)?;
        let spki = key.to_der();
        let algorithms = Algorithms::only(Algorithm::EdDsa);
        Ok(Self { kid, algorithms, spki, material: Material::Ed25519(key) })
    }

    /// `kid`, when the key set names one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms this key may be used with.
    pub const fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// The key as DER `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether `signature` (as JWS encodes it) is `message`'s. False for an algorithm that the key
    /// is not for. Natively when `host` can, in Rust otherwise.
    pub fn verifies(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        host: &dyn HostSignatures,
    ) -> bool {
        if !self.algorithms.contains(algorithm) {
            return false;
        }
        match (&self.material, algorithm) {
            (Material::Rsa { key, signature_len }, _) => {
                signature.len() == *signature_len
                    && self.rsa_verifies(key, algorithm, message, signature, host)
            }
            (Material::P256(key), Algorithm::Es256) => {
                // Range-checks r and s, so that only a well-formed pair reaches the host.
                let Ok(parsed) = p256::ecdsa::Signature::from_slice(signature) else {
                    return false;
                };
                ecdsa_der(signature)
                    .and_then(|der| host.verify_ecdsa(Hash::Sha256, &self.spki, message, &der))
                    .unwrap_or_else(|| key.public_key().as_ref().verify(message, &parsed).is_ok())
            }
            (Material::P384(key), Algorithm::Es384) => {
                let Ok(parsed) = p384::ecdsa::Signature::from_slice(signature) else {
                    return false;
                };
                ecdsa_der(signature)
                    .and_then(|der| host.verify_ecdsa(Hash::Sha384, &self.spki, message, &der))
                    .unwrap_or_else(|| key.public_key().as_ref().verify(message, &parsed).is_ok())
            }
            (Material::Ed25519(key), Algorithm::EdDsa) => EdSignature::from_slice(signature)
                .is_ok_and(|parsed| key.public_key().as_ref().verify(message, &parsed).is_ok()),
            _ => false,
        }
    }

    fn rsa_verifies(
        &self,
        key: &PKey<Public>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        host: &dyn HostSignatures,
    ) -> bool {
        let (hash, digest, padding) = match algorithm {
            Algorithm::Rs256 => (Hash::Sha256, MessageDigest::sha256(), Padding::PKCS1),
            Algorithm::Rs384 => (Hash::Sha384, MessageDigest::sha384(), Padding::PKCS1),
            Algorithm::Rs512 => (Hash::Sha512, MessageDigest::sha512(), Padding::PKCS1),
            Algorithm::Ps256 => (Hash::Sha256, MessageDigest::sha256(), Padding::PKCS1_PSS),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return false,
        };
        let native = match algorithm {
            Algorithm::Ps256 => None,
            _ => host.verify_rsa_pkcs1(hash, &self.spki, message, signature),
        };
        native.unwrap_or_else(|| {
            let verify = || {
                let mut verifier = RsaVerifier::new(digest, key)?;
                verifier.set_rsa_padding(padding)?;
                verifier.update(message)?;
                verifier.verify(signature)
            };
            verify().unwrap_or(false)
        })
    }
}

const OFF_CURVE: &str = "the point is not on the curve";

/// Two keys are one when they are the same key for the same use.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid && self.algorithms == other.algorithms && self.spki == other.spki
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?}, {})", self.kid, self.algorithms)
    }
}

/// JWS's `r || s` as DER `SEQUENCE { INTEGER r, INTEGER s }`, which is what native verifiers read.
/// `None` when the halves are not of equal length, or too long for P-384.
fn ecdsa_der(signature: &[u8]) -> Option<Vec<u8>> {
    let half = signature.len() / 2;
    let (r, s) = signature.split_at_checked(half)?;
    if r.len() != s.len() || half > 48 {
        return None;
    }
    let mut body = Vec::with_capacity(half.saturating_mul(2).saturating_add(8));
    for number in [r, s] {
        let zeros = number.iter().take_while(|b| **b == 0).count();
        let digits = number.get(zeros..).unwrap_or_default();
        let sign = digits.first().is_none_or(|b| b & 0x80 != 0);
        let len = digits.len().saturating_add(usize::from(sign));
        body.extend([2, u8::try_from(len).ok()?]);
        body.extend(sign.then_some(0));
        body.extend_from_slice(digits);
    }
    // At most 2 * (2 + 49) = 102 bytes: the short form of the length always fits.
    let mut der = vec![0x30, u8::try_from(body.len()).ok()?];
    der.append(&mut body);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_integers_are_minimal_and_positive() {
        let mut raw = [0u8; 64];
        raw[31] = 0x7f;
        raw[32] = 0x80;
        let der = ecdsa_der(&raw).unwrap();
        assert_eq!(der[..8], [0x30, 38, 2, 1, 0x7f, 2, 33, 0]);
        assert_eq!(der[8], 0x80);
        assert_eq!(der.len(), 40);
        assert_eq!(ecdsa_der(&[0; 64]).unwrap(), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        assert_eq!(ecdsa_der(&[1; 63]), None);
        assert_eq!(ecdsa_der(&[0xff; 96]).unwrap().len(), 2 + 2 * 51);
        let ours = p256::ecdsa::Signature::from_slice(&[0x8f; 64]).unwrap();
        assert_eq!(ecdsa_der(&[0x8f; 64]).unwrap(), ours.to_der().as_bytes());
    }

    #[test]
    fn a_key_serves_its_own_algorithms_only() {
        let key = jwt_simple::prelude::Ed25519KeyPair::generate();
        let key = PublicKey::ed25519(None, &key.public_key().to_bytes()).unwrap();
        for algorithm in Algorithm::ALL {
            assert!(!key.verifies(algorithm, b"m", &[1; 64], &super::super::NoHost));
        }
        assert_eq!(key.algorithms().to_string(), "EdDSA");
    }
}
