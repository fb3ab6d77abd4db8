//! The dialects of the Cloud's API, as data: one table per dialect, one row per endpoint.
//!
//! Nothing else in this crate depends on the dialect; the operations read their row. A new dialect is a new table here and a
//! new vector file.

use core::time::Duration;

use crate::cloud_call::CloudCall;
use crate::http::Method;
use crate::rbac::roles::{DEFAULT_ROLES, PLATFORM_ROLES, Role};

/// The form of the Cloud's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `/api/v1` paths and `{ok, data, error}` envelopes.
    #[default]
    V1,
    /// Bare JSON under `/auth`, with proof key for code exchange (RFC 7636).
    Pkce,
    /// The hosted platform: bare JSON under `/v1/auth`, sealed sessions that rotate, organizations, and problem details
    /// (RFC 9457) as errors.
    Platform,
}

impl Dialect {
    /// The dialect called `v1`, `pkce` or `platform`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "pkce" => Some(Self::Pkce),
            "platform" => Some(Self::Platform),
            _ => None,
        }
    }

    /// The name of the dialect.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Pkce => "pkce",
            Self::Platform => "platform",
        }
    }

    pub(crate) const fn table(self) -> &'static Table {
        match self {
            Self::V1 => &V1,
            Self::Pkce => &PKCE,
            Self::Platform => &PLATFORM,
        }
    }

    /// The address of the Cloud that speaks the dialect.
    pub const fn base_url(self) -> &'static str {
        self.table().base_url
    }

    /// The Cloud's address without the API's prefix, which some variables hold: `https://platform.mastra.ai/v1`.
    pub fn without_prefix(self, base_url: &str) -> &str {
        let prefix = self.table().api_prefix;
        let trimmed = base_url.trim_end_matches('/');
        match self.table().sealed {
            Some(_) => trimmed.strip_suffix(prefix).unwrap_or(base_url),
            None => base_url,
        }
    }

    /// The project id of a deployment that has none, where sessions belong to no project.
    pub const fn project(self) -> Option<&'static str> {
        if self.has_projects() {
            None
        } else {
            Some(self.as_str())
        }
    }

    /// The longest life of a session cookie, where none is configured.
    pub const fn session_max_age(self) -> Duration {
        self.table().session_max_age
    }

    pub(crate) const fn renewed_grace(self) -> Duration {
        self.table().renewed_grace
    }

    const fn has_projects(self) -> bool {
        self.table().sealed.is_none()
    }

    /// The roles of users where no mapping is configured.
    pub const fn roles(self) -> &'static [Role] {
        self.table().roles
    }
}

/// All that differs between dialects.
pub(crate) struct Table {
    pub(crate) base_url: &'static str,
    pub(crate) api_prefix: &'static str,
    /// The base name of the session cookie.
    pub(crate) cookie: &'static str,
    pub(crate) session_max_age: Duration,
    pub(crate) renewed_grace: Duration,
    pub(crate) roles: &'static [Role],
    pub(crate) wrapping: Wrapping,
    pub(crate) login: LoginPage,
    pub(crate) logout: Option<LogoutPage>,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) verify: Endpoint,
    pub(crate) verified: Verified,
    pub(crate) validate: Option<Validate>,
    pub(crate) destroy: Endpoint,
    pub(crate) sealed: Option<Sealed>,
    pub(crate) user: Option<Endpoint>,
    pub(crate) permissions: Option<Endpoint>,
}

/// The exchange of a code, and the shape of its result.
pub(crate) struct Exchange {
    pub(crate) endpoint: Endpoint,
    pub(crate) shape: ExchangeShape,
}

/// The validation of a session, and the names in its answer.
pub(crate) struct Validate {
    pub(crate) endpoint: Endpoint,
    pub(crate) session: &'static SessionShape,
    /// The member beside the session that holds a newer token.
    pub(crate) renewed: &'static str,
}

/// Sealed sessions: the text that a sign-in brings back is the session itself. It travels in the Cloud's own cookie, and
/// any answer to it may set a newer one, which replaces it.
pub(crate) struct Sealed {
    /// The name of the Cloud's cookie.
    pub(crate) cookie: &'static str,
    /// Returns the session's user.
    pub(crate) me: Endpoint,
    /// Asks for a newer session.
    pub(crate) refresh: Endpoint,
}

/// One endpoint: its address and what a call carries.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) call: CloudCall,
    pub(crate) method: Method,
    /// Below the API prefix; `{id}` stands for one encoded segment.
    pub(crate) path: &'static str,
    /// The members of the JSON body, in order; none means no body.
    pub(crate) body: &'static [(&'static str, Field)],
    pub(crate) project_header: ProjectHeader,
    pub(crate) refusals: Refusals<'static>,
}

