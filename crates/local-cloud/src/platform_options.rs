//! How the platform behaves where that is not published, or where a test wants it otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The part of the options that only the dialect `platform` has. The admin API changes them while it runs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct PlatformOptions {
    /// How long a sealed session is good before it is rotated, in seconds as JSON. Default 5 min.
    #[serde(with = "seconds")]
    pub rotate_after: Duration,
    /// How long after its rotation a sealed session may be rotated again, in seconds as JSON. Default 0: it is refused.
    #[serde(with = "seconds")]
    pub rotation_leeway: Duration,
    /// What becomes of the query of `redirect_uri`. Default: it is kept.
    pub redirect_query: RedirectQuery,
    /// The `state` of the address that a sign-in comes back to. Default: replaced.
    pub callback_state: CallbackState,
    /// Hosts besides loopback that a sign-in may come back to; `*.` in front stands for any names. Default `*.mastra.ai` and
    /// `*.mastra.cloud`.
    pub redirect_hosts: Vec<String>,
}

/// What becomes of the query of `redirect_uri`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RedirectQuery {
    /// It is part of the address that the browser comes back to.
    #[default]
    Keep,
    /// The browser comes back without it.
    Drop,
}

/// The `state` of the address that a sign-in comes back to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CallbackState {
    /// `deploy|` and the `post_login_redirect`.
    #[default]
    Replace,
    /// The `state` of the login address, where it has one.
    Echo,
}

impl Default for PlatformOptions {
    fn default() -> Self {
        Self {
            rotate_after: Duration::from_mins(5),
            rotation_leeway: Duration::ZERO,
            redirect_query: RedirectQuery::default(),
            callback_state: CallbackState::default(),
            redirect_hosts: ["*.mastra.ai", "*.mastra.cloud"].map(str::to_owned).into(),
        }
    }
}

impl PlatformOptions {
    /// Whether a sign-in may come back to this host.
    pub(crate) fn allows(&self, host: &str) -> bool {
        self.redirect_hosts.iter().any(|own| {
            own.strip_prefix('*').map_or_else(
                || own.eq_ignore_ascii_case(host),
                |rest| {
                    let (host, rest) = (host.to_ascii_lowercase(), rest.to_ascii_lowercase());
                    rest.starts_with('.') && host.len() > rest.len() && host.ends_with(&rest)
                },
            )
        })
    }
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(time.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        // Times are added to a clock of milliseconds.
        Ok(Duration::from_secs(u32::deserialize(from)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_whole_names() {
        let mut options = PlatformOptions::default();
        options.redirect_hosts.push("app.example.com".into());
        for (host, expect) in [
            ("studio.mastra.ai", true),
            ("a.b.MASTRA.cloud", true),
            ("app.example.com", true),
            ("mastra.ai", false),
            (".mastra.ai", false),
            ("evilmastra.ai", false),
            ("mastra.ai.evil.example", false),
            ("x.app.example.com", false),
            ("", false),
        ] {
            assert_eq!(options.allows(host), expect, "{host}");
        }
    }
}
