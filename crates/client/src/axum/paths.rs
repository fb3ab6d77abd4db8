//! Paths of the sign-in routes.

use std::collections::BTreeSet;

use mastra_auth_cloud_core::error::CloudApiError;

/// Longest path, in bytes.
const MAX_BYTES: usize = 256;

/// The paths of the five sign-in routes, below the path of the public URL. [`Default`] is `/auth/login`, `/auth/callback`,
/// `/auth/logout`, `/auth/me` and `/auth/check`.
///
/// [`AuthBuilder::build`](crate::AuthBuilder::build) checks them. The callback's address must be registered at the Cloud.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud::MastraCloudAuth;
/// use mastra_auth_cloud::axum::RoutePaths;
///
/// let options = MastraCloudAuth::builder().project_id("demo").public_url("https://app.example.com");
/// let auth = options.route_paths(RoutePaths::below("/account").login("/sign-in")).build()?;
/// # let _ = auth;
/// # Ok::<(), mastra_auth_cloud::CloudApiError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePaths {
    pub(crate) login: String,
    pub(crate) callback: String,
    pub(crate) logout: String,
    pub(crate) me: String,
    pub(crate) check: String,
}

impl Default for RoutePaths {
    fn default() -> Self {
        Self::below("/auth")
    }
}

impl RoutePaths {
    /// `login`, `callback`, `logout`, `me` and `check` below this path.
    pub fn below(path: &str) -> Self {
        let path = path.trim_end_matches('/');
        Self {
            login: format!("{path}/login"),
            callback: format!("{path}/callback"),
            logout: format!("{path}/logout"),
            me: format!("{path}/me"),
            check: format!("{path}/check"),
        }
    }

    /// Sets the path of the route that begins a sign-in.
    #[must_use]
    pub fn login(mut self, path: impl Into<String>) -> Self {
        self.login = path.into();
        self
    }

    /// Sets the path to which the Cloud sends the browser back.
    #[must_use]
    pub fn callback(mut self, path: impl Into<String>) -> Self {
        self.callback = path.into();
        self
    }

    /// Sets the path of the route that ends a session.
    #[must_use]
    pub fn logout(mut self, path: impl Into<String>) -> Self {
        self.logout = path.into();
        self
    }

    /// Sets the path of the route that returns the signed-in user.
    #[must_use]
    pub fn me(mut self, path: impl Into<String>) -> Self {
        self.me = path.into();
        self
    }

    /// Sets the path of the route that answers a proxy's subrequest.
    #[must_use]
    pub fn check(mut self, path: impl Into<String>) -> Self {
        self.check = path.into();
        self
    }

    /// Checks for five different paths of plain segments, which a router reads neither as a parameter nor as another path.
    pub(crate) fn checked(self) -> Result<Self, CloudApiError> {
        let all = [
            &self.login,
            &self.callback,
            &self.logout,
            &self.me,
            &self.check,
        ];
        if !all.iter().all(|path| is_plain(path)) {
            return Err(CloudApiError::configuration(
                "route_paths: each must be a slash and plain segments of letters, digits, '-', '.', '_' and '~', up to 256 bytes",
            ));
        }
        if BTreeSet::from(all).len() < all.len() {
            return Err(CloudApiError::configuration(
                "route_paths: no two routes may have the same path",
            ));
        }
        Ok(self)
    }
}

fn is_plain(path: &str) -> bool {
    let byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    path.len() <= MAX_BYTES
        && path.strip_prefix('/').is_some_and(|path| {
            path.split('/')
                .all(|part| !matches!(part, "" | "." | "..") && part.bytes().all(byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_differ() {
        for (path, good) in [
            ("/sign-in", true),
            ("/a/b.c_d~e", true),
            ("", false),
            ("/", false),
            ("sign-in", false),
            ("/a/", false),
            ("/a//b", false),
            ("/..", false),
            ("/{id}", false),
            ("/:id", false),
            ("/*", false),
            ("/a?b", false),
            ("/a%2fb", false),
            ("/auth/callback", false),
        ] {
            let checked = RoutePaths::default().login(path).checked();
            assert_eq!(checked.is_ok(), good, "{path:?}");
        }
    }
}
