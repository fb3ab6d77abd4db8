//! Cookies: the `Cookie` header read strictly, `Set-Cookie` written from one place.
//!
//! Promises: names are compared byte for byte, a broken neighbour breaks nothing, and what was set can be cleared.
//! Does not look into a value: what it holds is checked by whoever asked for it.

mod build;
mod options;
mod parse;

pub use build::{CookieSpec, MAX_COOKIE_BYTES, SetCookie};
pub use options::{CookieOptions, DEFAULT_NAME, MAX_NAME_BYTES, SameSite, Secure};
pub use parse::{
    CookieError, MAX_HEADER_BYTES, MAX_SAME_NAME, Values, every_value, names_with_prefix, values,
};

#[cfg(test)]
mod tests;
