//! Sessions: look-up, renewal, sign-out, and their cookie.

use std::sync::Arc;

use mastra_auth_cloud_core::cloud::model::CloudSession;
use mastra_auth_cloud_core::counters::{Counting, SignOutResult};
use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Credentials};
use mastra_auth_cloud_core::flow::refresh_session::refresh_for_browser;
use mastra_auth_cloud_core::flow::sign_out::{Effort, Logout, SignOut};
use mastra_auth_cloud_core::flow::validate_session::validate_session;
use mastra_auth_cloud_core::secret::SessionToken;
use napi_derive::napi;

use crate::clocks::now;
use crate::convert::{Failure, Or, or, timestamp};
use crate::engine::Engine;
use crate::flow::{Kind, Outcome, Pending, Room, jitter};
use crate::guard::{Result, guard};
use crate::site::of_number;

impl Engine {
    /// A host's id of a session, which is the value of its cookie; or a bearer, where it was verified or signed out as one here.
    pub(crate) fn session_text(
        &self,
        text: &str,
    ) -> std::result::Result<SessionToken, CloudApiError> {
        let is_known = |bearer: &SessionToken| {
            self.0.verified(bearer).is_some() || self.0.is_signed_out(bearer, now())
        };
        if let Some(bearer) = SessionToken::parse(text).ok().filter(is_known) {
            return Ok(bearer);
        }
        let token = self.0.config().session_token(text);
        token.map_err(CloudApiError::argument)
    }
}

#[napi]
impl Engine {
    /// Authenticates by a user's session token, which no header brings: as a bearer where it was verified as one, else as a
    /// session.
    #[napi]
    pub fn authenticate_session(&self, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| {
            or(self.session_text(&text).map(|token| {
                let credentials = Credentials::session(&token).into_owned();
                let request = Authenticate::new(&self.0, credentials).counting(Counting::Always);
                let task = request.offloading().into_task(jitter(share));
                self.1
                    .begin(task.map(|it| Outcome::of(it.answer, it.source, it.cookie.as_ref())))
            }))
        })
    }

    /// Ends a session. This instance denies it from now on.
    #[napi]
    pub fn sign_out(&self, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| {
            or(self.session_text(&text).map(|token| {
                let (engine, now) = (Arc::clone(&self.0), now());
                let logout = Logout::new(engine, token, Effort::Full, now, jitter(share));
                sign_out(&self.1, logout, Counting::Always)
            }))
        })
    }

    /// The session behind a token.
    #[napi]
    pub fn session(&self, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| {
            or(self.session_text(&text).map(|token| {
                let shared = validate_session(&self.0, token, jitter(share));
                let key = (Kind::Session, shared.key());
                let outcome = |session: Option<CloudSession>| Outcome {
                    session: session.as_ref().map(Into::into),
                    ..Outcome::default()
                };
                let task = shared.into_task();
                let task = task.map(move |result| Outcome::from(result.map(outcome)).into());
                self.1.share((key, task))
            }))
        })
    }

    /// The session behind a token, with a newer token if the Cloud issues one.
    #[napi]
    pub fn renew(&self, text: String, share: f64) -> Result<Or<Pending>> {
        guard(|| {
            or(self.session_text(&text).map(|token| {
                let refresh = refresh_for_browser(&self.0, token, jitter(share));
                self.1.begin(refresh.map(Outcome::from))
            }))
        })
    }

    /// The session token in the `Cookie` header of a request to this address, unverified: the first candidate.
    #[napi]
    pub fn session_token(&self, cookie_header: String, site: u32) -> Result<Option<String>> {
        guard(|| {
            self.0
                .session_token(&cookie_header, of_number(site))
                .map(str::to_owned)
        })
    }

    /// The cookie that stores a session in a browser until `expires_at`, at this address or the one last noted.
    #[napi]
    pub fn session_cookie(&self, text: String, expires_at: f64, site: u32) -> Result<Or<String>> {
        guard(|| {
            // Report the size also of a text that is too long for any token.
            let fits = self.0.fits_cookie(text.len(), of_number(site));
            or(fits
                .and_then(|()| self.session_text(&text))
                .and_then(|token| {
                    self.0
                        .session_cookie(&token, timestamp(expires_at), of_number(site), now().wall)
                        .map(|cookie| cookie.expose().to_owned())
                }))
        })
    }

    /// The `Set-Cookie` header that clears the session cookie.
    #[napi]
    pub fn clear_session_cookie(&self) -> Result<String> {
        guard(|| self.0.clear_session_cookie().expose().to_owned())
    }
}

pub(crate) fn sign_out(room: &Arc<Room>, logout: Logout, counting: Counting) -> Pending {
    let engine = Arc::clone(&room.engine);
    let whose = logout.identity().map(Arc::clone);
    room.begin(logout.into_task().map(move |outcome| {
        let of = || Outcome {
            user_id: whose.as_ref().map(|of| of.user().id().as_str().to_owned()),
            session_id: whose
                .as_ref()
                .and_then(|of| of.session_id().map(|id| id.as_str().to_owned())),
            ..Outcome::default()
        };
        let count = |end| {
            if counting == Counting::Always {
                engine.counters().session_end(end);
            }
        };
        let told = |end: SignOutResult| {
            count(end);
            Outcome {
                sign_out: Some(end.as_str()),
                ..of()
            }
        };
        match outcome {
            SignOut::Ended => told(SignOutResult::Ended),
            SignOut::AlreadyGone => told(SignOutResult::AlreadyGone),
            SignOut::NotConfirmed(error) => {
                count(SignOutResult::NotConfirmed);
                // The caller can act on the missing confirmation, but hardly on its reason, so report the former's code.
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
    }))
}
