//! The rules that a token must satisfy.

use core::time::Duration;

use super::algorithm::Algorithms;
use crate::malformed::Malformed;

/// The default leeway.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// The longest leeway.
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// How far this clock and the issuer's may be apart (RFC 7519 section 4.1.4). A token is accepted that long past its `exp`, and before
/// its `nbf`. Default 30 s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leeway(Duration);

impl Leeway {
    /// Takes a leeway of at most [`MAX_LEEWAY`], 300 s.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where it is longer: that would extend a token's life.
    pub fn new(leeway: Duration) -> Result<Self, Malformed> {
        if leeway > MAX_LEEWAY {
            return Err(Malformed::new("leeway", "be 300 seconds at most"));
        }
        Ok(Self(leeway))
    }

    /// The leeway.
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

impl Default for Leeway {
    fn default() -> Self {
        Self(DEFAULT_LEEWAY)
    }
}

/// The accepted kinds of tokens, by the header's `typ` (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// No `typ`, `JWT`, or `at+jwt`.
    #[default]
    Session,
    /// `at+jwt` alone (RFC 9068 section 4).
    AccessToken,
}

/// The rules that a token must satisfy.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use mastra_auth_cloud_core::jwt::{Leeway, Rules};
///
/// let mut rules = Rules::new("demo").unwrap();
/// rules.issuer = Some("https://cloud.mastra.ai".into());
/// rules.leeway = Leeway::new(Duration::from_secs(5)).unwrap();
/// rules.max_age = Some(Duration::from_secs(12 * 60 * 60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// The allowed algorithms.
    pub algorithms: Algorithms,
    /// The required issuer, compared byte by byte; `None` where the keys identify it.
    pub issuer: Option<Box<str>>,
    /// How far clocks may be apart.
    pub leeway: Leeway,
    /// How long after its issue a token is accepted at most; `None` leaves that to its expiry.
    pub max_age: Option<Duration>,
    /// The accepted kinds of tokens.
    pub kind: TokenKind,
    audience: Box<str>,
}

impl Rules {
    /// Default rules for tokens with this audience: usually the project.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for an empty audience.
    pub fn new(audience: &str) -> Result<Self, Malformed> {
        if audience.is_empty() {
            return Err(Malformed::new("audience", "not be empty"));
        }
        Ok(Self {
            algorithms: Algorithms::default(),
            issuer: None,
            leeway: Leeway::default(),
            max_age: None,
            kind: TokenKind::default(),
            audience: audience.into(),
        })
    }

    /// The required audience, compared byte by byte.
    pub fn audience(&self) -> &str {
        &self.audience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leeway_is_no_longer_life() {
        assert!(Leeway::new(Duration::from_secs(300)).is_ok());
        assert!(Leeway::new(Duration::from_millis(300_001)).is_err());
        assert!(Rules::new("").is_err());
    }
}
