//! How long verifying a signature takes, known beforehand: for a driver with a thread pool.
//!
//! Rough times in microseconds: HMAC 1, RSA of 2048 bits 15 and of 3072 bits 30, Ed25519 35, P-256 50, RSA of 4096 bits 50
//! and of 8192 bits 200. An RSA exponent of 32 bits takes up to five times as long.

use super::algorithm::Algorithm;

/// Longest RSA modulus, in bytes, whose check is short with the usual exponent.
const SHORT_MODULUS_BYTES: usize = 3072 / 8;
const USUAL_EXPONENT: [u8; 3] = [1, 0, 1];

/// Whether a check is worth another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Short,
    Long,
}

impl Length {
    /// For a key on a curve.
    pub(super) const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::Long,
            Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::EdDsa => Self::Short,
        }
    }

    /// For an RSA key; both numbers big-endian and without leading zeros.
    pub(super) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let is_usual = exponent.len() < USUAL_EXPONENT.len() || exponent == USUAL_EXPONENT;
        if modulus.len() <= SHORT_MODULUS_BYTES && is_usual {
            Self::Short
        } else {
            Self::Long
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threat_087_what_takes_long_is_told_by_key_and_exponent() {
        let rsa = |bits: usize, exponent: &[u8]| Length::of_rsa(&vec![0xff; bits / 8], exponent);
        for (length, expect) in [
            (Length::of(Algorithm::Hs256), Length::Short),
            (Length::of(Algorithm::EdDsa), Length::Short),
            (Length::of(Algorithm::Es256), Length::Long),
            (rsa(2048, &[1, 0, 1]), Length::Short),
            (rsa(2048, &[3]), Length::Short),
            (rsa(3072, &[1, 0, 1]), Length::Short),
            (rsa(2048, &[1, 0, 3]), Length::Long),
            (rsa(2048, &[0xff, 0xff, 0xff, 0xff]), Length::Long),
            (rsa(3080, &[1, 0, 1]), Length::Long),
            (rsa(8192, &[1, 0, 1]), Length::Long),
        ] {
            assert_eq!(length, expect);
        }
    }
}
