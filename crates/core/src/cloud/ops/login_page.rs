//! Login page: the URL where a browser signs in. No request is made.

use crate::config::{Config, DEFAULT_LOGIN_PATH};
use crate::dialect::LoginPage;
use crate::encoding::{base64url_decode, encode_component};
use crate::error::CloudApiError;
use crate::login::pkce::challenge;
use crate::login::state::{PRODUCT, State, mark};
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

pub use crate::login::state::STATE_PARAMETER;

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
    if let LoginPage::Product(path) = config.table().login {
        let back = state.return_path();
        return product(config, path, redirect_uri, state, back.as_str());
    }
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

/// As [`login_url`], for a driver that reads the whole state when the browser comes back: where the Cloud replaces the id by
/// its product's name, the return path brings it.
pub(crate) fn login_url_marked(
    config: &Config,
    redirect_uri: &RedirectUri,
    state: &State,
    verifier: &Verifier,
) -> String {
    match config.table().login {
        LoginPage::Product(path) => {
            let back = mark(state.return_path().as_str(), state.id().expose());
            product(config, path, redirect_uri, state, &back)
        }
        _ => login_url(config, redirect_uri, state, verifier),
    }
}

/// The page of a dialect that replaces the state by the return path. The id travels in the redirect URI as well, for a Cloud
/// that keeps its query.
fn product(
    config: &Config,
    path: &str,
    redirect_uri: &RedirectUri,
    state: &State,
    return_path: &str,
) -> String {
    let page = match config.login_path.as_str() {
        DEFAULT_LOGIN_PATH => config.api_path(path),
        own => own.to_owned(),
    };
    let back = redirect_uri.as_str();
    let mark = if back.contains('?') { '&' } else { '?' };
    let id = encode_component(state.id().expose());
    let back = format!("{back}{mark}{STATE_PARAMETER}={id}");
    let mut url = format!(
        "{}?product={PRODUCT}&redirect_uri={}&post_login_redirect={}&prompt=login&state={}",
        config.base_url.join(&page),
        encode_component(&back),
        encode_component(return_path),
        encode_component(&state.outgoing()),
    );
    if let Some(organization) = &config.organization {
        url.push_str("&organization_id=");
        url.push_str(&encode_component(organization.as_str()));
    }
    url
}
