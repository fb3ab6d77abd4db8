//! `MastraCloudAuth`: what a service holds. Sign-ins, identities, permissions, sign-outs; cheap to clone.
//!
//! There are four answers: [`Authentication::Authenticated`], [`Authentication::Anonymous`], [`Authentication::Rejected`] and
//! [`Authentication::Unavailable`]. The server keeps no state of a login between its two requests; the browser carries it.

mod admin;
mod login;
mod permissions;
mod session;
mod session_end;
mod users;

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use mastra_auth_cloud_core::cache::statistics::Statistics;
use mastra_auth_cloud_core::config::Config;
use mastra_auth_cloud_core::cookie::SetCookie;
use mastra_auth_cloud_core::counters::{Counters, Outcome, Source};
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::flow::authenticate::fast_path::{self, Miss, RawCredentials};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials, Refresher};
use mastra_auth_cloud_core::session::Identity;
use mastra_auth_cloud_core::time::Now;
use mastra_auth_cloud_core::url::PublicUrl;
use tracing::Instrument as _;

use crate::client::MastraCloudClient;
use crate::driver::Driver;
use crate::revocation::{RevocationStatus, Revocations};
use crate::telemetry::AuthOutcome;
use crate::{headers, system, telemetry};

pub use login::{LoginStart, RedactedUrl};
pub use session::RefreshedSession;
pub use session_end::SessionEnd;

/// Sign-in with Mastra Cloud for one deployment: begins and finishes sign-ins, authenticates requests, reads permissions and ends
/// sessions. Make one with [`builder`](Self::builder) or [`from_env`](Self::from_env), and clone it: a clone shares caches and
/// connections. With axum, give it to `AuthLayer` and `routes`.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud::MastraCloudAuth;
///
/// let auth = MastraCloudAuth::builder()
///     .project_id("demo")
///     .public_url("https://app.example.com")
///     .build()?;
/// assert_eq!(auth.cookie_name(), "__Host-mastra_session");
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// ```
#[derive(Clone)]
pub struct MastraCloudAuth(Arc<Parts>);

struct Parts {
    driver: Arc<Driver>,
    public_url: Option<PublicUrl>,
    revocations: Option<Arc<Revocations>>,
    #[cfg(feature = "axum")]
    axum: crate::axum::Settings,
}

/// Whether a session cookie near its expiry is renewed.
#[derive(Clone, Copy)]
enum Cookie {
    Kept,
    Renewed,
}

impl MastraCloudAuth {
    pub(crate) fn new(
        driver: Arc<Driver>,
        public_url: Option<PublicUrl>,
        revocations: Option<Revocations>,
        #[cfg(feature = "axum")] axum: crate::axum::Settings,
    ) -> Self {
        Self(Arc::new(Parts {
            driver,
            public_url,
            revocations: revocations.map(Arc::new),
            #[cfg(feature = "axum")]
            axum,
        }))
    }

    #[cfg(feature = "axum")]
    pub(crate) fn axum_settings(&self) -> &crate::axum::Settings {
        &self.0.axum
    }

    /// Whether both handles belong to one deployment.
    #[cfg(feature = "axum")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
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

    /// Counters of the caches since the start, and what they hold now. For a metrics exporter see the feature `metrics`.
    pub fn statistics(&self) -> Statistics {
        self.0.driver.engine.statistics()
    }

    /// The status of the revocation channel, if there is one.
    pub fn revocation_status(&self) -> Option<RevocationStatus> {
        self.0.revocations.as_deref().map(Revocations::status)
    }

