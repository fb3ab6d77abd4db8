//! Randomness as an argument: the core has no generator.
//!
//! The driver draws the bytes; each value is used for one purpose and then dropped.

use core::fmt;

use zeroize::Zeroizing;

/// 32 unpredictable bytes from the driver's generator.
pub struct Entropy(Zeroizing<[u8; 32]>);

impl Entropy {
    /// Takes bytes from a cryptographically secure generator.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes; this consumes the value.
    pub(crate) fn into_bytes(self) -> Zeroizing<[u8; 32]> {
        self.0
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy([redacted])")
    }
}
