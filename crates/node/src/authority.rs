//! A deployment at work: who a request comes from, sign-in, sign-out, permissions.

use std::sync::{Arc, Mutex, PoisonError};

use mastra_auth_cloud_core::cookie::values;
use mastra_auth_cloud_core::encoding::encode_component;
use mastra_auth_cloud_core::entropy::Entropy;
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Background, Credentials, Next};
use mastra_auth_cloud_core::flow::callback::Callback;
use mastra_auth_cloud_core::flow::identify::Answer as CoreAnswer;
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::flow::logout::{Effort, Logout, Several, SignOut};
use mastra_auth_cloud_core::flow::permissions::Permissions;
use mastra_auth_cloud_core::flow::renew::Renew;
use mastra_auth_cloud_core::flow::session::LiveSession;
use mastra_auth_cloud_core::flow::{Counting, Outcome as Answered, Source};
use mastra_auth_cloud_core::identity::authority::Authority as CoreAuthority;
use mastra_auth_cloud_core::permission::Grants;
use mastra_auth_cloud_core::roles::RoleMapping;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::state::State;
use mastra_auth_cloud_core::tally::{Login, SessionEnd};
use mastra_auth_cloud_core::url::RedirectUri;
use napi::bindgen_prelude::{Either, Env, Function, FunctionCallContext, Uint8Array};
use napi_derive::napi;

use crate::answer::{Identity, Search, serial};
use crate::config::Options;
use crate::convert::{Failure, Or, now, or, timestamp, token};
use crate::flow::{Flow, Outcome, jitter};
use crate::guard::{Result, guard, thrown};
use crate::text::Text;

/// A deployment at work.
#[napi]
pub struct Authority(pub(crate) Arc<CoreAuthority>, Arc<Mutex<Vec<Background>>>);

/// What follows from the options.
#[napi(object, object_from_js = false)]
pub struct Facts {
    /// The session cookie's whole name.
    pub cookie_name: String,
    /// Whether the Cloud is one on this machine.
    pub is_local: bool,
    /// How many identities are remembered.
    pub max_entries: f64,
    /// The longest time in milliseconds that an identity is of use.
    pub longest: f64,
}

/// Checks options and sets a deployment to work. `entropy` is 32 bytes that nobody can guess.
#[napi]
pub fn open(options: Options, entropy: Uint8Array) -> Result<Or<Authority>> {
    guard("open", || {
        or(options.into_config().and_then(|config| {
            let bytes = <[u8; 32]>::try_from(entropy.as_ref())
                .map_err(|_| CloudApiError::configuration("entropy must be 32 bytes"))?;
            let authority = CoreAuthority::new(config, Entropy::new(bytes));
            Ok(Authority(authority, Arc::default()))
        }))
    })
}

#[napi]
impl Authority {
    /// What follows from the options.
    #[napi]
    #[allow(clippy::cast_precision_loss)]
    pub fn facts(&self) -> Result<Facts> {
        guard("Authority.facts", || {
            let config = self.0.config();
            let longest = config
                .policy
                .fresh
                .saturating_add(config.policy.stale_if_error);
            Facts {
                cookie_name: config.cookie.name().to_owned(),
                is_local: config.base_url.is_loopback(),
                max_entries: config.policy.capacity as f64,
                longest: longest.as_secs_f64() * 1e3,
            }
        })
    }

