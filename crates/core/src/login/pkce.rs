//! Proof key for code exchange (RFC 7636): the derived verifier, and its S256 challenge.
//!
//! The verifier is an HMAC of the login's own data under a secret of the process. So one login always has the same verifier,
//! and nothing is stored; without the secret it is 256 random bits. The plain method does not exist here.

use crate::config::Config;
use crate::encoding::{base64url, hmac_parts, sha256};
use crate::error::{CloudApiError, Code};
use crate::login::state::StateId;
use crate::secret::{LoginSecret, Verifier};
use crate::url::RedirectUri;

/// The verifier of one login: 43 characters of 256 bits (RFC 7636 section 4.1).
pub(crate) fn derive_verifier(
    secret: &LoginSecret,
    config: &Config,
    redirect_uri: &RedirectUri,
    state: &StateId,
) -> Result<Verifier, CloudApiError> {
    let bits = hmac_parts(
        secret.expose(),
        &[
            b"code verifier",
            config.base_url.as_str().as_bytes(),
            config.project_id.as_str().as_bytes(),
            redirect_uri.as_str().as_bytes(),
            state.expose().as_bytes(),
        ],
    );
    // 32 bytes are always 43 base64url characters: this error cannot occur, and is not hidden either.
    Verifier::parse(&base64url(&bits)).map_err(|_| CloudApiError::new(Code::StateMalformed))
}

/// The S256 challenge of a verifier (RFC 7636 section 4.2).
pub(crate) fn challenge(verifier: &Verifier) -> String {
    base64url(&sha256(verifier.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = Verifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        assert_eq!(
            challenge(&verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
