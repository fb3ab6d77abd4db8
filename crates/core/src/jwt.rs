//! Verification of signed tokens: JSON Web Signatures in compact form (RFC 7515, RFC 7519, RFC 8725).
//!
//! The checks run in one order ([`TokenCheck`]): form, header, algorithm, key, signature, claims. The first failure is the answer,
//! so a wrong signature hides every fault of the claims. With any error there are no claims: only this module makes a
//! [`Verified`]. Configuration and the key decide the algorithm; the token only has to agree.
//!
//! Does not fetch or store keys, and does not know whether a session is still alive.
//!
//! # Examples
//!
//! ```
//! use mastra_auth_cloud_core::jwt::{self, Algorithm, Algorithms, KeySet, Reason, Rules, SharedSecret};
//! use mastra_auth_cloud_core::secret::SessionToken;
//! use mastra_auth_cloud_core::time::Timestamp;
//!
//! let keys = KeySet::from_secret(SharedSecret::new(b"an example of thirty-two bytes..").unwrap());
//! let mut rules = Rules::new("demo").unwrap();
//! rules.algorithms = Algorithms::new(&[Algorithm::Hs256]).unwrap();
//! let token = SessionToken::parse(concat!(
//!     "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMSIsImF1ZCI6ImRlbW8iLCJleHAiOjE3Njk1OTQ0MDB9.",
//!     "qzAQqgTxe-0edyJ39pmLmvis5HhbFCR891CP0kjJARY",
//! ))
//! .unwrap();
//!
//! let verified = jwt::verify(&token, &keys, &rules, Timestamp::from_unix_seconds(1_769_594_000)).unwrap();
//! assert_eq!(verified.as_inner().subject().as_str(), "usr_1");
//! let late = jwt::verify(&token, &keys, &rules, Timestamp::from_unix_seconds(1_769_594_430));
//! assert_eq!(late.unwrap_err(), Reason::Expired);
//! ```

mod algorithm;
mod claims;
mod compact;
mod ed25519;
mod header;
pub mod host;
mod jwk;
mod key;
mod key_remarks;
mod key_set;
mod known_key;
mod length;
mod no_key_set;
mod reason;
mod rsa;
mod rules;
mod shared_secret;
mod verified;

pub use algorithm::{Algorithm, Algorithms};
pub use claims::Claims;
pub use key_remarks::{KeyRefusal, KeyWarning};
pub use key_set::{KeyReport, KeySet, KeySetError, MAX_KEYS, Report, lint};
pub use no_key_set::NoKeySet;
pub use reason::{Reason, TokenCheck};
pub use rules::{DEFAULT_LEEWAY, Leeway, MAX_LEEWAY, Rules, TokenKind};
pub use shared_secret::{MIN_SECRET_BYTES, SharedSecret};
pub use verified::Verified;

use alloc::sync::Arc;

#[cfg(not(target_family = "wasm"))]
use crate::secret::SessionToken;
#[cfg(not(target_family = "wasm"))]
use crate::time::Timestamp;

use compact::Compact;
use header::Header;
use known_key::KnownKey;
use length::Length;

/// Deepest nesting that is read in a header or in claims, in containers.
const MAX_DEPTH: usize = 16;

/// Verifies a token against keys and rules: its form, header, algorithm, key, signature and claims, in this order (RFC 7515 section
/// 5.2, RFC 7519 section 7.2, RFC 8725). Makes no call, and does not know whether the session still lives.
///
/// # Errors
///
/// The [`Reason`] of the first check that failed. Only [`Reason::UnknownKey`] may be cured by newer keys.
#[cfg(not(target_family = "wasm"))]
pub fn verify(
    token: &SessionToken,
    keys: &KeySet,
    rules: &Rules,
    now: Timestamp,
) -> Result<Verified<Claims>, Reason> {
    verify_text(token.expose(), keys, rules, now)
}

/// Verifies the text of a token, without copying more of it than its claims.
///
/// # Errors
///
/// As [`verify`]; [`Reason::MalformedToken`] also for one that is longer than
/// [`MAX_TOKEN_BYTES`](crate::secret::MAX_TOKEN_BYTES).
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::jwt::{KeySet, Rules, SharedSecret, verify_text};
/// use mastra_auth_cloud_core::time::Timestamp;
///
/// let keys = KeySet::from_secret(SharedSecret::new(&[7; 32]).unwrap());
/// let rules = Rules::new("demo").unwrap();
/// let now = Timestamp::from_unix_seconds(1_800_000_000);
/// let reason = verify_text("not a token", &keys, &rules, now).unwrap_err();
/// assert_eq!(reason.code(), "token_malformed");
/// ```
#[cfg(not(target_family = "wasm"))]
pub fn verify_text(
    token: &str,
    keys: &KeySet,
    rules: &Rules,
    now: Timestamp,
) -> Result<Verified<Claims>, Reason> {
    let mut room = compact::room();
    let mut token = Compact::read(token, &mut room)?;
    key(&mut token, keys, rules)?.verify(&token, rules, now)
}

/// The key that the header means. Reads the header only where no token of the key had the same one.
fn key<'k>(
    token: &mut Compact<'_>,
    keys: &'k KeySet,
    rules: &Rules,
) -> Result<&'k Arc<KnownKey>, Reason> {
    if let Some(known) = keys.known(token.header, rules) {
        return Ok(known);
    }
    let header = Header::read(token.decode_header()?, rules.kind)?;
    let algorithm = header.algorithm(&rules.algorithms)?;
    keys.find(header.key_id(), algorithm)
}

/// Whether verifying this token would take long. Nothing of it is verified here: its author can only choose among the keys.
pub(crate) fn is_long(token: &str, keys: &KeySet, rules: &Rules) -> bool {
    let length = |token: &str| {
        let mut room = compact::room();
        let mut token = Compact::read(token, &mut room)?;
        Ok::<_, Reason>(key(&mut token, keys, rules)?.length())
    };
    keys.has_long() && length(token) == Ok(Length::Long)
}
