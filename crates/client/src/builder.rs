//! Builds a [`MastraCloudAuth`] from options and variables. Every value is checked here, and an error names its option.

#[cfg(feature = "axum")]
mod axum;
mod environment;

use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::config::{Config, Policy, UrlPath};
use mastra_auth_cloud_core::cookie::{SameSite, Secure, SessionCookieOptions, SessionCookies};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::engine::Engine;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::ids::{OrganizationId, ProjectId};
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use mastra_auth_cloud_core::url::{BaseUrl, PublicUrl, Site};
use mastra_auth_cloud_core::verification::VerificationOptions;

use crate::auth::MastraCloudAuth;
use crate::driver::Driver;
use crate::revocation::{RevocationChannel, Revocations};
use crate::system;
use crate::telemetry;
use crate::transport::Transport;

/// Options of a deployment. An option that is not set has its documented default.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud::MastraCloudAuth;
///
/// let auth = MastraCloudAuth::builder()
///     .project_id("demo")
///     .base_url("http://localhost:4300")
///     .public_url("http://localhost:4111")
///     .build()
///     .unwrap();
/// assert_eq!(auth.cookie_name(), "mastra_session_030359e9");
/// assert!(MastraCloudAuth::builder().project_id("two words").build().is_err());
/// ```
#[derive(Default)]
#[must_use = "call build()"]
pub struct AuthBuilder {
    project_id: Option<String>,
    base_url: Option<String>,
    local_cloud_for_tests: bool,
    public_url: Option<String>,
    dialect: Dialect,
    organization: Option<String>,
    session_max_age: Option<Duration>,
    api_prefix: Option<String>,
    auth_path: Option<String>,
    cookie: SessionCookieOptions,
    role_mapping: Option<RoleMapping>,
    policy: Option<Policy>,
    call_timeout: Option<Duration>,
    fresh: Option<Duration>,
    stale_if_error: Option<Duration>,
    refused: Option<Duration>,
    verification: VerificationOptions,
    transport: Option<Arc<dyn Transport>>,
    revocations: Option<Arc<dyn RevocationChannel>>,
    #[cfg(feature = "axum")]
    axum: crate::axum::Settings,
}

impl MastraCloudAuth {
    /// The options of a deployment, all at their defaults.
    pub fn builder() -> AuthBuilder {
        AuthBuilder::default()
    }

    /// A deployment configured from environment variables: `MASTRA_PROJECT_ID`, `MASTRA_PUBLIC_URL`, `MASTRA_CLOUD_URL` and those of
    /// [`AuthBuilder::from_env`]. An empty variable counts as unset.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` for a variable that is missing or wrong; the message names it or its option.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use mastra_auth_cloud::MastraCloudAuth;
    ///
    /// // MASTRA_PROJECT_ID=demo MASTRA_CLOUD_URL=http://localhost:4300 MASTRA_PUBLIC_URL=http://localhost:4111
    /// let auth = MastraCloudAuth::from_env()?;
    /// # let _ = auth;
    /// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
    /// ```
    pub fn from_env() -> Result<Self, CloudApiError> {
        AuthBuilder::from_env()?.build()
    }
}

impl AuthBuilder {
    /// The project that users sign in to: 1 to 128 characters of `A-Z a-z 0-9 - _ . : ~`. Required, except in dialect `platform`,
    /// which has none.
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// The Cloud's address, perhaps with a path. Default `https://cloud.mastra.ai`, in dialect `platform`
    /// `https://platform.mastra.ai`, with or without `/v1`. Plain http is accepted for a loopback host only: that is a local Cloud,
    /// which serves no public URL but one on this machine.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The address at which browsers reach this service, such as `https://app.example.com`. For an app below a path it is
    /// `https://example.com/app`: nested with `Router::nest`, or behind a proxy that strips the path.
    ///
    /// Sign-in URLs are built from this and never from a request's headers. Cookies are `Secure` unless it is plain http on
    /// a loopback host.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// The form of the API that the Cloud speaks. Default [`Dialect::V1`].
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The organization whose members alone may come in, by its id of 1 to 256 visible ASCII characters: others get 403 `organization_forbidden`. They act for it, and roles in
    /// another one do not count. Default: all users. In dialect `platform` only.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Longest life of a session cookie. Default 24 h, in dialect `platform` 14 days. A cookie never outlives its session.
    ///
    /// It is also how long a revocation is kept where the life of its session is unknown. Where tokens live longer, set it to their
    /// life: otherwise a revoked token may be accepted again after that time.
    pub const fn session_max_age(mut self, time: Duration) -> Self {
        self.session_max_age = Some(time);
        self
    }