    /// Publishes the pending revocations, for two seconds at most, and leaves the channel; everything else keeps working.
    /// Call it before the process ends: the last revocations may not have been published yet.
    pub async fn close(&self) {
        if let Some(revocations) = self.0.revocations.as_deref() {
            revocations.close().await;
        }
    }

    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.0.driver
    }

    pub(crate) fn config(&self) -> &Config {
        self.0.driver.engine.config()
    }

    /// Authenticates a request: by its bearer token first (`Authorization: Bearer`, RFC 6750 section 2.1), then by its session
    /// cookie. Asks the Cloud only where the token is not cached; does not renew the session.
    ///
    /// [`Rejected`](Authentication::Rejected) has the code: `invalid_token`, `session_expired`, `signed_out`, one of `token_...` where
    /// signatures are checked, `organization_forbidden` (403), `too_many_cookies` and `cookie_header_too_large` (400), or the Cloud's.
    /// [`Unavailable`](Authentication::Unavailable) has `network_error`, `timeout`, `circuit_open` and the like: answer 503, and keep
    /// the cookie.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::{Authentication, MastraCloudAuth};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let auth = MastraCloudAuth::builder().project_id("demo").build()?;
    /// let headers = http::HeaderMap::new();
    /// let status = match auth.authenticate(&headers).await {
    ///     Authentication::Authenticated(_) => 200,
    ///     Authentication::Anonymous | Authentication::Rejected(_) => 401,
    ///     // The user may be signed in: keep the cookie, and let the client try again.
    ///     Authentication::Unavailable(_) => 503,
    /// };
    /// assert_eq!(status, 401);
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// # }).unwrap();
    /// ```
    pub async fn authenticate(&self, headers: &HeaderMap) -> Authentication {
        match self.fast_path(headers, fast_path::known) {
            Ok(identity) => Authentication::Authenticated(identity),
            Err(miss) => self.search(headers, miss, Cookie::Kept).await.0,
        }
    }

    /// Authenticates a request as [`authenticate`](Self::authenticate) does, and renews a session cookie that is near or
    /// past its expiry.
    ///
    /// Returns the answer and the renewed cookie, if any, which the caller sets on its response, whatever the answer is: the old
    /// token may be refused from then on. A bearer token is never renewed.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::header::SET_COOKIE;
    /// use http::{HeaderMap, HeaderValue};
    /// use mastra_auth_cloud::{Authentication, MastraCloudAuth};
    ///
    /// /// Whether a request is signed in, and the headers of its answer.
    /// async fn enter(auth: &MastraCloudAuth, request: &HeaderMap) -> (bool, HeaderMap) {
    ///     let (answer, renewed) = auth.authenticate_and_renew(request).await;
    ///     let mut headers = HeaderMap::new();
    ///     if let Some(value) = renewed.and_then(|cookie| HeaderValue::from_str(cookie.expose()).ok()) {
    ///         headers.append(SET_COOKIE, value);
    ///     }
    ///     (matches!(answer, Authentication::Authenticated(_)), headers)
    /// }
    /// # let _ = enter;
    /// ```
    pub async fn authenticate_and_renew(
        &self,
        headers: &HeaderMap,
    ) -> (Authentication, Option<SetCookie>) {
        self.search(headers, Miss::default(), Cookie::Renewed).await
    }

    async fn search(
        &self,
        headers: &HeaderMap,
        miss: Miss<'_>,
        session: Cookie,
    ) -> (Authentication, Option<SetCookie>) {
        let (engine, cookie) = (&self.0.driver.engine, headers::cookie(headers));
        let authorization = headers::authorization(headers);
        let request = match Credentials::read(engine, authorization, cookie.as_deref()) {
            Ok(credentials) => Authenticate::new(engine, credentials.hashed(miss)),
            Err(error) => return (self.unreadable(error, headers), None),
        };
        let request = match session {
            Cookie::Kept => request,
            Cookie::Renewed => request.refreshed_by(Refresher::Here),
        };
        self.look_up(request, Some(headers)).await
    }

    /// The identity behind a request, if it is cached and needs neither a call nor a refresh.
    #[cfg(feature = "axum")]
    pub(crate) fn known<'h>(&self, headers: &'h HeaderMap) -> Result<Arc<Identity>, Miss<'h>> {
        self.fast_path(headers, |engine, credentials, now| {
            fast_path::known_for(engine, credentials, Refresher::Here, now)
        })
    }

    /// Skipped while requests are traced: the slow path emits the events.
    fn fast_path<'h>(
        &self,
        headers: &'h HeaderMap,
        look: impl FnOnce(&Engine, &RawCredentials<'h>, Now) -> Result<Arc<Identity>, Miss<'h>>,
    ) -> Result<Arc<Identity>, Miss<'h>> {
        if telemetry::request_events_enabled() {
            return Err(Miss::default());
        }
        let cookie = headers::cookie_as_it_came(headers).map_err(|_| Miss::default())?;
        let credentials = RawCredentials {
            authorization: headers::authorization(headers),
            cookie,
            ..RawCredentials::default()
        };
        look(&self.0.driver.engine, &credentials, system::about_now())
    }

    /// The answer to a request whose headers cannot be read.
    fn unreadable(&self, error: CloudApiError, headers: &HeaderMap) -> Authentication {
        let outcome = AuthOutcome {
            answer: Authentication::Rejected(error),
            source: Source::None,
            begun: system::now().monotonic,
        };
        self.counters().answered(Outcome::Rejected, outcome.source);
        telemetry::authenticated(&outcome, &telemetry::authenticate_span(), Some(headers));
        outcome.answer
    }

    /// Authenticates one token, of 1 to 8,192 bytes, as a bearer: for a protocol without HTTP headers. Text of another form is
    /// [`Rejected`](Authentication::Rejected) with `invalid_token`, without a call; empty text is
    /// [`Anonymous`](Authentication::Anonymous).
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::{Authentication, MastraCloudAuth};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let auth = MastraCloudAuth::builder().project_id("demo").build()?;
    /// let answer = auth.authenticate_token("two words").await;
    /// assert!(matches!(answer, Authentication::Rejected(error) if error.code() == "invalid_token"));
    /// let answer = auth.authenticate_token("").await;
    /// assert!(matches!(answer, Authentication::Anonymous));
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// # }).unwrap();
    /// ```
    pub async fn authenticate_token(&self, token: &str) -> Authentication {
        let credentials = Credentials::token(token);
        let request = Authenticate::new(&self.0.driver.engine, credentials);
        self.look_up(request, None).await.0
    }

    async fn look_up(
        &self,
        request: Authenticate<'_>,
        headers: Option<&HeaderMap>,
    ) -> (Authentication, Option<SetCookie>) {
        let span = telemetry::authenticate_span();
        let looking = self.0.driver.authenticate(request);
        let (outcome, set) = looking.instrument(span.clone()).await;
        telemetry::authenticated(&outcome, &span, headers);
        (outcome.answer, set)
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn channel(&self) -> Option<Arc<Revocations>> {
        self.0.revocations.clone()
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.driver.engine
    }

    fn counters(&self) -> &Counters {
        self.0.driver.engine.counters()
    }
}

impl fmt::Debug for MastraCloudAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MastraCloudAuth")
            .field("project_id", &self.config().project_id)
            .finish_non_exhaustive()
    }
}
