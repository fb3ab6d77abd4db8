//! Signing in: begins and finishes a login. The server keeps no state between the two requests; the browser carries it.

use std::fmt;
use std::sync::Arc;

use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::counters::Login;
use mastra_auth_cloud_core::engine::SignedIn;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::callback::{Callback, OpenedLogin};
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::url::{PublicUrl, RedirectUri, ReturnPath};
use tracing::Instrument as _;
use zeroize::Zeroizing;

use super::MastraCloudAuth;
use crate::telemetry::RequestIds;
use crate::{system, telemetry};

/// A sign-in that was begun: the response to send to the browser.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoginStart {
    /// The value of the `Location` header.
    pub location: RedactedUrl,
    /// The cookies to set.
    pub cookies: Vec<SetCookie>,
}

/// A URL that holds a login's state. `Debug` does not print it.
pub struct RedactedUrl(String);

impl RedactedUrl {
    /// The URL, for a `Location` header.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactedUrl([redacted])")
    }
}

impl MastraCloudAuth {
    /// Begins a sign-in with a state of this crate's own: redirect the browser to the location, and set the cookies.
    ///
    /// `cookie_header` is the browser's. It keeps the browser to at most eight sign-ins under way.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` if the operating system gives no randomness; `cookie_header_too_large`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::MastraCloudAuth;
    /// use mastra_auth_cloud::login::{RedirectUri, ReturnPath};
    ///
    /// let auth = MastraCloudAuth::builder().project_id("demo").build()?;
    /// let redirect_uri = RedirectUri::parse("https://app.example.com/callback").unwrap();
    /// let start = auth.begin_login(&redirect_uri, ReturnPath::default(), None)?;
    /// assert!(start.location.expose().starts_with("https://cloud.mastra.ai/auth/oss?"));
    /// assert_eq!(start.cookies.len(), 1);
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// ```
    pub fn begin_login(
        &self,
        redirect_uri: &RedirectUri,
        return_path: ReturnPath,
        cookie_header: Option<&str>,
    ) -> Result<LoginStart, CloudApiError> {
        let engine = &self.0.driver.engine;
        telemetry::return_path_truncated(&return_path);
        let state = State::generate(system::entropy()?, return_path);
        let mut cookies = login::overdue(engine, cookie_header.unwrap_or_default())?;
        cookies.push(login::cookie(engine, redirect_uri, &state, system::now())?);
        let location = RedactedUrl(login::url(engine, redirect_uri, &state)?.to_string());
        Ok(LoginStart { location, cookies })
    }

    /// Finishes a sign-in. The session that this browser's cookie held before is revoked here at once, and ended at the
    /// Cloud in the background.
    ///
    /// # Errors
    ///
    /// - The callback is unusable: `code_malformed`, `login_cookie_missing`, `state_mismatch`, `project_mismatch`,
    ///   `cloud_mismatch`, `login_expired`, `callback_replayed`, `code_replayed`.
    /// - A later request could not find its session: `too_many_cookies`, `cookie_header_too_large`.
    /// - The keys could not be fetched: `keys_unavailable`.
    /// - The error of the exchange, or of the new session's verification.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::login::State;
    /// use mastra_auth_cloud::{CloudApiError, MastraCloudAuth};
    ///
    /// /// The path to redirect to, and the `Set-Cookie` headers of the answer.
    /// async fn callback(
    ///     auth: &MastraCloudAuth,
    ///     code: &str,
    ///     state: &str,
    ///     cookie_header: &str,
    /// ) -> Result<(String, Vec<String>), CloudApiError> {
    ///     let state = State::parse(state, Some("https://app.example.com"))?;
    ///     let signed_in = auth.finish_login(code, state, cookie_header).await?;
    ///     let cookies = signed_in.cookies.iter().map(|cookie| cookie.expose().to_owned());
    ///     Ok((signed_in.return_path.as_str().to_owned(), cookies.collect()))
    /// }
    /// # let _ = callback;
    /// ```
    pub async fn finish_login(
        &self,
        code: &str,
        state: State,
        cookie_header: &str,
    ) -> Result<SignedIn, CloudApiError> {
        let ids = RequestIds::default();
        let result = self.finish(code, state, cookie_header, &ids).await;
        result.inspect_err(|error| self.sign_in_failed(error, &ids))
    }

    /// Counts and logs a failed sign-in.
    pub(crate) fn sign_in_failed(&self, error: &CloudApiError, ids: &RequestIds) {
        self.counters().login(Login::Failed);
        telemetry::sign_in_failed(error, ids);
    }

