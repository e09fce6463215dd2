//! Every algorithm, in Rust and by a host, and that the two agree.

use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::*;

use super::super::{Algorithm, Hash, HostSignatures, KeyRing, KeySet, NoHost, verify};
use super::mint::{self, NOW, NOW_SECS, SKEW, b64, header, issuer, payload, token};

fn options() -> Option<VerificationOptions> {
    Some(VerificationOptions {
        artificial_time: Some(Duration::from_secs(NOW_SECS)),
        ..Default::default()
    })
}

/// A host like Envoy, made of jwt-simple's own verifier: it gets DER and gives a verdict.
#[derive(Default)]
struct Native {
    asked: Cell<u32>,
}

impl Native {
    fn answer(
        &self,
        message: &[u8],
        signature: &[u8],
        verify: impl Fn(&str) -> bool,
    ) -> Option<bool> {
        self.asked.set(self.asked.get() + 1);
        let message = std::str::from_utf8(message).unwrap();
        Some(verify(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

impl HostSignatures for Native {
    fn verify_rsa_pkcs1(
        &self,
        hash: Hash,
        spki: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        macro_rules! by {
            ($key:ty) => {{
                let key = <$key>::from_der(spki).unwrap();
                self.answer(message, signature, |t| {
                    key.verify_token::<NoCustomClaims>(t, options()).is_ok()
                })
            }};
        }
        match hash {
            Hash::Sha256 => by!(RS256PublicKey),
            Hash::Sha384 => by!(RS384PublicKey),
            Hash::Sha512 => by!(RS512PublicKey),
        }
    }

    fn verify_ecdsa(&self, hash: Hash, spki: &[u8], message: &[u8], der: &[u8]) -> Option<bool> {
        match hash {
            Hash::Sha256 => {
                let key = ES256PublicKey::from_der(spki).unwrap();
                let raw = p256::ecdsa::Signature::from_der(der).unwrap().to_bytes();
                self.answer(message, &raw, |t| {
                    key.verify_token::<NoCustomClaims>(t, options()).is_ok()
                })
            }
            Hash::Sha384 => {
                let key = ES384PublicKey::from_der(spki).unwrap();
                let raw = p384::ecdsa::Signature::from_der(der).unwrap().to_bytes();
                self.answer(message, &raw, |t| {
                    key.verify_token::<NoCustomClaims>(t, options()).is_ok()
                })
            }
            Hash::Sha512 => panic!("no curve goes with SHA-512"),
        }
    }
}

fn accepted(token: &str, host: &dyn HostSignatures) -> bool {
    let issuers = [issuer()];
    verify(token.as_bytes(), &issuers, &KeyRing::new(&issuers), SKEW, NOW, host).is_ok()
}

#[test]
fn every_algorithm_in_rust_and_by_the_host() {
    for algorithm in Algorithm::ALL {
        let native = Native::default();
        let good = token(algorithm, &header(algorithm), &payload());
        assert!(accepted(&good, &NoHost), "{algorithm}");
        assert!(accepted(&good, &native), "{algorithm}");
        let delegated = !matches!(algorithm, Algorithm::Ps256 | Algorithm::EdDsa);
        assert_eq!(native.asked.get(), u32::from(delegated), "{algorithm}");
    }
}

#[test]
fn rust_and_host_agree_on_changed_signatures() {
    for algorithm in Algorithm::ALL {
        let good = token(algorithm, &header(algorithm), &payload());
        let (message, signature) = good.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let other = mint::sign(algorithm, b"something else");
        let swapped: Vec<u8> =
            [&signature[signature.len() / 2..], &signature[..signature.len() / 2]].concat();
        let mut flipped = signature.clone();
        flipped[5] ^= 1;
        let mut longer = signature.clone();
        longer.insert(0, 0);
        let zeros = vec![0; signature.len()];
        let ones = vec![0xff; signature.len()];
        let shorter = signature[1..].to_vec();
        for bytes in [other, swapped, flipped, longer, zeros, ones, shorter, vec![1]] {
            let forged = format!("{message}.{}", b64(bytes));
            assert!(!accepted(&forged, &NoHost), "{algorithm} {forged}");
            assert!(!accepted(&forged, &Native::default()), "{algorithm} {forged}");
        }
    }
}

#[test]
fn what_is_accepted_jwt_simple_accepts() {
    for algorithm in Algorithm::ALL {
        let good = token(algorithm, &header(algorithm), &payload());
        assert!(accepted(&good, &NoHost));
        let keys = &mint::KEYS;
        let der = keys.rsa.public_key().to_der().unwrap();
        macro_rules! by {
            ($key:expr) => {
                $key.verify_token::<NoCustomClaims>(&good, options()).is_ok()
            };
        }
        let agrees = match algorithm {
            Algorithm::Rs256 => by!(keys.rsa.public_key()),
            Algorithm::Rs384 => by!(RS384PublicKey::from_der(&der).unwrap()),
            Algorithm::Rs512 => by!(RS512PublicKey::from_der(&der).unwrap()),
            Algorithm::Ps256 => by!(PS256PublicKey::from_der(&der).unwrap()),
            Algorithm::Es256 => by!(keys.p256.public_key()),
            Algorithm::Es384 => by!(keys.p384.public_key()),
            Algorithm::EdDsa => by!(keys.ed.public_key()),
        };
        assert!(agrees, "{algorithm}");
    }
}

#[test]
fn tokens_that_jwt_simple_signs_are_accepted() {
    let mut claims = Claims::create(Duration::from_mins(10))
        .with_issuer(mint::ISSUER)
        .with_audience("autogen")
        .with_subject("alice");
    let start = Duration::from_secs(NOW_SECS);
    (claims.issued_at, claims.invalid_before) = (Some(start), Some(start));
    claims.expires_at = Some(start + Duration::from_mins(10));
    let keys = &mint::KEYS;
    let ed = Ed25519KeyPair::from_bytes(&keys.ed.to_bytes()).unwrap().with_key_id("ed");
    let p256 = ES256KeyPair::from_bytes(&keys.p256.to_bytes()).unwrap().with_key_id("p256");
    let rsa = PS256KeyPair::from_pem(mint::RSA_PEM).unwrap().with_key_id("rsa");
    for signed in [ed.sign(claims.clone()), p256.sign(claims.clone()), rsa.sign(claims)] {
        assert!(accepted(&signed.unwrap(), &NoHost));
    }
}

/// A host that answers without looking.
struct Says(Option<bool>);

impl HostSignatures for Says {
    fn verify_rsa_pkcs1(&self, _: Hash, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        self.0
    }

    fn verify_ecdsa(&self, _: Hash, _: &[u8], _: &[u8], _: &[u8]) -> Option<bool> {
        self.0
    }
}

#[test]
fn a_host_that_cannot_say_is_not_a_host_that_says_yes() {
    for algorithm in Algorithm::ALL {
        let good = token(algorithm, &header(algorithm), &payload());
        let (message, _) = good.rsplit_once('.').unwrap();
        let forged = format!("{message}.{}", b64(mint::sign(algorithm, b"x")));
        assert!(accepted(&good, &Says(None)));
        assert!(!accepted(&forged, &Says(None)));
        let delegated = !matches!(algorithm, Algorithm::Ps256 | Algorithm::EdDsa);
        assert_eq!(accepted(&good, &Says(Some(false))), !delegated, "{algorithm}");
    }
}

#[test]
fn a_host_only_sees_signatures_that_could_be_right() {
    let yes = Says(Some(true));
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384] {
        let good = token(algorithm, &header(algorithm), &payload());
        let (message, signature) = good.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(accepted(&good, &yes));
        let longer = [&[0], &signature[..]].concat();
        let mut malformed = vec![longer, signature[1..].to_vec(), vec![1]];
        if algorithm != Algorithm::Rs256 {
            let half = signature.len() / 2;
            malformed.push([vec![0; half], signature[half..].to_vec()].concat());
            malformed.push([signature[..half].to_vec(), vec![0xff; half]].concat());
        }
        for bytes in malformed {
            let forged = format!("{message}.{}", b64(&bytes));
            assert!(!accepted(&forged, &yes), "{algorithm}, {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_key_answers_for_its_own_algorithms_only() {
    let bound = mint::with(mint::jwk("rsa"), serde_json::json!({"alg": "PS256"}));
    let (set, _) = KeySet::parse(&mint::jwks(&[bound])).unwrap();
    for algorithm in Algorithm::ALL {
        let signature = mint::sign(algorithm, b"message");
        let verifies = set.keys()[0].verifies(algorithm, b"message", &signature, &NoHost);
        assert_eq!(verifies, algorithm == Algorithm::Ps256, "{algorithm}");
    }
}
