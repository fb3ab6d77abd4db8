//! `MastraCloudAuth`: what a service holds. Sign-ins, identities, permissions, sign-outs; cheap to clone.
//!
//! There are four answers: [`Answer::Authenticated`], [`Answer::Anonymous`], [`Answer::Rejected`] and
//! [`Answer::Unavailable`]. The server keeps no state of a login between its two requests; the browser carries it.

mod admin;
mod interfaces;
mod session_end;

pub use session_end::SessionEnd;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use http::HeaderMap;
use mastra_auth_cloud_core::config::Config;
use mastra_auth_cloud_core::cookie::SetCookie;
#[cfg(feature = "axum")]
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::Credentials;
#[cfg(feature = "axum")]
use mastra_auth_cloud_core::flow::authenticate::bearer;
use mastra_auth_cloud_core::flow::callback::{self, Callback, SignedIn};
use mastra_auth_cloud_core::flow::glance::{self, Brought};
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::flow::logout::{Effort, Logout, Several, SignOut};
use mastra_auth_cloud_core::identity::Identity;
use mastra_auth_cloud_core::identity::authority::Authority;
use mastra_auth_cloud_core::model::CloudUser;
use mastra_auth_cloud_core::permission::Grants;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::state::State;
use mastra_auth_cloud_core::tally::{Outcome, Source, Tally};
use mastra_auth_cloud_core::time::Now;
use mastra_auth_cloud_core::url::{PublicUrl, RedirectUri, ReturnPath};
use tracing::Instrument as _;
use zeroize::Zeroizing;

use crate::builder::Builder;
use crate::client::MastraCloudClient;
use crate::driver::Driver;
use crate::revocation::Revocations;
use crate::signals::{Found, Trail};
use crate::{headers, signals, system};

/// Sign-in with Mastra Cloud for one deployment.
#[derive(Clone)]
pub struct MastraCloudAuth(Arc<Parts>);

