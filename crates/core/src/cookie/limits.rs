//! How much of a `Cookie` header is read.

use core::fmt;

use crate::error::{CloudApiError, Code};

/// Longest `Cookie` header that is read, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Most cookies of one name. A sibling subdomain may add some (RFC 6265 section 8.6), and each costs a check.
pub const MAX_SAME_NAME: usize = 4;

/// Why a `Cookie` header was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// More than [`MAX_SAME_NAME`] cookies have the name.
    TooMany,
    /// The header is longer than [`MAX_HEADER_BYTES`].
    HeaderTooLarge,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "more than 4 cookies have the name",
            Self::HeaderTooLarge => "the Cookie header is over 16 KiB",
        })
    }
}

impl core::error::Error for CookieError {}

impl From<CookieError> for CloudApiError {
    fn from(error: CookieError) -> Self {
        Self::new(match error {
            CookieError::TooMany => Code::TooManyCookies,
            CookieError::HeaderTooLarge => Code::CookieHeaderTooLarge,
        })
    }
}