impl Endpoint {
    const fn post(
        call: CloudCall,
        path: &'static str,
        body: &'static [(&'static str, Field)],
    ) -> Self {
        Self {
            call,
            method: Method::Post,
            path,
            body,
            project_header: ProjectHeader::Sent,
            refusals: Refusals::ClientErrors,
        }
    }

    /// Without a body, and without the project's header. It refuses with these statuses alone.
    const fn bare(
        call: CloudCall,
        method: Method,
        path: &'static str,
        refusals: &'static [u16],
    ) -> Self {
        Self {
            call,
            method,
            path,
            body: &[],
            project_header: ProjectHeader::Left,
            refusals: Refusals::Only(refusals),
        }
    }

    const fn get(call: CloudCall, path: &'static str) -> Self {
        Self {
            method: Method::Get,
            ..Self::post(call, path, &[])
        }
    }
}

/// The value of a body member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Token,
    Code,
    RedirectUri,
    Verifier,
    SessionId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProjectHeader {
    Sent,
    Left,
}

/// The statuses with which an endpoint refuses a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusals<'s> {
    /// Each 4xx but 408, 425 and 429.
    ClientErrors,
    /// Those that the schema names. Any other may be a proxy's, or come of another address, and says nothing of the credential.
    Only(&'s [u16]),
}

/// How a response is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// `{ok, data, error}`.
    Envelope,
    /// The object itself; errors are `{code?, message?}`.
    Bare,
    /// The object itself; errors are problem details, `{error}` or a text.
    Problem,
}

/// What the login page is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginPage {
    /// Project, address and state.
    Plain,
    /// A challenge too.
    Challenge,
    /// The product, the address, the return path and the organization. Below the API's prefix at this path.
    Product(&'static str),
}

/// The names of the logout page's parameters.
pub(crate) struct LogoutPage {
    pub(crate) redirect: &'static str,
    pub(crate) token_hint: Option<&'static str>,
}

/// The result of the code exchange.
pub(crate) enum ExchangeShape {
    /// User, session and token at once.
    Session(&'static SessionShape),
    /// A token only; verifying it gives the user.
    AccessToken,
}

/// The result of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// `{user: {...}}`.
    User,
    /// Claims at the top level: of a user, or of a project API token.
    Claims,
    /// `{user: {...}}` with the organizations of the user beside it.
    Member,
}

/// The names of a session's members.
pub(crate) struct SessionShape {
    pub(crate) member: Option<&'static str>,
    pub(crate) id: Option<&'static str>,
    pub(crate) user_id: &'static str,
    pub(crate) created_at: &'static str,
    pub(crate) expires_at: &'static str,
}

/// The base name of the session cookie where the Cloud has none of its own.
pub(crate) const DEFAULT_COOKIE: &str = "mastra_session";
const CLOUD: &str = "https://cloud.mastra.ai";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

static V1_SESSION: SessionShape = SessionShape {
    member: Some("session"),
    id: Some("id"),
    user_id: "user_id",
    created_at: "created_at",
    expires_at: "expires_at",
};

static V1: Table = Table {
    base_url: CLOUD,
    api_prefix: "/api/v1",
    cookie: DEFAULT_COOKIE,
    session_max_age: DAY,
    renewed_grace: Duration::from_secs(30),
    roles: DEFAULT_ROLES,
    wrapping: Wrapping::Envelope,
    login: LoginPage::Plain,
    logout: Some(LogoutPage {
        redirect: "redirect_uri",
        token_hint: None,
    }),
    exchange: Some(Exchange {
        endpoint: Endpoint::post(
            CloudCall::ExchangeCode,
            "/auth/callback",
            &[("code", Field::Code)],
        ),
        shape: ExchangeShape::Session(&V1_SESSION),
    }),
    verify: Endpoint::post(
        CloudCall::VerifyToken,
        "/auth/verify",
        &[("token", Field::Token)],
    ),
    verified: Verified::User,
    validate: Some(Validate {
        endpoint: Endpoint::post(
            CloudCall::ValidateSession,
            "/auth/session/validate",
            &[("token", Field::Token)],
        ),
        session: &V1_SESSION,
        renewed: "jwt",
    }),
    destroy: Endpoint::post(
        CloudCall::DestroySession,
        "/auth/session/destroy",
        &[("sessionId", Field::SessionId)],
    ),
    sealed: None,
    user: Some(Endpoint::get(CloudCall::GetUser, "/users/{id}")),
    permissions: Some(Endpoint::get(
        CloudCall::GetUserPermissions,
        "/users/{id}/permissions",
    )),
};

