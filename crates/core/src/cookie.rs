//! Cookies: the `Cookie` header read strictly, `Set-Cookie` written from one place.
//!
//! Promises: names are compared byte for byte, a broken neighbour breaks nothing, and what was set can be cleared.
//! Does not look into a value: what it holds is checked by whoever asked for it.

mod build;
mod parse;

pub use build::{
    CookieOptions, CookieSpec, DEFAULT_NAME, MAX_COOKIE_BYTES, MAX_NAME_BYTES, SameSite, Secure,
    SetCookie,
};
pub use parse::{CookieError, MAX_HEADER_BYTES, MAX_SAME_NAME, Values, names_with_prefix, values};