    /// A function that gives the number of the identity that credentials stand for, where it is known without asking; else 0.
    /// Below 0 it is that number, and [`background`](Self::background) has something to do. A function of its own and no method: every request calls it, and a method looks its object up first.
    #[napi(ts_return_type = "Function")]
    pub fn warm<'env>(&self, env: &'env Env) -> Result<Or<Function<'env, (), f64>>> {
        guard("Authority.warm", || {
            let (authority, tasks) = (Arc::clone(&self.0), Arc::clone(&self.1));
            or(env
                .create_function_from_closure("warm", move |call| warm(&authority, &tasks, &call))
                .map_err(|_| CloudApiError::configuration("Node makes no function")))
        })
    }

    /// What warm looks left to be done; nobody waits for it.
    #[napi]
    pub fn background(&self) -> Result<Vec<Flow>> {
        guard("Authority.background", || {
            let mut tasks = self.1.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.drain(..).map(Flow::background).collect()
        })
    }

    /// Finds out who these credentials belong to. `counted` where a warm look has counted the request already.
    #[napi]
    pub fn authenticate(
        &self,
        token: Option<Text>,
        authorization: Option<Text>,
        cookie: Option<Text>,
        counted: bool,
    ) -> Result<Or<Search>> {
        guard("Authority.authenticate", || {
            let credentials = Credentials::with_token(
                &self.0,
                token.as_ref().map(Text::as_str),
                authorization.as_ref().map(Text::as_str),
                cookie.as_ref().map(Text::as_str),
            );
            if credentials.is_err() {
                self.0.tally().answered(Answered::Rejected, Source::None);
            }
            let counting = if counted {
                Counting::Never
            } else {
                Counting::Always
            };
            or(credentials.map(|found| {
                Search(Authenticate::new(&self.0, found.into_owned()).counting(counting))
            }))
        })
    }

    /// Where to send the browser to sign in.
    #[napi]
    pub fn login_url(&self, redirect_uri: String, state: String) -> Result<Or<String>> {
        guard("Authority.loginUrl", || {
            or(
                login_arguments(&redirect_uri, &state).and_then(|(redirect_uri, state)| {
                    login::url(&self.0, &redirect_uri, &state).map(|url| url.to_string())
                }),
            )
        })
    }

    /// The cookie that binds this sign-in to the browser.
    #[napi]
    pub fn login_cookie(&self, redirect_uri: String, state: String) -> Result<Or<String>> {
        guard("Authority.loginCookie", || {
            or(
                login_arguments(&redirect_uri, &state).and_then(|(redirect_uri, state)| {
                    login::cookie(&self.0, &redirect_uri, &state, now())
                        .map(|cookie| cookie.expose().to_owned())
                }),
            )
        })
    }

    /// Finishes a sign-in.
    #[napi]
    pub fn callback(
        &self,
        code: String,
        state: String,
        cookie_header: String,
        share: f64,
    ) -> Result<Or<Flow>> {
        guard("Authority.callback", || {
            let flow = State::parse(&state, None).and_then(|state| {
                let now = now();
                Callback::new(
                    Arc::clone(&self.0),
                    state,
                    &code,
                    &cookie_header,
                    now,
                    jitter(share),
                )
            });
            if flow.is_err() {
                self.0.tally().login(Login::Failed);
            }
            let authority = Arc::clone(&self.0);
            or(flow.map(|flow| {
                Flow::new(flow, move |result| {
                    authority.tally().login(match result {
                        Ok(_) => Login::Succeeded,
                        Err(_) => Login::Failed,
                    });
                    result
                        .map(|signed_in| Outcome {
                            token: Some(
                                signed_in
                                    .identity
                                    .user()
                                    .session_token()
                                    .expose()
                                    .to_owned(),
                            ),
                            identity: Some(Identity::remembered(signed_in.identity)),
                            session: Some((&signed_in.session).into()),
                            cookies: Some(
                                signed_in
                                    .cookies
                                    .iter()
                                    .map(|cookie| cookie.expose().to_owned())
                                    .collect(),
                            ),
                            return_path: Some(signed_in.return_path.as_str().to_owned()),
                            ..Outcome::default()
                        })
                        .into()
                })
            }))
        })
    }

    /// The sign-outs of the sessions that a browser brought to a sign-in.
    #[napi]
    pub fn replaced(&self, cookie_header: String, by: &Identity, share: f64) -> Result<Vec<Flow>> {
        guard("Authority.replaced", || {
            let new = by.who().session_token();
            let now = now();
            Several::replaced(&self.0, &cookie_header, new, now, jitter(share))
                .take_flows()
                .into_iter()
                .map(|flow| sign_out(&self.0, flow))
                .collect()
        })
    }

    /// Ends a session; it is denied here from now on.
    #[napi]
    pub fn sign_out(&self, text: String, share: f64) -> Result<Or<Flow>> {
        guard("Authority.signOut", || {
            or(token(&text).map(|token| {
                let (now, jitter) = (now(), jitter(share));
                let authority = Arc::clone(&self.0);
                let flow = Logout::new(authority, token, Effort::Full, now, jitter);
                sign_out(&self.0, flow)
            }))
        })
    }

    /// The session behind a token.
    #[napi]
    pub fn session(&self, text: String, share: f64) -> Result<Or<Flow>> {
        guard("Authority.session", || {
            or(token(&text).map(|token| {
                let flow = LiveSession::new(Arc::clone(&self.0), token, jitter(share));
                Flow::keyed("session", flow.key(), flow, |result| {
                    result
                        .map(|session| Outcome {
                            session: session.as_ref().map(Into::into),
                            ..Outcome::default()
                        })
                        .into()
                })
            }))
        })
    }

    /// The session behind a token, with a newer token where the Cloud hands one out.
    #[napi]
    pub fn renew(&self, text: String, share: f64) -> Result<Or<Flow>> {
        guard("Authority.renew", || {
            or(token(&text).map(|token| {
                let flow = Renew::new(Arc::clone(&self.0), token, jitter(share));
                Flow::keyed("renew", flow.key(), flow, Outcome::from)
            }))
        })
    }

    /// What a user may do: known without asking, or to be asked.
    #[napi]
    pub fn permissions(&self, of: &Identity, share: f64) -> Result<Either<Vec<String>, Flow>> {
        guard("Authority.permissions", || {
            let flow = Permissions::new(Arc::clone(&self.0), of.who(), jitter(share));
            match flow.known(now()) {
                Some(grants) => Either::A(grants.iter().map(str::to_owned).collect()),
                None => Either::B(Flow::keyed("permissions", flow.key(), flow, |result| {
                    result
                        .or_else(of_nobody)
                        .map(|grants| Outcome {
                            grants: Some(grants.iter().map(str::to_owned).collect()),
                            ..Outcome::default()
                        })
                        .into()
                })),
            }
        })
    }

    /// The session token that a `Cookie` header holds, unverified: the first that may be one.
    #[napi]
    pub fn session_token(&self, cookie_header: String) -> Result<Option<String>> {
        guard("Authority.sessionToken", || {
            values(&cookie_header, self.0.config().cookie.name())
                .ok()?
                .find(|value| SessionToken::parse(value).is_ok())
                .map(str::to_owned)
        })
    }

    /// The cookie that keeps a session in a browser until `expires_at`.
    #[napi]
    pub fn session_cookie(&self, text: String, expires_at: f64) -> Result<Or<String>> {
        guard("Authority.sessionCookie", || {
            or(token(&text).and_then(|token| {
                self.0
                    .config()
                    .session_cookie(&token, timestamp(expires_at), now().wall)
                    .map(|cookie| cookie.expose().to_owned())
            }))
        })
    }

    /// The cookie that takes it away again.
    #[napi]
    pub fn clear_session_cookie(&self) -> Result<String> {
        guard("Authority.clearSessionCookie", || {
            self.0.config().cookie.clear().expose().to_owned()
        })
    }

    /// The page of a user at the Cloud.
    #[napi]
    pub fn profile_url(&self, user_id: String) -> Result<String> {
        guard("Authority.profileUrl", || {
            let path = format!("/users/{}", encode_component(&user_id));
            self.0.config().base_url.join(&path)
        })
    }

    /// The roles there are.
    #[napi]
    pub fn roles(&self) -> Result<Vec<String>> {
        guard("Authority.roles", || {
            self.mapping().roles().map(str::to_owned).collect()
        })
    }

    /// What somebody with these roles may do by the role mapping, or by the default roles.
    #[napi]
    pub fn grants_of_roles(&self, roles: Vec<String>) -> Result<Vec<String>> {
        guard("Authority.grantsOfRoles", || {
            let grants = self.mapping().permissions(&roles);
            grants.iter().map(str::to_owned).collect()
        })
    }

    fn mapping(&self) -> RoleMapping {
        self.0
            .config()
            .role_mapping
            .clone()
            .unwrap_or_else(RoleMapping::default_roles)
    }
}

