//! Cookies: a strict parser for the `Cookie` header, and one writer for `Set-Cookie`.
//!
//! Names are compared byte for byte. A malformed cookie does not affect its neighbours, and every cookie that is set can be
//! cleared. Values are not parsed here: their readers check them.

mod build;
mod limits;
mod names;
mod options;
mod parse;
mod session;

pub use build::{CookieSpec, MAX_COOKIE_BYTES, SetCookie};
pub use limits::{CookieError, MAX_HEADER_BYTES, MAX_SAME_NAME};
pub use names::Values;
pub(crate) use names::{Counted, HOST_PREFIX, Kind};
pub use options::{CookieOptions, DEFAULT_NAME, MAX_NAME_BYTES, Prefix, SameSite, Secure};
pub use parse::{names_with_prefix, values};
pub use session::{SessionCookieOptions, SessionCookies, Stage};

#[cfg(test)]
mod tests;