    /// The path before the API's own, such as `/api/v2`: at most 256 bytes of visible ASCII without `? # \ %`. Default: the dialect's
    /// own, which is `/api/v1`, none in `pkce`, and `/v1` in `platform`.
    pub fn api_prefix(mut self, path: impl Into<String>) -> Self {
        self.api_prefix = Some(path.into());
        self
    }

    /// The path of the Cloud's login page. Default `/auth/oss`. For the path of this app's own route, see `route_paths`.
    pub fn auth_path(mut self, path: impl Into<String>) -> Self {
        self.auth_path = Some(path.into());
        self
    }

    /// Allows a local Cloud for tests of a production build: with a public URL elsewhere, or in a network of containers. Then
    /// the Cloud's address must be plain http, at this machine, a private IP address, a name without a dot, or one below
    /// `internal`, `local`, `localhost` or `test`. Default: off; a local Cloud then serves loopback addresses only.
    ///
    /// A local Cloud checks no password: with it, a visitor may sign in as any user, and [`build`](Self::build) logs the warning
    /// `local_cloud_allowed`. With the real Cloud's address it fails with `invalid_configuration`. `false` wins over
    /// `MASTRA_LOCAL_CLOUD_FOR_TESTS`.
    pub const fn local_cloud_for_tests(mut self, allow: bool) -> Self {
        self.local_cloud_for_tests = allow;
        self
    }

