//! What a token must say to be accepted here.

use core::time::Duration;

use super::algorithm::Algorithms;
use crate::malformed::Malformed;

/// How far clocks may be apart unless another leeway is given.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
/// How far clocks may be apart at most.
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// How far this clock and the issuer's may be apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leeway(Duration);

impl Leeway {
    /// Takes a leeway of at most [`MAX_LEEWAY`].
    ///
    /// # Errors
    ///
    /// [`Malformed`] where it is longer: then it is a longer life, not a leeway.
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

/// Which kinds of tokens are accepted, by the header's `typ` (RFC 8725 section 3.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenKind {
    /// One that does not say, `JWT`, or `at+jwt`.
    #[default]
    Session,
    /// `at+jwt` alone (RFC 9068 section 4).
    AccessToken,
}

/// What a token must say.
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
    /// How it may be signed.
    pub algorithms: Algorithms,
    /// Who must have issued it, compared byte by byte; `None` where the keys say enough.
    pub issuer: Option<Box<str>>,
    /// How far clocks may be apart.
    pub leeway: Leeway,
    /// How long after its issue it is accepted at most; `None` leaves that to its expiry.
    pub max_age: Option<Duration>,
    /// Which kinds are accepted.
    pub kind: TokenKind,
    audience: Box<str>,
}

impl Rules {
    /// Rules with every default, for tokens that name this audience: the project, as a rule.
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

    /// Whom a token must be for, compared byte by byte.
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