    /// Finishes a sign-in without logging a failure. The caller logs it, with the reference that its error page shows.
    pub(crate) async fn finish(
        &self,
        code: &str,
        state: State,
        cookie_header: &str,
        ids: &RequestIds,
    ) -> Result<SignedIn, CloudApiError> {
        let driver = &self.0.driver;
        let login = OpenedLogin::new(&driver.engine, state, cookie_header, system::now());
        let key = login.key();
        let work = self.clone().exchange(
            Zeroizing::new(code.to_owned()),
            login,
            Zeroizing::new(cookie_header.to_owned()),
            ids.clone(),
        );
        match key {
            Some(key) => driver.sign_in(key, work).await,
            // The state is not this browser's: the core refuses it without a call.
            None => work.await,
        }
    }

    async fn exchange(
        self,
        code: Zeroizing<String>,
        login: OpenedLogin,
        cookie_header: Zeroizing<String>,
        ids: RequestIds,
    ) -> Result<SignedIn, CloudApiError> {
        let driver = &self.0.driver;
        let callback = Callback::new(
            Arc::clone(&driver.engine),
            login,
            &code,
            &cookie_header,
            system::now(),
            system::jitter(),
        )?;
        let is_again = callback.is_again();
        let work = driver.run(callback.into_task());
        let finished = work.instrument(telemetry::login_span()).await;
        if let Some(token) = finished.refused {
            self.end_refused(token, ids.clone());
        }
        let signed_in = finished.result?;
        if !is_again {
            self.counters().login(Login::Succeeded);
            telemetry::signed_in(&signed_in.identity, &ids);
            let new = signed_in.identity.user().session_token();
            self.end_previous(&cookie_header, new, &ids);
        }
        Ok(signed_in)
    }

    /// Clears the cookie of a failed sign-in. A successful one clears it with its own cookies.
    #[cfg(feature = "axum")]
    pub(crate) fn clear_login(&self, state: &str, cookie_header: &str) -> Option<SetCookie> {
        let engine = &self.0.driver.engine;
        let state = State::parse(state, None).ok()?;
        let login = OpenedLogin::new(engine, state, cookie_header, system::now());
        login::clear(engine, login.state()).ok()
    }

    /// The URL of the login page, for a state of your own: `id`, of 1 to 256 visible ASCII characters, or `id|` and the encoded return
    /// path. Set the cookie of [`login_cookie`](Self::login_cookie) with the redirect.
    ///
    /// # Errors
    ///
    /// `invalid_argument` for a `redirect_uri` that is no absolute http(s) URL of at most 2,048 bytes; `state_malformed`.
    pub fn login_url(&self, redirect_uri: &str, state: &str) -> Result<String, CloudApiError> {
        let (redirect_uri, state) = login_arguments(redirect_uri, state)?;
        Ok(login::url(&self.0.driver.engine, &redirect_uri, &state)?.to_string())
    }

    /// The cookie that binds a sign-in with a state of your own to the browser, for five minutes. The arguments are those of
    /// [`login_url`](Self::login_url).
    ///
    /// # Errors
    ///
    /// As [`login_url`](Self::login_url); `cookie_too_large` over 4,096 bytes.
    pub fn login_cookie(
        &self,
        redirect_uri: &str,
        state: &str,
    ) -> Result<SetCookie, CloudApiError> {
        let (redirect_uri, state) = login_arguments(redirect_uri, state)?;
        let engine = &self.0.driver.engine;
        login::cookie(engine, &redirect_uri, &state, system::now())
    }

    /// Finishes a sign-in from the callback's code, the state or its id as text, and the browser's `Cookie` header.
    ///
    /// # Errors
    ///
    /// As [`finish_login`](Self::finish_login); `state_malformed` for a state that cannot be read.
    pub async fn handle_callback(
        &self,
        code: &str,
        state: &str,
        cookie_header: &str,
    ) -> Result<SignedIn, CloudApiError> {
        let own_origin = self.public_url().map(PublicUrl::origin);
        let state = State::parse(state, own_origin).inspect_err(|error| {
            self.sign_in_failed(error, &RequestIds::default());
        })?;
        self.finish_login(code, state, cookie_header).await
    }
}

fn login_arguments(redirect_uri: &str, state: &str) -> Result<(RedirectUri, State), CloudApiError> {
    let redirect_uri = RedirectUri::parse(redirect_uri).map_err(CloudApiError::argument)?;
    let state = State::parse(state, Some(redirect_uri.origin()))?;
    Ok((redirect_uri, state))
}
