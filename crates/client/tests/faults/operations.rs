//! What is run: each operation of the client, and each job of the provider.

use std::time::Duration;

use mastra_auth_cloud::login::{AuthorizationCode, RedirectUri, State, Verifier};
use mastra_auth_cloud::{
    Authentication, CloudApiError, CloudUser, Dialect, SessionId, SessionToken, SignOut, UserId,
};

use crate::programs::Program;

use crate::common::parameter;
use crate::lane::Scene;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Of the client: who a token belongs to.
    Verify,
    Validate,
    Destroy,
    User,
    UserPermissions,
    Exchange,
    /// Of the provider: a request of a browser.
    Authenticate,
    /// A request of a program, at the platform with a token of its own.
    AuthenticateBearer,
    /// A request whose token is verified by keys that are fetched first.
    AuthenticateByKeys,
    Refresh,
    SignOut,
    Permissions,
    /// A callback whose first call breaks.
    Callback,
    /// A callback whose second call breaks: the session exists already.
    CallbackVerify,
    /// Of a program at the platform: a token that is verified before its first use, and one that is refreshed.
    ProgramToken,
    ProgramRefresh,
    ProgramSignOut,
    ProgramKeys,
    ProgramNewKey,
    ProgramRevokedKey,
}

use Operation::{
    Authenticate, AuthenticateBearer, AuthenticateByKeys, Callback, CallbackVerify, Destroy,
    Exchange, Permissions, ProgramKeys, ProgramNewKey, ProgramRefresh, ProgramRevokedKey,
    ProgramSignOut, ProgramToken, Refresh, SignOut as End, User, UserPermissions, Validate, Verify,
};

/// What an operation needs.
#[derive(Default)]
pub(crate) struct Ready {
    login: Option<Login>,
    user: Option<CloudUser>,
    session_id: Option<SessionId>,
    bearer: Option<String>,
    code: Option<String>,
    pub(crate) program: Option<Program>,
}

/// A sign-in as far as the callback.
pub(crate) struct Login {
    pub(crate) code: String,
    pub(crate) state: String,
    pub(crate) cookie: String,
}

/// How an operation ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) what: &'static str,
    #[allow(dead_code, reason = "what it said is looked at as text")]
    error: Option<CloudApiError>,
}

impl Ready {
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> + Clone {
        let login = self.login.iter();
        let login = login.flat_map(|login| [&*login.code, &*login.state, &*login.cookie]);
        login
            .chain(self.bearer.as_deref())
            .chain(self.code.as_deref())
            .chain(self.program.iter().flat_map(Program::secrets))
    }
}

impl Operation {
    /// Those that a dialect has.
    pub(crate) fn of(dialect: Dialect) -> Vec<(Self, &'static str)> {
        match dialect {
            Dialect::V1 => vec![
                (Verify, "verify"),
                (Validate, "validate"),
                (Destroy, "destroy"),
                (User, "user"),
                (UserPermissions, "permissions"),
                (Exchange, "exchange"),
                (Authenticate, "verify"),
                (AuthenticateByKeys, "jwks"),
                (Refresh, "validate"),
                (End, "destroy"),
                (Permissions, "permissions"),
                (Callback, "exchange"),
            ],
            Dialect::Pkce => vec![
                (Verify, "verify"),
                (Validate, "validate"),
                (Destroy, "destroy"),
                (Exchange, "exchange"),
                (Authenticate, "verify"),
                (AuthenticateByKeys, "jwks"),
                (Refresh, "validate"),
                (End, "destroy"),
                (Callback, "exchange"),
                (CallbackVerify, "verify"),
            ],
            _ => vec![
                (Verify, "me"),
                (Authenticate, "me"),
                (AuthenticateBearer, "verify"),
                (AuthenticateByKeys, "jwks"),
                (Refresh, "refresh"),
                (End, "logout"),
                (Callback, "me"),
                (ProgramToken, "verify"),
                (ProgramRefresh, "refresh-token"),
                (ProgramSignOut, "logout"),
                (ProgramKeys, "tokens"),
                (ProgramNewKey, "tokens"),
                (ProgramRevokedKey, "tokens"),
            ],
        }
    }

    /// Whether the session is meant to end.
    pub(crate) const fn ends_session(self) -> bool {
        matches!(self, Destroy | End)
    }

    pub(crate) const fn is_callback(self) -> bool {
        matches!(self, Callback | CallbackVerify)
    }

    /// Whether the session was there and known before the answer broke.
    pub(crate) fn leaves_session(self, dialect: Dialect) -> bool {
        self == CallbackVerify || self == Callback && dialect == Dialect::Platform
    }

    pub(crate) async fn prepare(self, scene: &Scene, session: &SessionToken) -> Ready {
        let mut ready = Ready::default();
        match self {
            Exchange => {
                let state = State::parse("0123456789abcdef0123456789abcdef", None).unwrap();
                let client = scene.auth.client();
                let login = client.login_url(&redirect_uri(), &state, &verifier());
                ready.code = Some(parameter(&scene.callback(&login).await, "code"));
            }
            Callback | CallbackVerify => ready.login = Some(scene.almost().await),
            User | UserPermissions | Permissions => match scene.authenticate(session).await {
                Authentication::Authenticated(identity) => {
                    ready.user = Some(identity.user().clone());
                }
                other => panic!("{other:?}"),
            },
            Destroy => {
                let validated = scene.auth.client().validate_session(session).await;
                ready.session_id = Some(validated.unwrap().unwrap().id().clone());
            }
            AuthenticateBearer | AuthenticateByKeys => {
                let hour = Duration::from_hours(1);
                ready.bearer = scene.cloud.control().sign_in("member", hour);
            }
            ProgramToken | ProgramRefresh | ProgramSignOut | ProgramKeys | ProgramNewKey
            | ProgramRevokedKey => ready.program = Some(Program::new(scene).await),
            _ => {}
        }
        ready
    }

