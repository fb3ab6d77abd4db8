//! The secret of HS256: configured, never taken from a key set.

use zeroize::Zeroizing;

use crate::malformed::Malformed;

/// Shortest accepted secret: as long as the hash (RFC 7518 section 3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The shared secret of HS256. `Debug` shows `[redacted]`; the bytes are wiped on drop.
pub struct SharedSecret(Zeroizing<Box<[u8]>>);

impl SharedSecret {
    /// Takes a secret of at least [`MIN_SECRET_BYTES`], as HS256 needs (RFC 7518 section 3.2).
    ///
    /// # Errors
    ///
    /// [`Malformed`] where it is shorter.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::jwt::SharedSecret;
    ///
    /// assert!(SharedSecret::new(b"0123456789abcdef0123456789abcdef").is_ok());
    /// assert!(SharedSecret::new(b"too short").is_err());
    /// ```
    pub fn new(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(Malformed::new("shared secret", "be at least 32 bytes"));
        }
        Ok(Self(Zeroizing::new(bytes.into())))
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

redacted!(SharedSecret);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_as_long_as_the_hash() {
        assert!(SharedSecret::new(&[7; 31]).is_err());
        let secret = SharedSecret::new(b"0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "SharedSecret([redacted])");
    }
}
