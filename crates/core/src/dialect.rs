//! The two dialects of the Cloud's API, as data: one table per dialect, one row per endpoint.
//!
//! Nothing else in this crate depends on the dialect; the operations read their row. A new dialect is a new table here and a
//! new vector file.

use crate::cloud_call::CloudCall;
use crate::http::Method;

/// The form of the Cloud's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `/api/v1` paths and `{ok, data, error}` envelopes.
    #[default]
    V1,
    /// Bare JSON under `/auth`, with proof key for code exchange (RFC 7636).
    Pkce,
}

impl Dialect {
    /// The dialect called `v1` or `pkce`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "pkce" => Some(Self::Pkce),
            _ => None,
        }
    }

    /// The name of the dialect.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Pkce => "pkce",
        }
    }

    pub(crate) const fn table(self) -> &'static Table {
        match self {
            Self::V1 => &V1,
            Self::Pkce => &PKCE,
        }
    }
}

/// All that differs between dialects.
pub(crate) struct Table {
    pub(crate) api_prefix: &'static str,
    pub(crate) wrapping: Wrapping,
    pub(crate) login: LoginPage,
    pub(crate) logout: LogoutPage,
    pub(crate) exchange: Endpoint,
    pub(crate) exchanged: ExchangeShape,
    pub(crate) verify: Endpoint,
    pub(crate) verified: Verified,
    pub(crate) validate: Endpoint,
    pub(crate) validated: SessionShape,
    /// The member beside the session that holds a newer token.
    pub(crate) renewed: &'static str,
    pub(crate) destroy: Endpoint,
    pub(crate) user: Option<Endpoint>,
    pub(crate) permissions: Option<Endpoint>,
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

/// How a response is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// `{ok, data, error}`.
    Envelope,
    /// The object itself; errors are `{code?, message?}`.
    Bare,
}

/// Whether the login page takes a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginPage {
    Plain,
    Challenge,
}

/// The names of the logout page's parameters.
pub(crate) struct LogoutPage {
    pub(crate) redirect: &'static str,
    pub(crate) token_hint: Option<&'static str>,
}

/// The result of the code exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeShape {
    /// User, session and token at once.
    Session,
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
}

/// The names of a session's members.
pub(crate) struct SessionShape {
    pub(crate) member: Option<&'static str>,
    pub(crate) id: Option<&'static str>,
    pub(crate) user_id: &'static str,
    pub(crate) created_at: &'static str,
    pub(crate) expires_at: &'static str,
}

static V1: Table = Table {
    api_prefix: "/api/v1",
    wrapping: Wrapping::Envelope,
    login: LoginPage::Plain,
    logout: LogoutPage {
        redirect: "redirect_uri",
        token_hint: None,
    },
    exchange: Endpoint::post(
        CloudCall::ExchangeCode,
        "/auth/callback",
        &[("code", Field::Code)],
    ),
    exchanged: ExchangeShape::Session,
    verify: Endpoint::post(
        CloudCall::VerifyToken,
        "/auth/verify",
        &[("token", Field::Token)],
    ),
    verified: Verified::User,
    validate: Endpoint::post(
        CloudCall::ValidateSession,
        "/auth/session/validate",
        &[("token", Field::Token)],
    ),
    validated: SessionShape {
        member: Some("session"),
        id: Some("id"),
        user_id: "user_id",
        created_at: "created_at",
        expires_at: "expires_at",
    },
    renewed: "jwt",
    destroy: Endpoint::post(
        CloudCall::DestroySession,
        "/auth/session/destroy",
        &[("sessionId", Field::SessionId)],
    ),
    user: Some(Endpoint::get(CloudCall::GetUser, "/users/{id}")),
    permissions: Some(Endpoint::get(
        CloudCall::GetUserPermissions,
        "/users/{id}/permissions",
    )),
};

static PKCE: Table = Table {
    api_prefix: "",
    wrapping: Wrapping::Bare,
    login: LoginPage::Challenge,
    logout: LogoutPage {
        redirect: "post_logout_redirect_uri",
        token_hint: Some("id_token_hint"),
    },
    exchange: Endpoint::post(
        CloudCall::ExchangeCode,
        "/auth/callback",
        &[
            ("code", Field::Code),
            ("redirect_uri", Field::RedirectUri),
            ("code_verifier", Field::Verifier),
        ],
    ),
    exchanged: ExchangeShape::AccessToken,
    verify: Endpoint::post(CloudCall::VerifyToken, "/auth/verify", &[]),
    verified: Verified::Claims,
    validate: Endpoint::post(CloudCall::ValidateSession, "/auth/session/validate", &[]),
    validated: SessionShape {
        member: None,
        id: None,
        user_id: "userId",
        created_at: "createdAt",
        expires_at: "expiresAt",
    },
    renewed: "access_token",
    destroy: Endpoint {
        project_header: ProjectHeader::Left,
        ..Endpoint::post(CloudCall::DestroySession, "/auth/session/destroy", &[])
    },
    user: None,
    permissions: None,
};
