//! Signing in: the login page, the cookie that binds a sign-in to a browser, and the callback.

use std::sync::Arc;

use mastra_auth_cloud_core::counters::{Counting, Login};
use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::engine::{Engine as CoreEngine, SignedIn};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::callback::{Callback, OpenedLogin, declined};
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, Logouts};
use mastra_auth_cloud_core::login::parameters::CallbackParameters;
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::url::{MAX_RETURN_BYTES, RedirectUri, RequestAddress};
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Failure, Or, or};
use crate::engine::Engine;
use crate::flow::{Outcome, Pending, Room, jitter};
use crate::guard::{Result, guard};
use crate::sessions::sign_out;

/// The URL to which to send a browser to sign in.
#[napi(object, object_from_js = false)]
pub struct LoginUrl {
    /// The URL.
    pub url: String,
    /// Bytes that the whole return path needs in the URL, if it was cut.
    pub cut_from: Option<u32>,
    /// Bytes that the return path may take.
    pub limit: u32,
}

impl LoginUrl {
    pub(crate) fn new(url: String, state: &State) -> Self {
        let bytes = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        Self {
            url,
            cut_from: state.return_path().cut_from().map(bytes),
            limit: bytes(MAX_RETURN_BYTES),
        }
    }
}

#[napi]
impl Engine {
    /// The URL to which to send the browser to sign in. `is_route`: our own route reads the whole state when the browser comes
    /// back, where a host passes on its id alone.
    #[napi]
    pub fn login_url(
        &self,
        redirect_uri: String,
        state: String,
        is_route: bool,
    ) -> Result<Or<LoginUrl>> {
        guard(|| {
            or(
                login_arguments(&redirect_uri, &state).and_then(|(redirect_uri, state)| {
                    let url = if is_route {
                        login::url(&self.0, &redirect_uri, &state)?
                    } else {
                        login::url_of_host(&self.0, &redirect_uri, &state)?
                    };
                    Ok(LoginUrl::new(url.to_string(), &state))
                }),
            )
        })
    }

    /// The cookie that binds this sign-in to the browser.
    #[napi]
    pub fn login_cookie(&self, redirect_uri: String, state: String) -> Result<Or<String>> {
        guard(|| {
            or(
                login_arguments(&redirect_uri, &state).and_then(|(redirect_uri, state)| {
                    login::cookie(&self.0, &redirect_uri, &state, now())
                        .map(|cookie| cookie.expose().to_owned())
                }),
            )
        })
    }

    /// Counts a failed sign-in for an unusable callback: it fails only if the browser is not signed in already.
    #[napi]
    pub fn login_failed(&self) -> Result<()> {
        guard(|| {
            self.0.counters().login(Login::Failed);
        })
    }

    /// The single-flight key of a sign-in in one browser; `None` if the cookies do not bind this browser to it. `is_route`:
    /// sign-ins come back to our own route, so none is without its id.
    #[napi]
    pub fn callback_key(
        &self,
        code: String,
        state: String,
        cookie_header: String,
        is_route: bool,
    ) -> Result<Option<String>> {
        guard(|| {
            let login = open(&self.0, &code, &state, &cookie_header, is_route).ok()?;
            Some(hex(login.key()?.as_bytes()))
        })
    }

    /// Finishes a sign-in. `is_route` as for its key.
    #[napi]
    pub fn callback(
        &self,
        code: String,
        state: String,
        cookie_header: String,
        share: f64,
        is_route: bool,
    ) -> Result<Or<Pending>> {
        guard(|| {
            let (engine, jitter) = (Arc::clone(&self.0), jitter(share));
            let login = open(&engine, &code, &state, &cookie_header, is_route);
            let callback = login.and_then(|login| {
                Callback::new(engine, login, &code, &cookie_header, now(), jitter)
            });
            if let Err(error) = &callback {
                failed(&self.0, error);
            }
            let room = Arc::clone(&self.1);
            or(callback.map(|callback| {
                let again = callback.is_again();
                let task = callback.into_task().map(move |finished| {
                    if !again {
                        match &finished.result {
                            Ok(_) => room.engine.counters().login(Login::Succeeded),
                            Err(error) => failed(&room.engine, error),
                        }
                    }
                    let sign_outs = match &finished.result {
                        Ok(signed_in) if !again => {
                            let new = signed_in.identity.user().session_token();
                            replaced(&room, &cookie_header, new, jitter)
                        }
                        _ => refused(&room, finished.refused, jitter),
                    };
                    let outcome = finished.result.map(|signed_in| Outcome {
                        again: again.then_some(true),
                        ..signed_in.into()
                    });
                    Outcome {
                        sign_outs: Some(sign_outs),
                        ..outcome.into()
                    }
                });
                self.1.begin(task)
            }))
        })
    }
}

