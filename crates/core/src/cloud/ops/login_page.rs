//! Login page: the URL where a browser signs in. No request is made.

use crate::config::Config;
use crate::dialect::LoginPage;
use crate::encoding::{base64url_decode, encode_component};
use crate::error::CloudApiError;
use crate::login::pkce::challenge;
use crate::login::state::State;
use crate::malformed::Malformed;
use crate::secret::Verifier;
use crate::url::RedirectUri;

/// The login page's URL for one login. It holds the state: put it into a `Location` header, not into a log.
pub fn login_url(
    config: &Config,
    redirect_uri: &RedirectUri,
    state: &State,
    verifier: &Verifier,
) -> String {
    write(config, redirect_uri, state, &challenge(verifier))
}

/// The login page's URL for a caller that keeps the verifier itself and passes its S256 challenge: 43 base64url characters
/// (RFC 7636 section 4.2). A dialect without challenges needs none.
///
/// # Errors
///
/// `invalid_argument` where the dialect needs a challenge and this is none.
pub fn login_url_with_challenge(
    config: &Config,
    redirect_uri: &RedirectUri,
    state: &State,
    challenge: Option<&str>,
) -> Result<String, CloudApiError> {
    let challenge = challenge.unwrap_or_default();
    let is_challenge = base64url_decode(challenge).is_some_and(|digest| digest.len() == 32);
    if config.table().login == LoginPage::Challenge && !is_challenge {
        return Err(CloudApiError::argument(Malformed::new(
            "code challenge",
            "be 43 base64url characters",
        )));
    }
    Ok(write(config, redirect_uri, state, challenge))
}

fn write(config: &Config, redirect_uri: &RedirectUri, state: &State, challenge: &str) -> String {
    let page = config.base_url.join(config.login_path.as_str());
    let mut url = format!(
        "{page}?project_id={}&redirect_uri={}&state={}",
        encode_component(config.project_id.as_str()),
        encode_component(redirect_uri.as_str()),
        encode_component(&state.outgoing()),
    );
    if config.table().login == LoginPage::Challenge {
        url.push_str("&code_challenge=");
        url.push_str(challenge);
        url.push_str("&code_challenge_method=S256");
    }
    url
}
