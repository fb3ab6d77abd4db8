//! Cryptography: SHA-256, HMAC-SHA-256, comparison in constant time and public keys. Nothing else in the core names a crate
//! for these.
//!
//! Natively all of it is aws-lc. In WebAssembly, for which aws-lc does not compile, hashes and HMAC are RustCrypto's, and a
//! public key checks nothing: the host checks signatures with WebCrypto.

#[cfg(not(target_family = "wasm"))]
mod aws_lc;
#[cfg(any(target_family = "wasm", test))]
mod rust_crypto;

#[cfg(not(target_family = "wasm"))]
pub(crate) use aws_lc::{HmacKey, PublicKey, Sha256, same, sha256};
#[cfg(target_family = "wasm")]
pub(crate) use rust_crypto::{HmacKey, PublicKey, Sha256, same, sha256};

/// The result of SHA-256 or HMAC-SHA-256.
pub type Digest = [u8; 32];

#[cfg(test)]
mod tests {
    use super::{aws_lc, rust_crypto};

    #[test]
    fn both_compute_the_same() {
        let text: Vec<u8> = (0..=u8::MAX).cycle().take(1500).collect();
        for size in [0, 1, 55, 56, 63, 64, 65, 127, 128, 1000, 1500] {
            let (bytes, rest) = text.split_at(size);
            assert_eq!(aws_lc::sha256(bytes), rust_crypto::sha256(bytes), "{size}");
            let (mut one, mut two) = (aws_lc::Sha256::new(), rust_crypto::Sha256::new());
            for piece in [bytes, rest] {
                one.update(piece);
                two.update(piece);
            }
            assert_eq!(one.finish(), two.finish(), "{size}");
            // Keys shorter and longer than a block.
            let (one, two) = (
                aws_lc::HmacKey::new(bytes),
                rust_crypto::HmacKey::new(bytes),
            );
            let (mut code, mut other) = (one.begin(), two.begin());
            code.update(&text);
            other.update(&text);
            let mut code = code.finish();
            assert_eq!(code, other.finish(), "{size}");
            assert!(one.verify(&text, &code) && two.verify(&text, &code));
            assert!(!one.verify(&text, &code[..31]) && !two.verify(&text, &code[..31]));
            code[31] ^= 1;
            assert!(!one.verify(&text, &code) && !two.verify(&text, &code));
        }
        for (left, right, same) in [
            ("", "", true),
            ("ab", "ab", true),
            ("ab", "ac", false),
            ("ab", "a", false),
        ] {
            assert_eq!(aws_lc::same(left.as_bytes(), right.as_bytes()), same);
            assert_eq!(rust_crypto::same(left.as_bytes(), right.as_bytes()), same);
        }
    }
}