    /// The session cookie's name. Default `mastra_session`, in dialect `platform` `wos-session`. A suffix of the deployment's own
    /// follows if the public URL names a port or a path. A name that is set gets no suffix. The prefix `__Host-` (RFC 6265bis
    /// section 4.1.3.2) is added if the cookie is Secure without a Domain, and `__Secure-` below a path.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie.name = Some(name.into());
        self
    }

    /// The session cookie's Domain: the public URL's host or a parent domain. Default none: the cookie belongs to this host
    /// alone.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie.domain = Some(domain.into());
        self
    }

    /// Which requests of other sites carry the session cookie (RFC 6265bis section 4.1.2.7). Default [`SameSite::Lax`]: a visit by a
    /// link does, a form or a script of another site does not. With [`SameSite::Strict`] a visit by a link comes without. With
    /// [`SameSite::None`] every request carries it, so check `Origin` on each route that changes something.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.cookie.same_site = same_site;
        self
    }

    /// Whether cookies are Secure, where the public URL cannot tell: behind a TLS proxy, with no public URL configured.
    pub fn secure(mut self, secure: Secure) -> Self {
        self.cookie.secure = Some(secure);
        self
    }

    /// Permissions by role, used instead of asking the Cloud: then no call is made for permissions. Default: the Cloud is asked, where
    /// its dialect has such a call; in the others the roles `owner`, `admin`, `member` and `viewer` have their default permissions.
    pub fn role_mapping(mut self, mapping: RoleMapping) -> Self {
        self.role_mapping = Some(mapping);
        self
    }

    /// How tokens are verified. Default: ask the Cloud about each token, and cache its answer for the fresh time.
    pub fn verification(mut self, verification: VerificationOptions) -> Self {
        self.verification = verification;
        self
    }

    /// How long a verified identity is used without asking the Cloud again. Default 30 s; zero asks about each request. So long may a
    /// session that ended at the Cloud live on here, unless it is revoked here.
    pub fn fresh_for(mut self, time: Duration) -> Self {
        self.fresh = Some(time);
        self
    }

    /// How long past its fresh time an identity is used while the Cloud cannot be asked (RFC 5861 section 4). Default 60 s. Never past
    /// the session's expiry or a sign-out.
    pub fn stale_if_error_for(mut self, time: Duration) -> Self {
        self.stale_if_error = Some(time);
        self
    }

    /// How long a refusal with status 401 is cached: in that time the token is refused without a call. Default 5 s.
    pub fn refused_for(mut self, time: Duration) -> Self {
        self.refused = Some(time);
        self
    }

    /// All times and sizes. In whatever order they are called, [`fresh_for`](Self::fresh_for),
    /// [`stale_if_error_for`](Self::stale_if_error_for) and [`refused_for`](Self::refused_for) override its members, and
    /// `MASTRA_CALL_TIMEOUT` does where `call_timeout` has its default.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// The transport that sends the requests. Default: `ReqwestTransport`, with the feature `reqwest`; without it, required.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The channel over which instances of this deployment exchange revocations. Default none: an instance then learns of
    /// an end elsewhere when [`fresh_for`](Self::fresh_for) is over. With the feature `redis`: `RedisRevocations`.
    ///
    /// Over Redis, instances also share newer sealed sessions, which dialect `platform` has: a session that the Cloud replaced for
    /// one instance is known to all of them.
    ///
    /// The channel runs in tasks of its own, so [`build`](Self::build) must then be called in a tokio runtime.
    pub fn revocations(mut self, channel: impl RevocationChannel) -> Self {
        self.revocations = Some(Arc::new(channel));
        self
    }

    /// The policy with the options that override its members.
    fn effective_policy(&mut self) -> Policy {
        let default = Policy::of(self.dialect);
        let mut policy = self.policy.take().unwrap_or_else(|| default.clone());
        if let Some(time) = self.call_timeout
            && policy.call_timeout == default.call_timeout
        {
            policy.call_timeout = time;
            // The exchange of a code waits no shorter than the other calls.
            policy.exchange_timeout = policy.exchange_timeout.max(time);
        }
        policy.fresh = self.fresh.unwrap_or(policy.fresh);
        policy.stale_if_error = self.stale_if_error.unwrap_or(policy.stale_if_error);
        policy.refused = self.refused.unwrap_or(policy.refused);
        policy.session_max_age = self.session_max_age.unwrap_or(policy.session_max_age);
        policy
    }

    /// Checks all options and builds the deployment. Makes no request.
    ///
    /// # Errors
    ///
    /// `invalid_configuration`; the message names the option.
    pub fn build(mut self) -> Result<MastraCloudAuth, CloudApiError> {
        let policy = self.effective_policy();
        let dialect = self.dialect;
        let project_id = self
            .project_id
            .or_else(|| dialect.project().map(str::to_owned))
            .ok_or_else(|| required("project_id", "MASTRA_PROJECT_ID"))?;
        let project_id = ProjectId::parse(&project_id).map_err(|m| bad("project_id", m))?;
        let organization = self
            .organization
            .map(|id| OrganizationId::parse(&id))
            .transpose()
            .map_err(|m| bad("organization", m))?;
        let base_url = self.base_url.as_deref().unwrap_or(dialect.base_url());
        let base_url = dialect.without_prefix(base_url);
        let base_url = if self.local_cloud_for_tests {
            BaseUrl::of_local_cloud(base_url).map_err(|m| bad("local_cloud_for_tests", m))?
        } else {
            BaseUrl::parse(base_url).map_err(|m| bad("base_url", m))?
        };
        let public_url = self
            .public_url
            .map(|url| PublicUrl::parse(&url))
            .transpose()
            .map_err(|m| bad("public_url", m))?;
        let is_elsewhere = public_url.as_ref().is_some_and(|url| !url.is_loopback());
        if is_elsewhere && base_url.is_local() && !self.local_cloud_for_tests {
            // A local Cloud checks no password: a visitor of its login page may sign in as any user.
            return Err(CloudApiError::configuration(
                "base_url: a Cloud on this machine is for development and cannot serve a public_url elsewhere",
            ));
        }
        #[cfg(feature = "axum")]
        let axum = self.axum.check()?;
        let path = |name: &'static str, text: Option<String>| {
            text.map(|text| UrlPath::parse(&text))
                .transpose()
                .map_err(|m| bad(name, m))
        };
        let mut cookie = self.cookie;
        cookie.path = public_url
            .as_ref()
            .map_or_else(String::new, |url| url.path().to_owned());
        // Without a public URL, assume https and no port.
        cookie.dialect = dialect;
        cookie.site = Some(public_url.as_ref().map_or(Site::DEFAULT, PublicUrl::site));
        let cookie = SessionCookies::new(&cookie, &base_url, &project_id)?;
        if let Some(url) = &public_url {
            cookie.check_origin(url.origin())?;
        }
        let verification = self.verification.build(&base_url, &project_id)?;
        let mut config = Config::new(base_url, project_id, cookie);
        config.verification = verification;
        config.dialect = dialect;
        config.organization = organization;
        config.api_prefix = path("api_prefix", self.api_prefix)?;
        if let Some(auth_path) = path("auth_path", self.auth_path)? {
            config.login_path = auth_path;
        }
        config.role_mapping = self.role_mapping;
        config.policy = policy;
        config.check()?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&config.base_url)?,
        };
        if self.local_cloud_for_tests {
            telemetry::local_cloud_allowed();
        }
        let engine = Engine::new(config, system::entropy()?);
        let driver = Driver::new(Arc::clone(&engine), transport, self.revocations.clone());
        let revocations = self
            .revocations
            .map(|channel| Revocations::begin(engine, channel))
            .transpose()?;
        Ok(MastraCloudAuth::new(
            Arc::new(driver),
            public_url,
            revocations,
            #[cfg(feature = "axum")]
            axum,
        ))
    }
}

