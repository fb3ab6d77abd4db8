//! Signing in: the login page, the cookie that binds a sign-in to a browser, and the callback.

use std::sync::Arc;

use mastra_auth_cloud_core::counters::{Counting, Login};
use mastra_auth_cloud_core::encoding::hex;
use mastra_auth_cloud_core::engine::{Engine as CoreEngine, SignedIn};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::Jitter;
use mastra_auth_cloud_core::flow::callback::{Callback, OpenedLogin};
use mastra_auth_cloud_core::flow::login;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, Logouts};
use mastra_auth_cloud_core::login::state::State;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::url::{MAX_RETURN_BYTES, RedirectUri};
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Or, or};
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
    /// The URL to which to send the browser to sign in.
    #[napi]
    pub fn login_url(&self, redirect_uri: String, state: String) -> Result<Or<LoginUrl>> {
        guard(|| {
            or(
                login_arguments(&redirect_uri, &state).and_then(|(redirect_uri, state)| {
                    let url = login::url_of_host(&self.0, &redirect_uri, &state)?;
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

    /// The single-flight key of a sign-in in one browser; `None` if the cookies do not bind this browser to it.
    #[napi]
    pub fn callback_key(&self, state: String, cookie_header: String) -> Result<Option<String>> {
        guard(|| {
            let state = State::parse(&state, None).ok()?;
            let login = OpenedLogin::of_host(&self.0, state, &cookie_header, now());
            Some(hex(login.key()?.as_bytes()))
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
    ) -> Result<Or<Pending>> {
        guard(|| {
            let (engine, jitter) = (Arc::clone(&self.0), jitter(share));
            let callback = State::parse(&state, None).and_then(|state| {
                let login = OpenedLogin::of_host(&engine, state, &cookie_header, now());
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