static PKCE_SESSION: SessionShape = SessionShape {
    member: None,
    id: None,
    user_id: "userId",
    created_at: "createdAt",
    expires_at: "expiresAt",
};

static PKCE: Table = Table {
    base_url: CLOUD,
    api_prefix: "",
    cookie: DEFAULT_COOKIE,
    session_max_age: DAY,
    renewed_grace: Duration::from_secs(30),
    roles: DEFAULT_ROLES,
    wrapping: Wrapping::Bare,
    login: LoginPage::Challenge,
    logout: Some(LogoutPage {
        redirect: "post_logout_redirect_uri",
        token_hint: Some("id_token_hint"),
    }),
    exchange: Some(Exchange {
        endpoint: Endpoint::post(
            CloudCall::ExchangeCode,
            "/auth/callback",
            &[
                ("code", Field::Code),
                ("redirect_uri", Field::RedirectUri),
                ("code_verifier", Field::Verifier),
            ],
        ),
        shape: ExchangeShape::AccessToken,
    }),
    verify: Endpoint::post(CloudCall::VerifyToken, "/auth/verify", &[]),
    verified: Verified::Claims,
    validate: Some(Validate {
        endpoint: Endpoint::post(CloudCall::ValidateSession, "/auth/session/validate", &[]),
        session: &PKCE_SESSION,
        renewed: "access_token",
    }),
    destroy: Endpoint {
        project_header: ProjectHeader::Left,
        ..Endpoint::post(CloudCall::DestroySession, "/auth/session/destroy", &[])
    },
    sealed: None,
    user: None,
    permissions: None,
};

/// What is known of the platform from its clients alone may change: its names stand here and nowhere else.
static PLATFORM: Table = Table {
    base_url: "https://platform.mastra.ai",
    api_prefix: "/v1",
    cookie: PLATFORM_COOKIE,
    session_max_age: Duration::from_secs(14 * 24 * 60 * 60),
    renewed_grace: Duration::from_secs(10 * 60),
    roles: PLATFORM_ROLES,
    wrapping: Wrapping::Problem,
    login: LoginPage::Product("/auth/login"),
    // The answer to the end of a session names it.
    logout: None,
    exchange: None,
    verify: Endpoint::bare(
        CloudCall::VerifyToken,
        Method::Get,
        "/auth/verify",
        &[401, 403],
    ),
    verified: Verified::Member,
    validate: None,
    // The schema names none, and answers as done where there is no session. A 401 says that there is none.
    destroy: Endpoint::bare(
        CloudCall::DestroySession,
        Method::Post,
        "/auth/logout",
        &[401],
    ),
    sealed: Some(Sealed {
        cookie: PLATFORM_COOKIE,
        me: Endpoint::bare(CloudCall::VerifyToken, Method::Get, "/auth/me", &[401]),
        refresh: Endpoint::bare(
            CloudCall::ValidateSession,
            Method::Get,
            "/auth/refresh",
            &[401],
        ),
    }),
    user: None,
    permissions: None,
};

const PLATFORM_COOKIE: &str = "wos-session";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;

    #[test]
    fn each_dialect_has_its_address_its_project_and_its_times() {
        let (cloud, hours, minutes) = ("https://cloud.mastra.ai", 3600, 60);
        for (dialect, name, address, project, life, grace) in [
            (Dialect::V1, "v1", cloud, None, 24 * hours, 30),
            (Dialect::Pkce, "pkce", cloud, None, 24 * hours, 30),
            (
                Dialect::Platform,
                "platform",
                "https://platform.mastra.ai",
                Some("platform"),
                14 * 24 * hours,
                10 * minutes,
            ),
        ] {
            assert_eq!(
                (dialect.as_str(), Dialect::parse(name)),
                (name, Some(dialect))
            );
            assert_eq!((dialect.base_url(), dialect.project()), (address, project));
            let policy = Policy::of(dialect);
            assert_eq!(policy.session_max_age, Duration::from_secs(life), "{name}");
            assert_eq!(policy.renewed_grace, Duration::from_secs(grace), "{name}");
        }
        assert_eq!(Dialect::parse("v2"), None);
    }

    #[test]
    fn only_the_platform_takes_its_prefix_off_an_address() {
        for (dialect, from, to) in [
            (
                Dialect::Platform,
                "https://a.example/v1",
                "https://a.example",
            ),
            (
                Dialect::Platform,
                "https://a.example/v1/",
                "https://a.example",
            ),
            (
                Dialect::Platform,
                "https://a.example/",
                "https://a.example/",
            ),
            (
                Dialect::V1,
                "https://a.example/api/v1",
                "https://a.example/api/v1",
            ),
        ] {
            assert_eq!(dialect.without_prefix(from), to, "{from}");
        }
    }
}