#[cfg(feature = "reqwest")]
fn default_transport(base_url: &BaseUrl) -> Result<Arc<dyn Transport>, CloudApiError> {
    Ok(Arc::new(crate::transport::ReqwestTransport::new(base_url)?))
}

#[cfg(not(feature = "reqwest"))]
fn default_transport(_: &BaseUrl) -> Result<Arc<dyn Transport>, CloudApiError> {
    Err(CloudApiError::configuration(
        "transport is required. Provide one in the options or turn on the feature reqwest.",
    ))
}

fn required(option: &str, variable: &str) -> CloudApiError {
    CloudApiError::configuration(format!(
        "{option} is required. Provide it in the options or set the {variable} environment variable."
    ))
}

fn bad(option: &str, malformed: Malformed) -> CloudApiError {
    CloudApiError::configuration(format!("{option}: {malformed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_setters_does_not_matter() {
        let seconds = Duration::from_secs;
        let policy = || {
            let mut policy = Policy::default();
            policy.breaker_failures = 9;
            policy.fresh = seconds(1);
            policy.refused = seconds(2);
            policy
        };
        let builder = || AuthBuilder {
            call_timeout: Some(seconds(20)),
            ..AuthBuilder::default()
        };
        let first = builder().policy(policy()).fresh_for(seconds(7));
        let last = builder().fresh_for(seconds(7)).policy(policy());
        for mut options in [first, last] {
            let policy = options.effective_policy();
            assert_eq!(policy.breaker_failures, 9);
            let times = [policy.fresh, policy.refused, policy.stale_if_error];
            assert_eq!(times, [7, 2, 60].map(seconds));
            let waits = [policy.call_timeout, policy.exchange_timeout];
            assert_eq!(waits, [20, 20].map(seconds), "of the environment");
        }
        let mut given = policy();
        given.call_timeout = seconds(5);
        let policy = builder().policy(given).effective_policy();
        assert_eq!(policy.call_timeout, seconds(5), "given by the program");
    }
}
