//! Logout page: the URL where a browser may go after signing out. No request is made.

use crate::config::{Config, LOGOUT_PATH};
use crate::encoding::encode_component;
use crate::secret::SessionToken;
use crate::url::RedirectUri;

/// The logout page's URL; `None` where the dialect has none. It holds a token only where the dialect needs one and the caller
/// passes one.
pub fn logout_url(
    config: &Config,
    redirect_uri: &RedirectUri,
    token: Option<&SessionToken>,
) -> Option<String> {
    let page = config.table().logout.as_ref()?;
    let mut url = format!(
        "{}?{}={}",
        config.base_url.join(LOGOUT_PATH),
        page.redirect,
        encode_component(redirect_uri.as_str())
    );
    if let (Some(name), Some(token)) = (page.token_hint, token) {
        url.push('&');
        url.push_str(name);
        url.push('=');
        url.push_str(&encode_component(token.expose()));
    }
    Some(url)
}