fn warm(
    authority: &Arc<CoreAuthority>,
    tasks: &Mutex<Vec<Background>>,
    call: &FunctionCallContext<'_>,
) -> napi::Result<f64> {
    let text = |at| call.get::<Option<Text>>(at);
    let (token, authorization, cookie) = (text(0)?, text(1)?, text(2)?);
    guard("warm", || {
        let credentials = Credentials::with_token(
            authority,
            token.as_ref().map(Text::as_str),
            authorization.as_ref().map(Text::as_str),
            cookie.as_ref().map(Text::as_str),
        );
        let Ok(credentials) = credentials else {
            return 0.0;
        };
        // Whoever is not known here is looked for again, and counted then.
        let mut look = Authenticate::new(authority, credentials)
            .counting(Counting::Authenticated)
            .peeking();
        let Next::Done(CoreAnswer::Authenticated(identity)) = look.next(None, now(), jitter(0.0))
        else {
            return 0.0;
        };
        match look.take_background() {
            None => serial(&identity),
            Some(task) => {
                let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
                tasks.push(task);
                -serial(&identity)
            }
        }
    })
    .or_else(|error| thrown(*call.env, &error))
}

/// Whose session ended may do nothing: a host takes an error for an outage.
fn of_nobody(error: CloudApiError) -> std::result::Result<Arc<Grants>, CloudApiError> {
    if error.is(&Code::SignedOut) {
        Ok(Arc::default())
    } else {
        Err(error)
    }
}