/// The state of a callback, and the login cookie that is its.
fn open(
    engine: &CoreEngine,
    code: &str,
    state: &str,
    cookie_header: &str,
    is_route: bool,
) -> std::result::Result<OpenedLogin, CloudApiError> {
    let state = State::parse(state, None)?;
    Ok(if is_route {
        OpenedLogin::new(engine, state, cookie_header, now())
    } else {
        OpenedLogin::of_host(engine, state, code, cookie_header, now())
    })
}

/// What the query of a callback brings, as our own route reads it.
#[napi(object, object_from_js = false)]
pub struct CallbackQuery {
    /// The code; empty if there is none.
    pub code: String,
    /// The state, under the sign-in's own id where the Cloud replaced that; empty if none can be read.
    pub state: String,
    /// Where the browser goes next: a path, or an address of another loopback port.
    pub return_path: String,
    /// Why the Cloud ended the sign-in, if it did.
    pub declined: Option<Failure>,
}

/// Reads the query of a callback, without its `?`, at the address of a request: see `site_of`.
#[napi]
pub fn read_callback(
    query: String,
    public_host: Option<String>,
    forwarded_host: Option<String>,
    host: Option<String>,
    forwarded_proto: Option<String>,
    url: Option<String>,
) -> Result<CallbackQuery> {
    guard(|| {
        let address = RequestAddress {
            public_host: public_host.as_deref(),
            forwarded_host: forwarded_host.as_deref(),
            host: host.as_deref(),
            forwarded_proto: forwarded_proto.as_deref(),
            url: url.as_deref(),
        };
        let read = CallbackParameters::read(&query).unwrap_or_default();
        let text = read.state.unwrap_or_default();
        let state = State::parse(&text, address.origin().as_deref()).ok();
        let return_path = state.as_ref().map(State::return_path).unwrap_or_default();
        CallbackQuery {
            code: read.code.unwrap_or_default(),
            state: state.map_or_else(String::new, |state| state.outgoing().to_string()),
            return_path: return_path.as_str().to_owned(),
            declined: read.error.map(|error| declined(&error).into()),
        }
    })
}

impl From<SignedIn> for Outcome {
    fn from(signed_in: SignedIn) -> Self {
        let token = signed_in.identity.user().session_token();
        let cookies = signed_in.cookies.iter();
        Self {
            token: Some(token.expose().to_owned()),
            session: Some((&signed_in.session).into()),
            cookies: Some(cookies.map(|cookie| cookie.expose().to_owned()).collect()),
            return_path: Some(signed_in.return_path.as_str().to_owned()),
            user: Some(signed_in.identity.as_ref().into()),
            ..Self::default()
        }
    }
}

/// The sign-outs of the sessions that a browser had before a sign-in.
fn replaced(
    room: &Arc<Room>,
    cookie_header: &str,
    new: &SessionToken,
    jitter: Jitter,
) -> Vec<Pending> {
    Logouts::replaced(&room.engine, cookie_header, new, now(), jitter)
        .take()
        .into_iter()
        .map(|logout| sign_out(room, logout, Counting::Always))
        .collect()
}

/// The sign-out of a session that no browser received.
fn refused(room: &Arc<Room>, token: Option<SessionToken>, jitter: Jitter) -> Vec<Pending> {
    let engine = &room.engine;
    let logout =
        token.map(|token| Logout::new(Arc::clone(engine), token, Effort::Full, now(), jitter));
    logout
        .map(|logout| sign_out(room, logout, Counting::Never))
        .into_iter()
        .collect()
}

fn failed(engine: &CoreEngine, error: &CloudApiError) {
    if !error.is_unusable_callback() {
        engine.counters().login(Login::Failed);
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
