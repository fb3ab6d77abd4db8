//! Cryptography: SHA-256, HMAC-SHA-256, ChaCha20-Poly1305, comparison in constant time and public keys. Nothing else in the core names a crate
//! for these.
//!
//! Natively all of it is aws-lc. In WebAssembly, for which aws-lc does not compile, hashes, HMAC and encryption are RustCrypto's, and a
//! public key checks nothing: the host checks signatures with WebCrypto. Miri, which cannot run C, gets the same.

#[cfg(not(any(target_family = "wasm", miri)))]
mod aws_lc;
#[cfg(any(target_family = "wasm", miri, test))]
mod rust_crypto;

#[cfg(not(any(target_family = "wasm", miri)))]
pub(crate) use aws_lc::{HmacKey, PublicKey, Sha256, decrypt, encrypt, same, sha256};
#[cfg(any(target_family = "wasm", miri))]
pub(crate) use rust_crypto::{HmacKey, PublicKey, Sha256, decrypt, encrypt, same, sha256};

/// The result of SHA-256 or HMAC-SHA-256.
pub type Digest = [u8; 32];

/// The nonce of ChaCha20-Poly1305. Under one key no two texts may have the same.
pub(crate) type Nonce = [u8; 12];

#[cfg(not(miri))]
#[cfg(test)]
mod tests {
    use super::{aws_lc, rust_crypto};

    #[test]
    fn encryption_is_the_standards() {
        // RFC 8439 section 2.8.2 has associated data; without any the text is the same and the tag another.
        let key: Vec<u8> = (0x80..=0x9f).collect();
        let key = <[u8; 32]>::try_from(key).unwrap();
        let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
        let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip";
        let closed = aws_lc::encrypt(&key, nonce, text).unwrap();
        let begin = [
            0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb, 0x7b, 0x86, 0xaf, 0xbc, 0x53, 0xef,
            0x7e, 0xc2,
        ];
        assert_eq!(closed[..16], begin);
        assert_eq!(closed.len(), text.len() + 16);
    }

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
        for size in [0, 1, 63, 64, 65, 1500] {
            let (key, nonce) = ([7; 32], [9; 12]);
            let mut closed = aws_lc::encrypt(&key, nonce, &text[..size]).unwrap();
            assert_eq!(
                rust_crypto::encrypt(&key, nonce, &text[..size]).unwrap(),
                closed
            );
            for open in [aws_lc::decrypt, rust_crypto::decrypt] {
                assert_eq!(
                    open(&key, nonce, &closed).unwrap().as_slice(),
                    &text[..size]
                );
                assert!(open(&[8; 32], nonce, &closed).is_none());
                assert!(open(&key, [8; 12], &closed).is_none());
                assert!(open(&key, nonce, &closed[1..]).is_none());
                assert!(open(&key, nonce, &[]).is_none());
            }
            closed[size] ^= 1;
            for open in [aws_lc::decrypt, rust_crypto::decrypt] {
                assert!(open(&key, nonce, &closed).is_none());
            }
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