fn login_arguments(
    redirect_uri: &str,
    state: &str,
) -> std::result::Result<(RedirectUri, State), CloudApiError> {
    let redirect_uri = RedirectUri::parse(redirect_uri).map_err(CloudApiError::argument)?;
    let state = State::parse(state, Some(redirect_uri.origin()))?;
    Ok((redirect_uri, state))
}

fn sign_out(authority: &Arc<CoreAuthority>, flow: Logout) -> Flow {
    let authority = Arc::clone(authority);
    let whose = flow.identity().map(Arc::clone);
    Flow::new(flow, move |outcome| {
        let of = || Outcome {
            user_id: whose.as_ref().map(|of| of.user().id().as_str().to_owned()),
            session_id: whose
                .as_ref()
                .and_then(|of| of.session_id().map(|id| id.as_str().to_owned())),
            ..Outcome::default()
        };
        let told = |end: SessionEnd| {
            authority.tally().session_end(end);
            Outcome {
                sign_out: Some(end.as_str()),
                ..of()
            }
        };
        match outcome {
            SignOut::Ended => told(SessionEnd::Ended),
            SignOut::AlreadyGone => told(SessionEnd::AlreadyGone),
            SignOut::NotConfirmed(error) => {
                authority.tally().session_end(SessionEnd::NotConfirmed);
                // Why it was not confirmed counts less than that it was not; the reason's code is what a caller can act on.
                let failure = Failure::from(CloudApiError::new(Code::SignOutNotConfirmed));
                Outcome {
                    failure: Some(Failure {
                        endpoint: error.endpoint().map(str::to_owned),
                        ..failure
                    }),
                    ..of()
                }
            }
        }
    })
}
