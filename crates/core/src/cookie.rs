//! Cookies: the `Cookie` header read strictly, `Set-Cookie` written from one place.
//!
//! Promises: names are compared byte for byte, a broken neighbour breaks nothing, and what was set can be cleared.
//! Does not look into a value: what it holds is checked by whoever asked for it.

mod build;
mod names;
mod options;
mod parse;
mod session;

pub use build::{CookieSpec, MAX_COOKIE_BYTES, SetCookie};
pub use names::Values as SessionValues;
pub(crate) use names::{Counted, HOST_PREFIX, Kind};
pub use options::{CookieOptions, DEFAULT_NAME, MAX_NAME_BYTES, Prefix, SameSite, Secure};
pub use parse::{
    CookieError, MAX_HEADER_BYTES, MAX_SAME_NAME, Values, every_value, names_with_prefix, values,
};
pub use session::{SessionCookieOptions, SessionCookies, Stage};

#[cfg(test)]
mod tests;
