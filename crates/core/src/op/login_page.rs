//! Login page: where a browser is sent to sign in. No request is made.

use crate::config::Config;
use crate::dialect::LoginPage;
use crate::encoding::encode_component;
use crate::pkce::challenge;
use crate::secret::Verifier;
use crate::state::State;
use crate::url::RedirectUri;

/// The login page's URL for one login. Holds the state; belongs in a `Location`, not in a log.
pub fn login_url(
    config: &Config,
    redirect_uri: &RedirectUri,
    state: &State,
    verifier: &Verifier,
) -> String {
    let page = config.base_url.join(config.login_path.as_str());
    let mut url = format!(
        "{page}?project_id={}&redirect_uri={}&state={}",
        encode_component(config.project_id.as_str()),
        encode_component(redirect_uri.as_str()),
        encode_component(&state.outgoing()),
    );
    if config.table().login == LoginPage::Challenge {
        url.push_str("&code_challenge=");
        url.push_str(&challenge(verifier));
        url.push_str("&code_challenge_method=S256");
    }
    url
}
