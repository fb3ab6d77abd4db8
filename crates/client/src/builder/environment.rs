//! Options from environment variables. An empty variable counts as absent; an error names the variable, never its value.

use core::time::Duration;

use mastra_auth_cloud_core::cookie::{Secure, SessionCookieOptions};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::jwt::SharedSecret;
use mastra_auth_cloud_core::verification::{VerificationMode, VerificationOptions};
use zeroize::Zeroizing;

use super::AuthBuilder;

impl AuthBuilder {
    /// Options from environment variables. An empty variable counts as absent.
    ///
    /// - `MASTRA_PROJECT_ID`, `MASTRA_CLOUD_URL`, `MASTRA_PUBLIC_URL`
    /// - `MASTRA_LOCAL_CLOUD_FOR_TESTS`: `true` or `false`
    /// - `MASTRA_CLOUD_DIALECT`: `v1`, `pkce` or `platform`; with `platform` also `MASTRA_SHARED_API_URL`, which counts where
    ///   `MASTRA_CLOUD_URL` is not set, `MASTRA_ORGANIZATION_ID` and `MASTRA_SESSION_MAX_AGE`, in whole seconds
    /// - `MASTRA_CLOUD_API_PREFIX`, `MASTRA_CLOUD_AUTH_PATH`
    /// - `MASTRA_COOKIE_NAME`, `MASTRA_COOKIE_DOMAIN`; `MASTRA_COOKIE_SECURE`: `true` or `false`
    /// - `MASTRA_VERIFICATION`: `cloud`, `keys` or `keys+session`
    /// - `MASTRA_CALL_TIMEOUT`: the longest wait for an answer of the Cloud, in whole seconds, 1 to 9999. The exchange of a code
    ///   waits 10 s where this is less
    /// - with keys: `MASTRA_JWKS_URL`, `MASTRA_JWKS_FILE` or `MASTRA_TOKEN_SECRET`; `MASTRA_TOKEN_ISSUER`,
    ///   `MASTRA_TOKEN_AUDIENCE`
    ///
    /// # Errors
    ///
    /// `invalid_configuration`; the message names the variable.
    pub fn from_env() -> Result<Self, CloudApiError> {
        let dialect = dialect()?;
        let of_platform = |name| read(name).filter(|_| dialect == Dialect::Platform);
        Ok(Self {
            project_id: read("MASTRA_PROJECT_ID"),
            base_url: read("MASTRA_CLOUD_URL").or_else(|| of_platform("MASTRA_SHARED_API_URL")),
            organization: of_platform("MASTRA_ORGANIZATION_ID"),
            session_max_age: max_age(of_platform("MASTRA_SESSION_MAX_AGE").as_deref())?,
            public_url: read("MASTRA_PUBLIC_URL"),
            local_cloud_for_tests: flag("MASTRA_LOCAL_CLOUD_FOR_TESTS")?.unwrap_or_default(),
            dialect,
            api_prefix: read("MASTRA_CLOUD_API_PREFIX"),
            auth_path: read("MASTRA_CLOUD_AUTH_PATH"),
            cookie: SessionCookieOptions {
                name: read("MASTRA_COOKIE_NAME"),
                domain: read("MASTRA_COOKIE_DOMAIN"),
                secure: flag("MASTRA_COOKIE_SECURE")?
                    .map(|secure| if secure { Secure::Yes } else { Secure::No }),
                ..SessionCookieOptions::default()
            },
            verification: verification()?,
            call_timeout: call_timeout(read("MASTRA_CALL_TIMEOUT").as_deref())?,
            ..Self::default()
        })
    }
}

/// A variable that is set and not empty.
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `MASTRA_CLOUD_DIALECT`.
fn dialect() -> Result<Dialect, CloudApiError> {
    read("MASTRA_CLOUD_DIALECT").map_or_else(
        || Ok(Dialect::default()),
        |name| {
            Dialect::parse(&name).ok_or_else(|| {
                CloudApiError::configuration("MASTRA_CLOUD_DIALECT must be v1, pkce or platform")
            })
        },
    )
}

/// A variable that is `true` or `false`.
fn flag(name: &str) -> Result<Option<bool>, CloudApiError> {
    match read(name).as_deref() {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(CloudApiError::configuration(format!(
            "{name} must be true or false"
        ))),
    }
}

/// `MASTRA_CALL_TIMEOUT`.
fn call_timeout(text: Option<&str>) -> Result<Option<Duration>, CloudApiError> {
    let seconds = |text: &str| {
        let seconds = text.parse().ok();
        seconds.filter(|seconds| (1..=9999).contains(seconds))
    };
    text.map(|text| {
        seconds(text).map(Duration::from_secs).ok_or_else(|| {
            CloudApiError::configuration(
                "MASTRA_CALL_TIMEOUT must be a whole number of seconds, 1 to 9999",
            )
        })
    })
    .transpose()
}

/// `MASTRA_SESSION_MAX_AGE`.
fn max_age(text: Option<&str>) -> Result<Option<Duration>, CloudApiError> {
    let in_range = |seconds: &u32| (1..=999_999_999).contains(seconds);
    let seconds = |text: &str| text.parse().ok().filter(in_range);
    text.map(|text| {
        let seconds = seconds(text).map(|seconds| Duration::from_secs(seconds.into()));
        seconds.ok_or_else(|| {
            CloudApiError::configuration(
                "MASTRA_SESSION_MAX_AGE must be a whole number of seconds, 1 to 999999999",
            )
        })
    })
    .transpose()
}

/// `MASTRA_VERIFICATION` and its companion variables, which are read only with keys.
fn verification() -> Result<VerificationOptions, CloudApiError> {
    let mode = match read("MASTRA_VERIFICATION") {
        None => VerificationMode::default(),
        Some(name) => VerificationMode::parse(&name).map_err(|_| {
            CloudApiError::configuration("MASTRA_VERIFICATION must be cloud, keys or keys+session")
        })?,
    };
    let mut options = VerificationOptions {
        mode,
        ..VerificationOptions::default()
    };
    if mode == VerificationMode::Cloud {
        return Ok(options);
    }
    options.key_set_url = read("MASTRA_JWKS_URL");
    options.key_set = read("MASTRA_JWKS_FILE")
        .map(std::fs::read_to_string)
        .transpose()
        .map_err(|_| CloudApiError::configuration("MASTRA_JWKS_FILE: the file cannot be read"))?;
    options.secret = read("MASTRA_TOKEN_SECRET")
        .map(|secret| SharedSecret::new(Zeroizing::new(secret).as_bytes()))
        .transpose()
        .map_err(|malformed| {
            CloudApiError::configuration(format!("MASTRA_TOKEN_SECRET: {malformed}"))
        })?;
    options.issuer = read("MASTRA_TOKEN_ISSUER");
    options.audience = read("MASTRA_TOKEN_AUDIENCE");
    Ok(options)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]
mod tests {
    use super::*;

    #[test]
    fn the_call_timeout_is_whole_seconds_up_to_9999() {
        for (given, expect) in [
            (None, None),
            (Some("1"), Some(1)),
            (Some("9999"), Some(9999)),
        ] {
            let expect = expect.map(Duration::from_secs);
            assert_eq!(call_timeout(given).unwrap(), expect, "{given:?}");
        }
        for given in ["", "0", "-1", "1.5", "soon", "10000"] {
            let error = call_timeout(Some(given)).unwrap_err();
            assert!(
                error.message().starts_with("MASTRA_CALL_TIMEOUT must be"),
                "{given}"
            );
        }
    }
}
