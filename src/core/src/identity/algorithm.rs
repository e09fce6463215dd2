//! The signature algorithms that are accepted: a closed list, all asymmetric.

use std::fmt;

/// A hash function, as the proxy's signature verifier names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// Envoy's and BoringSSL's name: `sha256`, `sha384`, `sha512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// A JWS algorithm (RFC 7518 section 3.1, RFC 8037) that this filter verifies.
///
/// `none` and the HMAC family are absent: whoever can verify an HMAC can also mint it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, salt as long as the hash.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519; also known as `Ed25519` since RFC 9864.
    EdDsa,
}

impl Algorithm {
    /// All of them, in the order of documentation.
    pub const ALL: [Self; 7] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Es256, Self::Es384, Self::EdDsa];

    /// The registered name, such as `RS256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that registered name; case matters.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDsa),
            _ => Self::ALL.into_iter().find(|a| a.name() == name),
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Rs256 => 1,
            Self::Rs384 => 1 << 1,
            Self::Rs512 => 1 << 2,
            Self::Ps256 => 1 << 3,
            Self::Es256 => 1 << 4,
            Self::Es384 => 1 << 5,
            Self::EdDsa => 1 << 6,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of [`Algorithm`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Algorithms(u8);

impl Algorithms {
    /// Every algorithm of [`Algorithm::ALL`].
    pub const ALL: Self = Self(0b0111_1111);
    /// What an RSA key without `alg` may serve.
    pub const RSA: Self = Self(0b0000_1111);

    /// Just this one.
    pub const fn only(algorithm: Algorithm) -> Self {
        Self(algorithm.bit())
    }

    /// Whether `algorithm` is in the set.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// The members, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        Self(algorithms.into_iter().fold(0, |bits, a| bits | a.bit()))
    }
}

/// `RS256, ES256`.
impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, algorithm) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            f.write_str(algorithm.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_nothing_symmetric_is_known() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
            assert!(Algorithms::ALL.contains(algorithm));
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
        for name in ["none", "None", "nOnE", "", "HS256", "HS512", "rs256", "RS1", "ES512"] {
            assert_eq!(Algorithm::parse(name), None, "{name}");
        }
    }

    #[test]
    fn hashes_have_the_names_that_the_host_knows() {
        let names = [Hash::Sha256, Hash::Sha384, Hash::Sha512].map(Hash::name);
        assert_eq!(names, ["sha256", "sha384", "sha512"]);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: Algorithms =
            [Algorithm::Es256, Algorithm::Rs256, Algorithm::Es256].into_iter().collect();
        assert_eq!(set.to_string(), "RS256, ES256");
        assert!(!set.contains(Algorithm::Ps256));
        assert_eq!(Algorithms::RSA.to_string(), "RS256, RS384, RS512, PS256");
        assert_eq!(Algorithms::ALL.iter().count(), Algorithm::ALL.len());
    }
}
