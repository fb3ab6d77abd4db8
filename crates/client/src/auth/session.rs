//! Sessions: ended, validated and refreshed, and the cookie that holds them.

use std::sync::Arc;

use futures_util::future::join_all;
use http::HeaderMap;
use mastra_auth_cloud_core::cloud::model::CloudSession;
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::counters::Counting;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Renewal;
#[cfg(feature = "axum")]
use mastra_auth_cloud_core::flow::authenticate::bearer;
use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, Logouts, SignOut};
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::url::RedirectUri;
use tracing::Instrument as _;

use super::MastraCloudAuth;
use crate::telemetry::RequestIds;
use crate::{headers, system};

/// A session after a refresh, for [`MastraCloudAuth::session_cookie`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshedSession {
    /// The session.
    pub session: CloudSession,
    /// The session's current token: a newer one, or the one that was refreshed.
    pub token: SessionToken,
}

impl MastraCloudAuth {
    /// Ends every session whose token a request carries, here at once and at the Cloud. Returns the least successful outcome, the
    /// headers that clear the cookies, and the page that the Cloud named for the browser to go to. All sessions are denied here
    /// before the first call to the Cloud.
    ///
    /// A cookie under the fallback name stays if its token is not verified here and the outcome is `AlreadyGone`: it may
    /// belong to another deployment.
    #[cfg(feature = "axum")]
    pub(crate) async fn sign_out_request(
        &self,
        headers: &HeaderMap,
    ) -> (SignOut, Vec<SetCookie>, Option<String>) {
        let engine = &self.0.driver.engine;
        let cookie = headers::whole_cookie(headers).unwrap_or_default();
        let bearer = headers::authorization(headers).and_then(bearer);
        let bearer = bearer.and_then(|text| SessionToken::parse(text).ok());
        let (cookies, fallbacks): (Vec<_>, Vec<_>) = engine
            .ending_cookies(&cookie, None)
            .into_iter()
            .map(|(token, fallback)| {
                let is_ours = engine.verified(&token).is_some();
                (token, fallback.map(|clear| (clear, is_ours)))
            })
            .unzip();
        let tokens: Vec<_> = bearer.into_iter().chain(cookies).collect();
        let outcome = self
            .end_all(tokens.iter().cloned(), &RequestIds::of(headers))
            .await;
        let page = tokens
            .iter()
            .find_map(|token| engine.named_logout_page(token));
        let is_gone = outcome == SignOut::AlreadyGone;
        let fallback = fallbacks
            .into_iter()
            .flatten()
            .find(|(_, is_ours)| *is_ours || !is_gone);
        let clears = fallback.map(|(clear, _)| clear).into_iter();
        (
            outcome,
            clears
                .chain([self.config().cookie.at(None).clear()])
                .collect(),
            page,
        )
    }

    /// Ends a session here at once and at the Cloud, with up to three retries. The result says whether the Cloud confirmed: where it
    /// did not, the session is refused here and may live on at the Cloud until it expires. Other instances learn of it over
    /// [`revocations`](crate::AuthBuilder::revocations).
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::{MastraCloudAuth, SessionToken, SignOut};
    ///
    /// async fn leave(auth: &MastraCloudAuth, token: &SessionToken) -> &'static str {
    ///     match auth.sign_out(token).await {
    ///         SignOut::Ended | SignOut::AlreadyGone => "You are signed out.",
    ///         SignOut::NotConfirmed(_) => "You are signed out here. The Cloud did not confirm it.",
    ///     }
    /// }
    /// # let _ = leave;
    /// ```
    pub async fn sign_out(&self, token: &SessionToken) -> SignOut {
        self.end_all(std::iter::once(token.clone()), &RequestIds::default())
            .await
    }

    /// Revokes the session that a new sign-in replaces: here before this returns, at the Cloud in the background.
    pub(super) fn end_previous(&self, cookie_header: &str, new: &SessionToken, ids: &RequestIds) {
        let engine = &self.0.driver.engine;
        let (now, jitter) = (system::now(), system::jitter());
        let mut replaced = Logouts::replaced(engine, cookie_header, new, now, jitter);
        for logout in replaced.take() {
            self.end_in_background(logout, ids.clone(), Counting::Always);
        }
    }

    /// Ends at the Cloud, in the background, the session of a sign-in that was refused here. It is not counted as a sign-out:
    /// no user was signed in.
    pub(super) fn end_refused(&self, token: SessionToken, ids: RequestIds) {
        let engine = Arc::clone(&self.0.driver.engine);
        let (now, jitter) = (system::now(), system::jitter());
        let logout = Logout::new(engine, token, Effort::Full, now, jitter);
        self.end_in_background(logout, ids, Counting::Never);
    }

