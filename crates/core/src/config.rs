//! The configuration of a deployment, as types that hold only valid values, with a default for every option.
//!
//! Reads no environment and no file: a driver turns options and variables into these types.

use core::time::Duration;

use crate::cookie::SessionCookies;
use crate::dialect::{Dialect, Table, Verified};
use crate::error::CloudApiError;
use crate::ids::{OrganizationId, ProjectId};
use crate::malformed::Malformed;
use crate::rbac::roles::RoleMapping;
use crate::secret::SessionToken;
use crate::url::BaseUrl;
use crate::verification::Verification;

/// The default address of the Cloud.
pub const DEFAULT_BASE_URL: &str = "https://cloud.mastra.ai";
/// The default path of the login page.
pub const DEFAULT_LOGIN_PATH: &str = "/auth/oss";
/// The logout page's path.
pub const LOGOUT_PATH: &str = "/auth/logout";
/// The `User-Agent` of every request.
pub const USER_AGENT: &str = concat!("mastra-auth-cloud/", env!("CARGO_PKG_VERSION"));

/// A path of the Cloud: the API prefix or the login page. Empty, or with one leading slash and none at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPath(Box<str>);

impl UrlPath {
    /// Parses a path; slashes at both ends are normalised.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for anything but visible ASCII without `? # \ %` and without empty or dot segments, up to 256 bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::config::UrlPath;
    ///
    /// assert_eq!(UrlPath::parse("api/v1/").unwrap().as_str(), "/api/v1");
    /// assert!(UrlPath::parse("/api/../v1").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let inner = text.trim_matches('/');
        let visible = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'\\' | b'%');
        let good_segment = |s: &str| !matches!(s, "" | "." | "..");
        if inner.is_empty() {
            Ok(Self("".into()))
        } else if text.len() <= 256
            && inner.bytes().all(visible)
            && inner.split('/').all(good_segment)
        {
            Ok(Self(format!("/{inner}").into()))
        } else {
            Err(Malformed::new(
                "path",
                "be plain path segments without query, fragment or dots",
            ))
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Times and sizes. [`Default`] is the documented set; [`of`](Self::of) has the dialect's own times.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Time-out of every call but the code exchange. Default 3 s.
    pub call_timeout: Duration,
    /// Time-out of the code exchange. Default 10 s.
    pub exchange_timeout: Duration,
    /// Largest response that is read, in bytes. Default 256 KiB.
    pub max_response_bytes: usize,
    /// How long a verified identity is used without asking the Cloud again. Default 30 s.
    pub fresh: Duration,
    /// How long before the end of the fresh time an identity in use is refreshed in the background: at most a tenth of that
    /// time. Default 3 s; zero turns it off.
    pub refresh_early: Duration,
    /// How long a refusal with status 401 is cached. Default 5 s.
    pub refused: Duration,
    /// How long past its fresh time an identity is used while the Cloud cannot be asked (RFC 5861 section 4). Default 60 s.
    pub stale_if_error: Duration,
    /// How long before its expiry a session's token is renewed; a third of its life where that is shorter. Default 60 s.
    pub renew_before: Duration,
    /// How long past its own expiry a renewed token still stands for the newer one. Default 30 s. In dialect `platform`, where
    /// the old one is worthless from then on, 10 min after a newer one was handed out.
    pub renewed_grace: Duration,
    /// How many identities are cached, and as many refusals. Default 10,000.
    pub max_entries: usize,
    /// How many bytes the cached identities may take by estimate, and as many the permissions. Default 8 KiB for each of
    /// `max_entries`, so 78 MiB. An entry counts no less than its share, which is this divided by `max_entries`.
    pub max_bytes: Option<usize>,
    /// Capacity of the deny list: revoked tokens that were verified, sessions and users. Default 100,000; each takes some 200
    /// bytes, 1 KiB at most.
    pub deny_list_capacity: usize,
    /// Failures in a row at one endpoint that open the breaker there: of one token, for that token; of so many tokens, for
    /// all. Default 5.
    pub breaker_failures: u32,
    /// How long an open breaker allows no calls. Default 5 s.
    pub breaker_pause: Duration,
    /// How old a key set may grow before it is fetched anew, in the background. Default 10 min.
    pub keys_fresh: Duration,
    /// Least time between two attempts to fetch the key set, whatever the result of the first. Default 30 s.
    pub keys_pause: Duration,
    /// How long the last good key set is used while it cannot be fetched: from the end of its fresh time, and until the next
    /// attempt can be made. Default 1 h.
    pub keys_kept: Duration,
    /// Largest key set that is read, in bytes. Default 64 KiB.
    pub max_key_set_bytes: usize,
    /// How long a sign-in may take. Default 5 min.
    pub login_lifetime: Duration,
    /// Longest life of a session cookie, and how long a revocation is kept where the session's own life is unknown. Default
    /// 24 h, in dialect `platform` 14 days. Must be at least the token lifetime: otherwise a revoked token that is not seen within it is accepted again.
    pub session_max_age: Duration,
}

