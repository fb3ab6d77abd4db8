//! Which RSA public keys are accepted: long enough, with a sound exponent, and without the ROCA fingerprint.

use super::key_remarks::{KeyRefusal, KeyWarning};

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;

/// The odd primes up to 167: enough that a sound modulus has the fingerprint only once in two hundred million.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Checks modulus and exponent, both big-endian.
pub(super) fn check(modulus: &[u8], exponent: &[u8]) -> Result<Option<KeyWarning>, KeyRefusal> {
    // No leading zeros (RFC 7518 section 2, Base64urlUInt): one number has one spelling.
    let (Some(1..), Some(1..)) = (modulus.first(), exponent.first()) else {
        return Err(KeyRefusal::MalformedMember);
    };
    let bits = bits(modulus);
    if bits < MIN_BITS {
        return Err(KeyRefusal::ModulusTooSmall);
    }
    if bits > MAX_BITS {
        return Err(KeyRefusal::ModulusTooLarge);
    }
    if !is_odd(modulus) {
        return Err(KeyRefusal::MalformedMember);
    }
    let warning = check_exponent(exponent)?;
    if has_roca_fingerprint(modulus) {
        return Err(KeyRefusal::RocaFingerprint);
    }
    Ok(warning)
}

/// Accepts an odd exponent of at least 3 and below 2^32: a larger one only makes verifying slow.
fn check_exponent(exponent: &[u8]) -> Result<Option<KeyWarning>, KeyRefusal> {
    let is_sound = exponent.len() <= 4 && is_odd(exponent) && exponent != [1];
    match exponent {
        _ if !is_sound => Err(KeyRefusal::UnsoundExponent),
        [1, 0, 1] => Ok(None),
        _ => Ok(Some(KeyWarning::UnusualExponent)),
    }
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    let unused = usize::try_from(unused).unwrap_or_default();
    number.len().saturating_mul(8).saturating_sub(unused)
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

/// Whether the library of CVE-2017-15361 may have made the modulus; such keys can be factored. Its primes are powers of 65537
/// modulo many small primes, and so is their product. A random number is one for all of these with a chance of 1 in 2^27.
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|&prime| {
        let rest = modulus
            .iter()
            .fold(0, |rest, &byte| (rest * 256 + u32::from(byte)) % prime);
        is_power_of_65537(rest, prime)
    })
}

fn is_power_of_65537(number: u32, prime: u32) -> bool {
    let mut power = 1;
    // There are fewer powers than numbers below the prime.
    (0..prime).any(|_| {
        let found = power == number;
        power = power * (65_537 % prime) % prime;
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An odd modulus of so many bits that is no power of 65537 modulo 11.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        if let Some(first) = bytes.first_mut().filter(|_| !bits.is_multiple_of(8)) {
            *first = (1 << (bits % 8)) - 1;
        }
        bytes
    }

    #[test]
    fn threat_012_rsa_keys_have_a_sound_size_and_exponent() {
        use KeyRefusal::{MalformedMember, ModulusTooLarge, ModulusTooSmall, UnsoundExponent};
        let usual = [1, 0, 1].as_slice();
        let unusual = Ok(Some(KeyWarning::UnusualExponent));
        for (bits, exponent, expect) in [
            (2048, usual, Ok(None)),
            (2047, usual, Err(ModulusTooSmall)),
            (1024, usual, Err(ModulusTooSmall)),
            (2050, usual, Ok(None)),
            (8192, usual, Ok(None)),
            (8193, usual, Err(ModulusTooLarge)),
            (2048, &[3], unusual),
            (2048, &[0xff, 0xff, 0xff, 0xff], unusual),
            (2048, &[1], Err(UnsoundExponent)),
            (2048, &[2], Err(UnsoundExponent)),
            (2048, &[1, 0, 0], Err(UnsoundExponent)),
            (2048, &[1, 0, 0, 0, 1], Err(UnsoundExponent)),
            (2048, &[], Err(MalformedMember)),
            (2048, &[0, 1, 0, 1], Err(MalformedMember)),
        ] {
            assert_eq!(
                check(&modulus(bits), exponent),
                expect,
                "{bits} {exponent:?}"
            );
        }
        let padded: Vec<u8> = [0].into_iter().chain(modulus(2048)).collect();
        assert_eq!(check(&padded, usual), Err(MalformedMember));
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert_eq!(check(&even, usual), Err(MalformedMember));
    }

    #[test]
    fn powers_are_found() {
        // 65537 is 1 modulo 2^16 and 2 modulo 5; its powers modulo 5 are all numbers but 0.
        assert!((1..5).all(|n| is_power_of_65537(n, 5)));
        assert!(!is_power_of_65537(0, 5));
        // Modulo 11 it is 10: its powers are 1 and 10.
        let powers: Vec<_> = (0..11).filter(|n| is_power_of_65537(*n, 11)).collect();
        assert_eq!(powers, [1, 10]);
    }
}
