//! Randomness as an argument: the core has no generator.
//!
//! The driver draws the bytes; each value is used for one purpose and then dropped.

use core::time::Duration;

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

redacted!(Entropy);

/// A random number from the driver that spreads retries over time. Not a secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter(pub u64);

impl Jitter {
    /// Between 0.5 and 1.5 times `base`, another share each time.
    pub fn spread(&mut self, base: Duration) -> Duration {
        // Knuth's multiplicative step: it varies enough, and nothing depends on it being unguessable.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = u32::try_from((self.0 >> 33) % 1000).unwrap_or(0);
        base / 2 + base * share / 1000
    }
}