impl Policy {
    /// The documented set for a dialect.
    pub fn of(dialect: Dialect) -> Self {
        Self {
            session_max_age: dialect.session_max_age(),
            renewed_grace: dialect.renewed_grace(),
            ..Self::default()
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_secs(3),
            exchange_timeout: Duration::from_secs(10),
            max_response_bytes: 256 * 1024,
            fresh: Duration::from_secs(30),
            refresh_early: Duration::from_secs(3),
            refused: Duration::from_secs(5),
            stale_if_error: Duration::from_secs(60),
            renew_before: Duration::from_secs(60),
            renewed_grace: Duration::from_secs(30),
            max_entries: 10_000,
            max_bytes: None,
            deny_list_capacity: 100_000,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(5),
            keys_fresh: Duration::from_secs(10 * 60),
            keys_pause: Duration::from_secs(30),
            keys_kept: Duration::from_secs(60 * 60),
            max_key_set_bytes: 64 * 1024,
            login_lifetime: Duration::from_secs(5 * 60),
            session_max_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// One deployment: its Cloud, project and dialect, and how sessions are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The Cloud's address.
    pub base_url: BaseUrl,
    /// The project that users sign in to.
    pub project_id: ProjectId,
    /// The form of the API.
    pub dialect: Dialect,
    /// The API's prefix; `None` for the dialect's own.
    pub api_prefix: Option<UrlPath>,
    /// The login page's path.
    pub login_path: UrlPath,
    /// The session cookie.
    pub cookie: SessionCookies,
    /// How tokens are verified.
    pub verification: Verification,
    /// Permissions by role; `None` asks the Cloud where its dialect can, else the dialect's default roles apply.
    pub role_mapping: Option<RoleMapping>,
    /// The organization whose members alone may come in; `None` for all. Only dialect `platform` has organizations.
    pub organization: Option<OrganizationId>,
    /// Times and sizes.
    pub policy: Policy,
}

impl Config {
    /// A deployment with all defaults.
    pub fn new(
        base_url: BaseUrl,
        project_id: ProjectId,
        cookie: impl Into<SessionCookies>,
    ) -> Self {
        Self {
            base_url,
            project_id,
            dialect: Dialect::default(),
            api_prefix: None,
            login_path: UrlPath(DEFAULT_LOGIN_PATH.into()),
            cookie: cookie.into(),
            verification: Verification::default(),
            role_mapping: None,
            organization: None,
            policy: Policy::default(),
        }
    }

    /// Checks options that make no sense together.
    ///
    /// # Errors
    ///
    /// `invalid_configuration`, naming the option:
    ///
    /// - an organization in a dialect that has none
    /// - `keys+session` in a dialect that cannot be asked whether a session is alive
    /// - an organization with `keys` or `keys+session`: a signature says nothing of a membership
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::config::Config;
    /// use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec};
    /// use mastra_auth_cloud_core::ids::{OrganizationId, ProjectId};
    /// use mastra_auth_cloud_core::url::BaseUrl;
    ///
    /// let url = BaseUrl::parse("https://cloud.mastra.ai").unwrap();
    /// let cookie = CookieSpec::new(CookieOptions::default()).unwrap();
    /// let mut config = Config::new(url, ProjectId::parse("demo").unwrap(), cookie);
    /// assert!(config.check().is_ok());
    /// config.organization = OrganizationId::parse("org_1").ok();
    /// assert_eq!(config.check().unwrap_err().code(), "invalid_configuration");
    /// ```
    pub fn check(&self) -> Result<(), CloudApiError> {
        let (table, is_by_keys) = (self.table(), self.verification.by_keys().is_some());
        let wrong = if self.organization.is_some() && table.verified != Verified::Member {
            "organization: only dialect platform has organizations"
        } else if self.verification.session_every().is_some() && table.validate.is_none() {
            "verification: dialect platform cannot be asked whether the session of a token is alive, so keys+session would refuse every token; use cloud"
        } else if self.organization.is_some() && is_by_keys {
            "verification: a signature does not say who is a member of the organization; use cloud"
        } else {
            return Ok(());
        };
        Err(CloudApiError::configuration(wrong))
    }

    /// Permissions by role: the configured mapping, or the dialect's default roles.
    pub fn roles(&self) -> RoleMapping {
        let default = || RoleMapping::of(self.dialect.roles());
        self.role_mapping.clone().unwrap_or_else(default)
    }

    /// Parses the value of a session cookie.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where it is not of the dialect's form.
    pub fn session_token(&self, text: &str) -> Result<SessionToken, Malformed> {
        match self.table().sealed {
            Some(_) => SessionToken::sealed(text),
            None => SessionToken::parse(text),
        }
    }

    pub(crate) const fn table(&self) -> &'static Table {
        self.dialect.table()
    }

    /// A path of the API below its prefix, as it appears in errors and logs.
    pub(crate) fn api_path(&self, path: &str) -> String {
        let prefix = self
            .api_prefix
            .as_ref()
            .map_or(self.table().api_prefix, UrlPath::as_str);
        format!("{prefix}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_at_their_joints() {
        for (text, expect) in [
            ("/api/v1", Some("/api/v1")),
            ("api/v1/", Some("/api/v1")),
            ("//api/v1//", Some("/api/v1")),
            ("", Some("")),
            ("/", Some("")),
            ("/api//v1", None),
            ("/api/../v1", None),
            ("/api?x", None),
            ("/a b", None),
            ("/a%2fb", None),
            ("/a\\b", None),
        ] {
            assert_eq!(
                UrlPath::parse(text).ok().as_ref().map(UrlPath::as_str),
                expect,
                "{text:?}"
            );
        }
    }
}
