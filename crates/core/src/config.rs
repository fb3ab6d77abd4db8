//! What a deployment chooses, as values that are valid by being there, and the defaults for all of it.
//!
//! Reads no environment and no file: a driver turns options and variables into these types.

use core::time::Duration;

use crate::cookie::SessionCookies;
use crate::dialect::{Dialect, Table};
use crate::ids::ProjectId;
use crate::malformed::Malformed;
use crate::roles::RoleMapping;
use crate::url::BaseUrl;
use crate::verification::Verification;

/// The Cloud's address unless another is given.
pub const DEFAULT_BASE_URL: &str = "https://cloud.mastra.ai";
/// The login page's path unless another is given.
pub const DEFAULT_LOGIN_PATH: &str = "/auth/oss";
/// The logout page's path.
pub const LOGOUT_PATH: &str = "/auth/logout";
/// What every request says of its sender.
pub const USER_AGENT: &str = concat!("mastra-auth-cloud/", env!("CARGO_PKG_VERSION"));

/// A path of the Cloud: the API prefix or the login page. Empty, or one leading slash and none at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPath(Box<str>);

impl UrlPath {
    /// Reads a path; slashes at both ends are normalised.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for anything but visible ASCII without `? # \ %` and without empty or dot segments, up to 256 bytes.
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

/// How long things last and how large they may be. [`Default`] is the documented set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Longest wait for one call other than the code exchange. Default 3 s.
    pub call_timeout: Duration,
    /// Longest wait for the code exchange. Default 10 s.
    pub exchange_timeout: Duration,
    /// Largest answer that is read, in bytes. Default 256 KiB.
    pub max_response_bytes: usize,
    /// How long a verified identity is used without asking again. Default 30 s.
    pub fresh: Duration,
    /// How long before the end of the fresh time an identity in use is asked about anew, in the background: at most a
    /// tenth of that time. Default 3 s; zero is never.
    pub refresh_early: Duration,
    /// How long a refusal with the status 401 is remembered. Default 5 s.
    pub refused: Duration,
    /// How long past its fresh time an identity is used when the Cloud cannot be asked (RFC 5861 section 4). Default 60 s.
    pub stale_if_error: Duration,
    /// How long before its end a session's token is renewed; a third of its life where that is shorter. Default 60 s.
    pub renew_before: Duration,
    /// How long past its own end a token that was renewed still stands for the newer one. Default 30 s.
    pub renewed_grace: Duration,
    /// How many identities are remembered, and as many refusals. Default 10,000.
    pub capacity: usize,
    /// How many bytes the remembered identities may take by estimate, and as many the permissions. Default 8 KiB for each of
    /// `capacity`, so 78 MiB. An entry counts no less than its share, which is this divided by `capacity`.
    pub capacity_bytes: Option<usize>,
    /// How many sign-outs of what was seen to be good are known, those of sessions and users included. Default 100,000; each
    /// takes some 200 bytes, 1 KiB at most.
    pub denials: usize,
    /// Failures in a row at one endpoint after which the Cloud is not asked there for a while: of one token, about that token; of so
    /// many tokens, about any. Default 5.
    pub breaker_failures: u32,
    /// How long it is not asked. Default 5 s.
    pub breaker_pause: Duration,
    /// How old a key set may grow before it is fetched anew, in the background. Default 10 min.
    pub keys_fresh: Duration,
    /// Least time between two attempts to fetch it, whatever came of the first. Default 30 s.
    pub keys_pause: Duration,
    /// How long the last good key set is used while it cannot be fetched: from the end of its fresh time, and until the next
    /// attempt can be made. Default 1 h.
    pub keys_kept: Duration,
    /// Largest key set that is read, in bytes. Default 64 KiB.
    pub max_key_set_bytes: usize,
    /// How long a sign-in may take. Default 5 min.
    pub login_lifetime: Duration,
    /// Longest life of a session cookie, and how long the end of a session or a user is known where nothing of it is known. Default
    /// 24 h; where tokens live longer, their life, for one that nobody brings in that time is let in again afterwards.
    pub session_max_age: Duration,
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
            capacity: 10_000,
            capacity_bytes: None,
            denials: 100_000,
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

/// One deployment: which Cloud, which project, which dialect, and how sessions are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The Cloud's address.
    pub base_url: BaseUrl,
    /// The project that users sign in to.
    pub project_id: ProjectId,
    /// Which form of the API is spoken.
    pub dialect: Dialect,
    /// The API's prefix; `None` is the dialect's own.
    pub api_prefix: Option<UrlPath>,
    /// The login page's path.
    pub login_path: UrlPath,
    /// The session cookie.
    pub cookie: SessionCookies,
    /// How tokens are verified.
    pub verification: Verification,
    /// Permissions by role; `None` asks the Cloud where it can be asked, else the default roles apply.
    pub role_mapping: Option<RoleMapping>,
    /// Times and sizes.
    pub policy: Policy,
}

impl Config {
    /// A deployment with every default.
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
            policy: Policy::default(),
        }
    }

    pub(crate) const fn table(&self) -> &'static Table {
        self.dialect.table()
    }

    /// A path of the API below its prefix, as it stands in errors and logs.
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
