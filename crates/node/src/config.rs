//! Builds a configuration from the options of the package. Checks ranges and forms here, and an error names its option; `options.ts`
//! has checked the types.

use std::time::Duration;

use mastra_auth_cloud_core::config::{Config, Policy, UrlPath};
use mastra_auth_cloud_core::cookie::{
    Prefix, SameSite, Secure, SessionCookieOptions, SessionCookies, Stage,
};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::ids::{OrganizationId, ProjectId};
use mastra_auth_cloud_core::jwt::SharedSecret;
use mastra_auth_cloud_core::malformed::Malformed;
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use mastra_auth_cloud_core::url::BaseUrl;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use napi_derive::napi;

use zeroize::Zeroizing;

use crate::convert::seconds;

/// Options of a deployment. A missing option has its documented default. Times are in seconds.
#[napi(object, object_to_js = false)]
pub struct Options {
    /// The project that users sign in to.
    pub project_id: Option<String>,
    /// The Cloud's address.
    pub base_url: Option<String>,
    /// Whether a local Cloud is allowed wherever tests may have it; the real one is not.
    pub local_cloud_for_tests: Option<bool>,
    /// The API's prefix.
    pub api_prefix: Option<String>,
    /// The login page's path.
    pub auth_path: Option<String>,
    /// `v1`, `pkce` or `platform`.
    pub dialect: Option<String>,
    /// The organization whose members alone may come in.
    pub organization: Option<String>,
    /// The session cookie's name without prefix.
    pub cookie_name: Option<String>,
    /// The session cookie's Domain.
    pub cookie_domain: Option<String>,
    /// `Lax`, `Strict` or `None`.
    pub same_site: Option<String>,
    /// Whether the name gets the prefix `__Host-`; if not, the name is the one of the plugin 1.x.
    pub cookie_prefix: Option<bool>,
    /// Whether cookies are Secure; if not set, each address decides.
    pub secure: Option<bool>,
    /// Longest lifetime of a session cookie.
    pub session_max_age: Option<f64>,
    /// Permissions by role, as JSON text.
    pub role_mapping: Option<String>,
    /// Longest wait for an answer of the Cloud. The exchange of a code waits 10 s where this is less.
    pub call_timeout: Option<f64>,
    /// How long a verified identity is used without asking the Cloud again.
    pub fresh: Option<f64>,
    /// How long past that it is used while the Cloud is unavailable.
    pub stale_if_error: Option<f64>,
    /// How long a refusal is cached.
    pub refused: Option<f64>,
    /// How many identities are cached.
    pub max_entries: Option<u32>,
    /// How long before the end of the fresh time an identity in use is refreshed in the background.
    pub refresh_early: Option<f64>,
    /// How tokens are verified.
    pub verification: Option<Verification>,
    /// Whether this is a production deployment.
    pub production: bool,
    /// Whether this is a developer's machine, which serves pages over plain http.
    pub development: bool,
}

impl Options {
    pub(crate) fn into_config(self) -> Result<Config, CloudApiError> {
        let dialect = match self.dialect.as_deref() {
            None => Dialect::default(),
            Some(name) => Dialect::parse(name).ok_or_else(|| {
                CloudApiError::configuration("dialect must be v1, pkce or platform")
            })?,
        };
        let project_id = self.project_id.as_deref().or(dialect.project());
        let project_id = project_id.ok_or_else(|| {
            CloudApiError::configuration(
                "projectId is required. Provide it in the options or set the MASTRA_PROJECT_ID environment variable.",
            )
        })?;
        let project_id = ProjectId::parse(project_id).map_err(|m| bad("projectId", m))?;
        let base_url = self.base_url.as_deref().unwrap_or(dialect.base_url());
        let base_url = dialect.without_prefix(base_url);
        let is_test = self.local_cloud_for_tests == Some(true);
        let base_url = if is_test {
            BaseUrl::of_local_cloud(base_url).map_err(|m| bad("localCloudForTests", m))?
        } else {
            BaseUrl::parse(base_url).map_err(|m| bad("baseUrl", m))?
        };
        let is_production = self.production && !is_test;
        if is_production && base_url.is_local() {
            // A local Cloud checks no password: a visitor of its login page may sign in as any user.
            return Err(CloudApiError::configuration(
                "baseUrl: a Cloud on this machine is for development and cannot be used where NODE_ENV is production; tests of a production build set localCloudForTests",
            ));
        }
        let stage = if is_production {
            Stage::Production
        } else if self.development || base_url.is_local() {
            Stage::Desk
        } else {
            Stage::Unknown
        };
        let cookie = SessionCookies::new(&self.cookie(dialect, stage)?, &base_url, &project_id)?;
        let mut config = Config::new(base_url, project_id, cookie);
        config.dialect = dialect;
        config.policy = Policy::of(dialect);
        config.organization = self
            .organization
            .as_deref()
            .map(OrganizationId::parse)
            .transpose()
            .map_err(|m| bad("organization", m))?;
        config.api_prefix = path("apiPrefix", self.api_prefix.as_deref())?;
        if let Some(login_path) = path("authPath", self.auth_path.as_deref())? {
            config.login_path = login_path;
        }
        config.role_mapping = self
            .role_mapping
            .as_deref()
            .map(RoleMapping::from_json)
            .transpose()?;
        let policy = &mut config.policy;
        for (option, given, place) in [
            (
                "sessionMaxAge",
                self.session_max_age,
                &mut policy.session_max_age,
            ),
            (
                "MASTRA_CALL_TIMEOUT",
                self.call_timeout,
                &mut policy.call_timeout,
            ),
            ("cache.fresh", self.fresh, &mut policy.fresh),
            (
                "cache.staleIfError",
                self.stale_if_error,
                &mut policy.stale_if_error,
            ),
            ("cache.refused", self.refused, &mut policy.refused),
            (
                "cache.refreshEarly",
                self.refresh_early,
                &mut policy.refresh_early,
            ),
        ] {
            if let Some(given) = given {
                *place = time(option, given)?;
            }
        }
        policy.exchange_timeout = policy.exchange_timeout.max(policy.call_timeout);
        if let Some(entries) = self.max_entries {
            policy.max_entries = usize::try_from(entries).unwrap_or(usize::MAX);
        }
        if let Some(verification) = self.verification {
            let options = verification.into_options()?;
            config.verification = options.build(&config.base_url, &config.project_id)?;
        }
        config.check()?;
        Ok(config)
    }

