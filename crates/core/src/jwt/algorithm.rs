//! The supported algorithms, and the list of those that a deployment allows (RFC 8725 section 3.1).
//!
//! `none` has no variant here, so nothing can choose it.

use crate::malformed::Malformed;

/// The signature algorithm of a token (RFC 7518 section 3, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256, with a configured secret only.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519, by either of its names: `EdDSA` (RFC 8037), or `Ed25519` since RFC 9864, which also names the curve. No other
    /// curve of `EdDSA` is supported, so both mean the same.
    EdDsa,
}

impl Algorithm {
    /// The algorithm with exactly this name; `None` for any other spelling. Ed25519 has two.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }

    /// The name in a token's header. For Ed25519 the older one, which every issuer knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// The allowed algorithms; at least one. The default is every one with a public key: RS256, ES256 and EdDSA.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::jwt::{Algorithm, Algorithms};
///
/// assert!(Algorithms::default().contains(Algorithm::EdDsa));
/// assert!(!Algorithms::default().contains(Algorithm::Hs256));
/// assert!(Algorithms::new(&[]).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(Box<[Algorithm]>);

impl Algorithms {
    /// Takes a list that is not empty.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for an empty list.
    pub fn new(allowed: &[Algorithm]) -> Result<Self, Malformed> {
        if allowed.is_empty() {
            return Err(Malformed::new("algorithms", "name at least one"));
        }
        Ok(Self(allowed.into()))
    }

    /// Whether this algorithm is allowed.
    pub fn contains(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self([Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_exactly() {
        for algorithm in [
            Algorithm::Hs256,
            Algorithm::Rs256,
            Algorithm::Es256,
            Algorithm::EdDsa,
        ] {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        assert_eq!(Algorithm::parse("Ed25519"), Some(Algorithm::EdDsa));
        for other in [
            "", "none", "None", "NONE", "nOnE", "rs256", "RS256 ", "RS384", "PS256", "ES256K",
            "ed25519", "Ed448", "EDDSA", "ESP256",
        ] {
            assert_eq!(Algorithm::parse(other), None, "{other:?}");
        }
    }
}
