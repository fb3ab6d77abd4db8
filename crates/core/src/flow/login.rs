//! Login: the start of a sign-in. Its URL and its cookie follow from the same input, in any order; nothing is stored.

use zeroize::Zeroizing;

use crate::binding;
use crate::cookie::SetCookie;
use crate::error::CloudApiError;
use crate::identity::authority::Authority;
use crate::op::login_page;
use crate::pkce::derive_verifier;
use crate::state::State;
use crate::time::Now;
use crate::url::RedirectUri;

/// The URL to send the browser to. It holds the state: put it into a `Location` header, not into a log.
///
/// # Errors
///
/// None that well-formed arguments can cause.
pub fn url(
    authority: &Authority,
    redirect_uri: &RedirectUri,
    state: &State,
) -> Result<Zeroizing<String>, CloudApiError> {
    let config = authority.config();
    let verifier = derive_verifier(authority.login_secret(), config, redirect_uri, state.id())?;
    Ok(Zeroizing::new(login_page::login_url(
        config,
        redirect_uri,
        state,
        &verifier,
    )))
}

/// The one cookie that binds this sign-in to the browser.
///
/// # Errors
///
/// `cookie_too_large` where the redirect URI does not leave room; `invalid_configuration` where browsers would drop the
/// cookie there.
pub fn cookie(
    authority: &Authority,
    redirect_uri: &RedirectUri,
    state: &State,
    now: Now,
) -> Result<SetCookie, CloudApiError> {
    let config = authority.config();
    config.cookie.check_origin(redirect_uri.origin())?;
    let verifier = derive_verifier(authority.login_secret(), config, redirect_uri, state.id())?;
    let value = binding::write(config, redirect_uri, state.id(), &verifier, now);
    authority.note(redirect_uri.site());
    binding::spec(config, state.id(), Some(redirect_uri.site()))?
        .set(&value, config.policy.login_lifetime)
}

/// The cookies to clear, so that no browser holds more than eight sign-ins in progress.
///
/// # Errors
///
/// `cookie_header_too_large`.
pub fn overdue(
    authority: &Authority,
    cookie_header: &str,
) -> Result<Vec<SetCookie>, CloudApiError> {
    let specs = binding::overdue(authority.config(), cookie_header)?;
    Ok(specs.iter().map(crate::cookie::CookieSpec::clear).collect())
}

/// Clears the cookie of a sign-in that is over, however it ended.
///
/// # Errors
///
/// None that well-formed arguments can cause.
pub fn clear(authority: &Authority, state: &State) -> Result<SetCookie, CloudApiError> {
    Ok(binding::spec(authority.config(), state.id(), None)?.clear())
}