    pub(crate) fn cookie(
        &self,
        dialect: Dialect,
        stage: Stage,
    ) -> Result<SessionCookieOptions, CloudApiError> {
        let same_site = match self.same_site.as_deref() {
            None => SameSite::default(),
            Some(name) if name.eq_ignore_ascii_case("lax") => SameSite::Lax,
            Some(name) if name.eq_ignore_ascii_case("strict") => SameSite::Strict,
            Some(name) if name.eq_ignore_ascii_case("none") => SameSite::None,
            Some(_) => {
                return Err(CloudApiError::configuration(
                    "sameSite must be Lax, Strict or None",
                ));
            }
        };
        Ok(SessionCookieOptions {
            name: self.cookie_name.clone(),
            dialect,
            secure: self
                .secure
                .map(|secure| if secure { Secure::Yes } else { Secure::No }),
            prefix: if self.cookie_prefix == Some(false) {
                Prefix::None
            } else {
                Prefix::Host
            },
            same_site,
            domain: self.cookie_domain.clone(),
            path: String::new(),
            site: None,
            stage,
        })
    }
}

/// How tokens are verified. Times are in seconds.
#[napi(object, object_to_js = false)]
pub struct Verification {
    /// `cloud`, `keys` or `keys+session`.
    pub mode: Option<String>,
    /// The address of the key set.
    pub jwks_url: Option<String>,
    /// The key set, as JSON text.
    pub jwks: Option<String>,
    /// The HS256 secret.
    pub secret: Option<String>,
    /// The allowed algorithms.
    pub algorithms: Option<Vec<String>>,
    /// The issuer that a token must name.
    pub issuer: Option<String>,
    /// The audience that a token must name.
    pub audience: Option<String>,
    /// The leeway for clocks that differ.
    pub leeway: Option<f64>,
    /// The greatest age of a token.
    pub max_age: Option<f64>,
    /// How often the Cloud is asked whether the session still lives.
    pub session_every: Option<f64>,
}

impl Verification {
    fn into_options(self) -> Result<VerificationOptions, CloudApiError> {
        let seconds =
            |option: &str, given: Option<f64>| given.map(|given| time(option, given)).transpose();
        let secret = self
            .secret
            .map(|secret| SharedSecret::new(Zeroizing::new(secret).as_bytes()))
            .transpose()
            .map_err(|m| bad("verification.secret", m))?;
        Ok(VerificationOptions {
            mode: self
                .mode
                .as_deref()
                .map_or(Ok(VerificationMode::default()), VerificationMode::parse)?,
            key_set_url: self.jwks_url,
            key_set: self.jwks,
            secret,
            algorithms: self.algorithms,
            issuer: self.issuer,
            audience: self.audience,
            leeway: seconds("verification.leeway", self.leeway)?,
            max_age: seconds("verification.maxAge", self.max_age)?,
            session_every: seconds("verification.sessionEvery", self.session_every)?,
        })
    }
}

fn time(option: &str, given: f64) -> Result<Duration, CloudApiError> {
    if given >= 0.0 && given.is_finite() {
        return Ok(seconds(given));
    }
    Err(CloudApiError::configuration(format!(
        "{option} must be a number of seconds, 0 or more"
    )))
}

fn path(option: &'static str, text: Option<&str>) -> Result<Option<UrlPath>, CloudApiError> {
    text.map(UrlPath::parse)
        .transpose()
        .map_err(|malformed| bad(option, malformed))
}

fn bad(option: &str, malformed: Malformed) -> CloudApiError {
    CloudApiError::configuration(format!("{option}: {malformed}"))
}