    /// The outcome is logged.
    fn end_in_background(&self, logout: Logout, ids: RequestIds, counting: Counting) {
        let driver = Arc::clone(&self.0.driver);
        let ending = async move { driver.sign_out(logout, ids, counting).await };
        tokio::spawn(ending.in_current_span());
    }

    async fn end_all(
        &self,
        tokens: impl Iterator<Item = SessionToken>,
        ids: &RequestIds,
    ) -> SignOut {
        let driver = &self.0.driver;
        let (now, jitter) = (system::now(), system::jitter());
        let mut several = Logouts::new(&driver.engine, tokens, Effort::Full, now, jitter);
        let each = several.take().into_iter();
        let ends = each.map(|logout| driver.sign_out(logout, ids.clone(), Counting::Always));
        several.outcome(join_all(ends).await)
    }

    /// Whether a token was recently signed out here.
    #[cfg(feature = "axum")]
    pub(crate) fn is_signed_out(&self, token: &SessionToken) -> bool {
        self.0.driver.engine.is_signed_out(token, system::now())
    }

    /// The URL to which to send the browser to sign out at the Cloud too. In dialect `platform` it is the page that the
    /// platform named when this token's session ended, once; `None` without one. `redirect_uri` is the absolute address to come back to.
    ///
    /// # Errors
    ///
    /// `invalid_argument` for a `redirect_uri` that is no absolute http(s) URL of at most 2,048 bytes.
    pub fn logout_url(
        &self,
        redirect_uri: &str,
        token: Option<&SessionToken>,
    ) -> Result<Option<String>, CloudApiError> {
        let redirect_uri = RedirectUri::parse(redirect_uri).map_err(CloudApiError::argument)?;
        Ok(self.0.driver.engine.logout_page(&redirect_uri, token))
    }

    /// The session of a token; `None` if it was signed out here, is expired or is refused by the Cloud.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    pub async fn validate_session(
        &self,
        token: &SessionToken,
    ) -> Result<Option<CloudSession>, CloudApiError> {
        let driver = &self.0.driver;
        let session = validate_session(&driver.engine, token.clone(), system::jitter());
        driver.run(session.into_task()).await
    }

    /// The session as the Cloud has it now, with a newer token if the Cloud issues one; `None` if the session has ended.
    /// Calls with one token share one call to the Cloud, also for a while after it was renewed.
    ///
    /// # Errors
    ///
    /// The error of the call, if the Cloud had to be asked and failed.
    pub async fn refresh_session(
        &self,
        token: &SessionToken,
    ) -> Result<Option<RefreshedSession>, CloudApiError> {
        let driver = &self.0.driver;
        let refresh = refresh_for_browser(&driver.engine, token.clone(), system::jitter());
        match driver.run(refresh).await {
            Renewal::Renewed(renewed) => Ok(Some(RefreshedSession {
                session: renewed.session.clone(),
                token: renewed.identity.user().session_token().clone(),
            })),
            Renewal::Unchanged { session, .. } => Ok(Some(RefreshedSession {
                session,
                token: token.clone(),
            })),
            Renewal::Ended(_) => Ok(None),
            Renewal::Unavailable(error) => Err(error),
        }
    }

    /// The session token in a request's cookie, unverified; `None` without a cookie that has the form of a token. To know the user,
    /// call [`authenticate`](Self::authenticate).
    pub fn session_token_from_request(&self, headers: &HeaderMap) -> Option<SessionToken> {
        let header = headers::cookie(headers)?;
        let engine = &self.0.driver.engine;
        let mut values = engine.session_cookies(&header, None).ok()?;
        values.find_map(|value| self.config().session_token(value).ok())
    }

    /// The cookie that stores a session in a browser, until the session ends, for
    /// [`session_max_age`](crate::AuthBuilder::session_max_age) at most.
    ///
    /// # Errors
    ///
    /// `cookie_too_large` where name and value take more than 4,096 bytes, which browsers do not keep; the message has both sizes.
    pub fn session_cookie(
        &self,
        session: &CloudSession,
        token: &SessionToken,
    ) -> Result<SetCookie, CloudApiError> {
        let engine = &self.0.driver.engine;
        engine.session_cookie(token, session.expires_at(), None, system::now().wall)
    }

    /// The `Set-Cookie` header that clears the session cookie.
    pub fn clear_session_cookie(&self) -> SetCookie {
        self.config().cookie.at(None).clear()
    }
}