    pub(crate) async fn work(self, scene: &Scene, session: &SessionToken, ready: &Ready) -> Ended {
        let (auth, client) = (&scene.auth, scene.auth.client());
        let mei = UserId::parse("usr_mei").unwrap();
        match self {
            Verify => looked_up(client.verify_token(session).await, Some(CloudUser::id)),
            Validate => looked_up(
                client.validate_session(session).await,
                Some(|session: &mastra_auth_cloud::CloudSession| session.user_id()),
            ),
            Destroy => {
                let id = ready.session_id.as_ref().unwrap();
                match client.destroy_session(id, session).await {
                    Err(error) if error.status() == 401 => plain("gone"),
                    Err(error) => not_confirmed(error),
                    Ok(()) => plain("good"),
                }
            }
            User => looked_up(client.user(&mei, session).await, Some(CloudUser::id)),
            UserPermissions => {
                let permissions = client.user_permissions(&mei, session).await;
                ended(permissions.map(|it| assert!(it.iter().count() > 0, "a made-up refusal")))
            }
            Exchange => {
                let code = AuthorizationCode::parse(ready.code.as_ref().unwrap()).unwrap();
                ended(client.exchange_code(code, verifier(), redirect_uri()).await)
            }
            Authenticate => authenticated(scene.authenticate(session).await),
            AuthenticateBearer => authenticated(
                auth.authenticate_token(ready.bearer.as_ref().unwrap())
                    .await,
            ),
            AuthenticateByKeys => {
                let bearer = ready.bearer.as_ref().unwrap();
                let by_keys = scene.by_keys();
                match by_keys.authenticate_token(bearer).await {
                    // The platform's tokens name no audience: so its key was fetched, and the signature is good.
                    Authentication::Rejected(error)
                        if scene.dialect == Dialect::Platform
                            && error.code() == "token_audience_mismatch" =>
                    {
                        plain("good")
                    }
                    answer => authenticated(answer),
                }
            }
            Refresh => {
                let refreshed = auth.refresh_session(session).await;
                let user = |it: &mastra_auth_cloud::RefreshedSession| it.session.user_id().clone();
                match refreshed {
                    Ok(Some(it)) => good(user(&it).as_str()),
                    Ok(None) => plain("rejected"),
                    Err(error) => failed(error),
                }
            }
            End => match auth.sign_out(session).await {
                SignOut::Ended => plain("good"),
                SignOut::AlreadyGone => plain("gone"),
                SignOut::NotConfirmed(error) => not_confirmed(error),
            },
            Permissions => {
                let permissions = auth.permissions(ready.user.as_ref().unwrap()).await;
                ended(permissions.map(|it| assert!(it.iter().count() > 0, "a made-up refusal")))
            }
            Callback | CallbackVerify => {
                let login = ready.login.as_ref().unwrap();
                let finished = auth
                    .handle_callback(&login.code, &login.state, &login.cookie)
                    .await;
                match finished {
                    Ok(signed_in) => good(signed_in.identity.user().id().as_str()),
                    Err(error) => failed(error),
                }
            }
            ProgramToken | ProgramRefresh | ProgramSignOut | ProgramKeys | ProgramNewKey
            | ProgramRevokedKey => ended(ready.program.as_ref().unwrap().work(self).await),
        }
    }
}

fn plain(what: &'static str) -> Ended {
    Ended { what, error: None }
}

fn good(id: &str) -> Ended {
    plain(if id == "usr_mei" { "good" } else { "another" })
}

fn failed(error: CloudApiError) -> Ended {
    let what = if error.is_refusal() {
        "rejected"
    } else {
        "unavailable"
    };
    Ended {
        what,
        error: Some(error),
    }
}

/// Told to the user as such, whatever the reason.
fn not_confirmed(error: CloudApiError) -> Ended {
    Ended {
        what: "unavailable",
        error: Some(error),
    }
}

pub(crate) fn verifier() -> Verifier {
    Verifier::parse(&"v".repeat(43)).unwrap()
}

pub(crate) fn redirect_uri() -> RedirectUri {
    RedirectUri::parse("http://localhost:4111/auth/callback").unwrap()
}

fn ended<T>(result: Result<T, CloudApiError>) -> Ended {
    result.map_or_else(failed, |_| plain("good"))
}

fn looked_up<T>(result: Result<Option<T>, CloudApiError>, id: Option<fn(&T) -> &UserId>) -> Ended {
    match result {
        Ok(Some(found)) => good(id.unwrap()(&found).as_str()),
        Ok(None) => plain("rejected"),
        Err(error) => failed(error),
    }
}

fn authenticated(answer: Authentication) -> Ended {
    match answer {
        Authentication::Authenticated(identity) => good(identity.user().id().as_str()),
        Authentication::Anonymous => plain("anonymous"),
        Authentication::Rejected(error) => Ended {
            what: "rejected",
            error: Some(error),
        },
        Authentication::Unavailable(error) => failed(error),
    }
}