struct Parts {
    driver: Arc<Driver>,
    public_url: Option<PublicUrl>,
    revocations: Option<Arc<Revocations>>,
    #[cfg(feature = "axum")]
    face: crate::axum::Face,
}

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
    /// The options of a deployment, all at their defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A deployment configured from environment variables: see [`Builder::from_env`].
    ///
    /// # Errors
    ///
    /// `invalid_configuration`; the message names the variable.
    pub fn from_env() -> Result<Self, CloudApiError> {
        Builder::from_env()?.build()
    }

    pub(crate) fn new(
        driver: Arc<Driver>,
        public_url: Option<PublicUrl>,
        revocations: Option<Revocations>,
        #[cfg(feature = "axum")] face: crate::axum::Face,
    ) -> Self {
        Self(Arc::new(Parts {
            driver,
            public_url,
            revocations: revocations.map(Arc::new),
            #[cfg(feature = "axum")]
            face,
        }))
    }

    #[cfg(feature = "axum")]
    pub(crate) fn face(&self) -> &crate::axum::Face {
        &self.0.face
    }

    /// Whether both handles belong to one deployment.
    #[cfg(feature = "axum")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A user's permissions, if they are known without a call to the Cloud.
    #[cfg(feature = "axum")]
    pub(crate) fn known_permissions(&self, user: &CloudUser) -> Option<Arc<Grants>> {
        self.0.driver.known_permissions(user)
    }

    /// The Cloud's endpoints, one method each.
    pub fn client(&self) -> MastraCloudClient {
        MastraCloudClient::new(Arc::clone(&self.0.driver))
    }

    /// The session cookie's full name, including its prefix.
    pub fn cookie_name(&self) -> &str {
        self.config().cookie.at(None).name()
    }

    /// The address at which browsers reach this service, if it was configured.
    pub fn public_url(&self) -> Option<&PublicUrl> {
        self.0.public_url.as_ref()
    }

    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.0.driver
    }

    pub(crate) fn config(&self) -> &Config {
        self.0.driver.authority.config()
    }

    /// Authenticates a request: by its bearer token first, then by its session cookie.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Answer {
        if let Some(identity) = self.glance(headers, glance::known) {
            return Answer::Authenticated(identity);
        }
        let cookie = headers::cookie(headers);
        let authorization = headers::authorization(headers);
        match Credentials::read(&self.0.driver.authority, authorization, cookie.as_deref()) {
            Ok(credentials) => self.look_up(credentials, Some(headers)).await,
            Err(error) => self.unreadable(error, headers),
        }
    }

    /// Authenticates a request as [`authenticate`](Self::authenticate) does, and renews a session cookie that is near or
    /// past its expiry.
    ///
    /// Returns the answer and the renewed cookie, if any, which the caller sets on its response. A bearer token is never
    /// renewed.
    pub async fn authenticate_and_renew(&self, headers: &HeaderMap) -> (Answer, Option<SetCookie>) {
        let cookie = headers::cookie(headers);
        let authorization = headers::authorization(headers);
        match Credentials::read(&self.0.driver.authority, authorization, cookie.as_deref()) {
            Ok(credentials) => {
                let span = signals::authenticate_span();
                let looking = self
                    .0
                    .driver
                    .authenticate_and_renew(credentials, cookie.as_deref());
                let (found, set) = looking.instrument(span.clone()).await;
                signals::answered(&found, &span, Some(headers));
                (found.answer, set)
            }
            Err(error) => (self.unreadable(error, headers), None),
        }
    }

    /// The identity behind a request, if it is cached and needs neither a call nor a renewal.
    #[cfg(feature = "axum")]
    pub(crate) fn known(&self, headers: &HeaderMap) -> Option<Arc<Identity>> {
        self.glance(headers, glance::known_for_now)
    }

    /// Skipped while requests are traced: the slow path emits the events.
    fn glance(
        &self,
        headers: &HeaderMap,
        look: impl FnOnce(&Authority, &Brought<'_>, Now) -> Option<Arc<Identity>>,
    ) -> Option<Arc<Identity>> {
        if signals::are_requests_told() {
            return None;
        }
        let brought = Brought {
            authorization: headers::authorization(headers),
            cookie: headers::cookie_as_it_came(headers).ok()?,
            ..Brought::default()
        };
        look(&self.0.driver.authority, &brought, system::about_now())
    }

    /// The answer to a request whose headers cannot be read.
    fn unreadable(&self, error: CloudApiError, headers: &HeaderMap) -> Answer {
        let found = Found {
            answer: Answer::Rejected(error),
            source: Source::None,
            begun: system::now().monotonic,
        };
        self.tally().answered(Outcome::Rejected, found.source);
        signals::answered(&found, &signals::authenticate_span(), Some(headers));
        found.answer
    }

    /// Authenticates one token.
    pub async fn authenticate_token(&self, token: &str) -> Answer {
        self.look_up(Credentials::token(token), None).await
    }

    async fn look_up(&self, credentials: Credentials<'_>, headers: Option<&HeaderMap>) -> Answer {
        let span = signals::authenticate_span();
        let looking = self.0.driver.authenticate(credentials);
        let found = looking.instrument(span.clone()).await;
        signals::answered(&found, &span, headers);
        found.answer
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn channel(&self) -> Option<Arc<Revocations>> {
        self.0.revocations.clone()
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.0.driver.authority
    }

    pub(crate) fn tally(&self) -> &Tally {
        self.0.driver.authority.tally()
    }

    /// A user's permissions, from the role mapping or from the Cloud.
    ///
    /// # Errors
    ///
    /// - `signed_out` if the user's session ended here since it was verified.
    /// - `session_expired` if the session is past its expiry.
    /// - The error of the call if the Cloud had to be asked and failed.
    pub async fn permissions(&self, user: &CloudUser) -> Result<Arc<Grants>, CloudApiError> {
        self.0.driver.permissions(user).await
    }

    /// Begins a sign-in with a state of this crate's own.
    ///
    /// `cookie_header` is the browser's. It keeps the browser to at most eight sign-ins under way.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` if the operating system gives no randomness; `cookie_header_too_large`.
    pub fn begin_login(
        &self,
        redirect_uri: &RedirectUri,
        return_path: ReturnPath,
        cookie_header: Option<&str>,
    ) -> Result<LoginStart, CloudApiError> {
        let authority = &self.0.driver.authority;
        signals::return_path_cut(&return_path);
        let state = State::generate(system::entropy()?, return_path);
        let mut cookies = login::overdue(authority, cookie_header.unwrap_or_default())?;
        cookies.push(login::cookie(
            authority,
            redirect_uri,
            &state,
            system::now(),
        )?);
        let location = RedactedUrl(login::url(authority, redirect_uri, &state)?.to_string());
        Ok(LoginStart { location, cookies })
    }

    /// Finishes a sign-in, and ends at the Cloud the session that this browser's cookie held before.
    ///
    /// # Errors
    ///
    /// - The callback is unusable: `code_malformed`, `login_cookie_missing`, `state_mismatch`, `project_mismatch`,
    ///   `cloud_mismatch`, `login_expired`, `callback_replayed`, `code_replayed`.
    /// - A later request could not find its session: `too_many_cookies`, `cookie_header_too_large`.
    /// - The keys could not be fetched: `keys_unavailable`.
    /// - The error of the exchange, or of the new session's verification.
    pub async fn finish_login(
        &self,
        code: &str,
        state: State,
        cookie_header: &str,
    ) -> Result<SignedIn, CloudApiError> {
        let trail = Trail::default();
        let result = self.finish(code, state, cookie_header, &trail).await;
        result.inspect_err(|error| signals::login_failed(self.tally(), error, &trail))
    }

    /// Finishes a sign-in without logging a failure. The caller logs it, with the reference that its error page shows.
    pub(crate) async fn finish(
        &self,
        code: &str,
        state: State,
        cookie_header: &str,
        trail: &Trail,
    ) -> Result<SignedIn, CloudApiError> {
        let driver = &self.0.driver;
        let key = callback::key(&driver.authority, &state, cookie_header, system::now());
        let work = self.clone().exchange(
            Zeroizing::new(code.to_owned()),
            state,
            Zeroizing::new(cookie_header.to_owned()),
            trail.clone(),
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
        state: State,
        cookie_header: Zeroizing<String>,
        trail: Trail,
    ) -> Result<SignedIn, CloudApiError> {
        let driver = &self.0.driver;
        let mut flow = Callback::new(
            Arc::clone(&driver.authority),
            state,
            &code,
            &cookie_header,
            system::now(),
            system::jitter(),
        )?;
        let is_again = flow.is_again();
        let work = driver.run(&mut flow).instrument(signals::login_span());
        let result = work.await;
        if let Some(token) = flow.take_refused() {
            self.end_refused(token, trail.clone());
        }
        let signed_in = result?;
        if !is_again {
            signals::logged_in(self.tally(), &signed_in.identity, &trail);
            let new = signed_in.identity.user().session_token();
            self.end_previous(&cookie_header, new, &trail).await;
        }
        Ok(signed_in)
    }

    /// Clears the cookie of a finished sign-in, whether it succeeded or failed.
    #[cfg(feature = "axum")]
    pub(crate) fn clear_login(&self, state: &State) -> Option<SetCookie> {
        login::clear(&self.0.driver.authority, state).ok()
    }

    /// Ends every session whose token a request carries, here at once and at the Cloud. Returns the least successful
    /// outcome and the headers that clear the cookies. All sessions are denied here before the first call to the Cloud.
    ///
    /// A cookie under the fallback name stays if its token is not verified here and the outcome is `AlreadyGone`: it may
    /// belong to another deployment.
    #[cfg(feature = "axum")]
    pub(crate) async fn sign_out_request(&self, headers: &HeaderMap) -> (SignOut, Vec<SetCookie>) {
        let authority = &self.0.driver.authority;
        let cookie = headers::cookie(headers).unwrap_or_default();
        let bearer = headers::authorization(headers).and_then(bearer);
        let bearer = bearer.and_then(|text| SessionToken::parse(text).ok());
        let (cookies, fallbacks): (Vec<_>, Vec<_>) = authority
            .ending_cookies(&cookie, None)
            .into_iter()
            .map(|(token, fallback)| {
                let is_ours = authority.verified(&token).is_some();
                (token, fallback.map(|clear| (clear, is_ours)))
            })
            .unzip();
        let tokens = bearer.into_iter().chain(cookies);
        let outcome = self.end_all(tokens, &Trail::of(headers)).await;
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
        )
    }

    /// Ends a session here at once and at the Cloud. The result says whether the Cloud confirmed.
    pub async fn sign_out(&self, token: &SessionToken) -> SignOut {
        self.end_all(std::iter::once(token.clone()), &Trail::default())
            .await
    }

    /// A new sign-in replaces the browser's old session. The outcome is logged and does not affect the new session.
    async fn end_previous(&self, cookie_header: &str, new: &SessionToken, trail: &Trail) {
        let authority = &self.0.driver.authority;
        let now = system::now();
        let _ = self
            .end(
                Several::replaced(authority, cookie_header, new, now, system::jitter()),
                trail,
            )
            .await;
    }

    /// Ends at the Cloud the session of a sign-in that was refused here. The answer does not wait for it; the outcome is
    /// logged.
    fn end_refused(&self, token: SessionToken, trail: Trail) {
        let driver = Arc::clone(&self.0.driver);
        let authority = Arc::clone(&driver.authority);
        let (now, jitter) = (system::now(), system::jitter());
        let flow = Logout::new(authority, token, Effort::Full, now, jitter);
        tokio::spawn(async move { driver.sign_out(flow, trail).await }.in_current_span());
    }

    async fn end_all(&self, tokens: impl Iterator<Item = SessionToken>, trail: &Trail) -> SignOut {
        let authority = &self.0.driver.authority;
        let now = system::now();
        self.end(
            Several::new(authority, tokens, Effort::Full, now, system::jitter()),
            trail,
        )
        .await
    }

    /// Whether a token was recently signed out here.
    #[cfg(feature = "axum")]
    pub(crate) fn is_signed_out(&self, token: &SessionToken) -> bool {
        self.0.driver.authority.is_signed_out(token, system::now())
    }

    async fn end(&self, mut several: Several, trail: &Trail) -> SignOut {
        let flows = several.take_flows().into_iter();
        let ends = flows.map(|flow| self.0.driver.sign_out(flow, trail.clone()));
        several.outcome(join_all(ends).await)
    }
}

impl fmt::Debug for MastraCloudAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MastraCloudAuth")
            .field("project_id", &self.config().project_id)
            .finish_non_exhaustive()
    }
}
