//! Login: the start of a sign-in. Its URL and its cookie follow from the same input, in any order; nothing is stored.

use zeroize::Zeroizing;

use crate::cloud::ops::login_page;
use crate::cookie::SetCookie;
use crate::engine::Engine;
use crate::error::CloudApiError;
use crate::login::cookie;
use crate::login::pkce::derive_verifier;
use crate::login::state::State;
use crate::time::Now;
use crate::url::RedirectUri;

/// The URL to send the browser to. It holds the state: put it into a `Location` header, not into a log.
///
/// # Errors
///
/// None that well-formed arguments can cause.
pub fn url(
    engine: &Engine,
    redirect_uri: &RedirectUri,
    state: &State,
) -> Result<Zeroizing<String>, CloudApiError> {
    let verifier = derive_verifier(
        engine.login_secret(),
        engine.config(),
        redirect_uri,
        state.id(),
    )?;
    let url = login_page::login_url_marked(engine.config(), redirect_uri, state, &verifier);
    Ok(Zeroizing::new(url))
}

/// As [`url()`], for a host that passes on the state's id alone when the browser comes back: see
/// [`OpenedLogin::of_host`](super::callback::OpenedLogin::of_host).
///
/// # Errors
///
/// None that well-formed arguments can cause.
pub fn url_of_host(
    engine: &Engine,
    redirect_uri: &RedirectUri,
    state: &State,
) -> Result<Zeroizing<String>, CloudApiError> {
    let verifier = derive_verifier(
        engine.login_secret(),
        engine.config(),
        redirect_uri,
        state.id(),
    )?;
    let url = login_page::login_url(engine.config(), redirect_uri, state, &verifier);
    Ok(Zeroizing::new(url))
}

/// The one cookie that binds this sign-in to the browser.
///
/// # Errors
///
/// `cookie_too_large` where the redirect URI does not leave room; `invalid_configuration` where browsers would drop the
/// cookie there.
pub fn cookie(
    engine: &Engine,
    redirect_uri: &RedirectUri,
    state: &State,
    now: Now,
) -> Result<SetCookie, CloudApiError> {
    let config = engine.config();
    config.cookie.check_origin(redirect_uri.origin())?;
    let verifier = derive_verifier(engine.login_secret(), config, redirect_uri, state.id())?;
    let value = cookie::write(config, redirect_uri, state.id(), &verifier, now);
    engine.note(redirect_uri.site());
    cookie::spec(config, state.id(), Some(redirect_uri.site()))?
        .set(&value, config.policy.login_lifetime)
}

/// The cookies to clear, so that no browser holds more than eight sign-ins in progress.
///
/// # Errors
///
/// `cookie_header_too_large`.
pub fn overdue(engine: &Engine, cookie_header: &str) -> Result<Vec<SetCookie>, CloudApiError> {
    let specs = cookie::overdue(engine.config(), cookie_header)?;
    Ok(specs.iter().map(crate::cookie::CookieSpec::clear).collect())
}

/// Clears the cookie of a sign-in that is over, however it ended.
///
/// # Errors
///
/// None that well-formed arguments can cause.
pub fn clear(engine: &Engine, state: &State) -> Result<SetCookie, CloudApiError> {
    Ok(cookie::spec(engine.config(), state.id(), None)?.clear())
}
