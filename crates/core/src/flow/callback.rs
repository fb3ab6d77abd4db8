//! Callback: the browser comes back with a code, and leaves with a session.
//!
//! Everything is checked before the code is spent: the state's form, that it was not used before, that this browser began
//! it, for this project at this Cloud, in time. Then the state and the code are spent here, of any number of callers by
//! one, and the code is exchanged once, never again. An identity comes only from the Cloud's answer, and the session
//! token only from it too: what the browser brought is never adopted.

use core::time::Duration;
use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::step::{Event, Flow, Jitter, Step};
use crate::binding;
use crate::cookie::SetCookie;
use crate::encoding::sha256_parts;
use crate::error::{CloudApiError, Code};
use crate::identity::Identity;
use crate::identity::authority::Authority;
use crate::model::{CloudSession, CloudUser, derived_session_id};
use crate::op::exchange_code::{ExchangeCode, Exchanged};
use crate::op::verify_token::VerifyToken;
use crate::secret::AuthorizationCode;
use crate::state::State;
use crate::time::{Now, Timestamp};
use crate::unverified::Unverified;
use crate::url::ReturnPath;

/// How long past its end the Cloud takes a token for a newer one.
const RENEWABLE_FOR: Duration = Duration::from_secs(60);

/// What a sign-in ends with.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// Who signed in.
    pub identity: Arc<Identity>,
    /// The new session.
    pub session: CloudSession,
    /// What to set, in this order: the login cookie goes, the session cookie comes last.
    pub cookies: Vec<SetCookie>,
    /// Where the browser wanted to go.
    pub return_path: ReturnPath,
}

/// One callback on its way.
#[derive(Debug)]
pub struct Callback {
    authority: Arc<Authority>,
    state: State,
    phase: Phase,
    jitter: Jitter,
}

#[derive(Debug)]
enum Phase {
    Exchange(Call<ExchangeCode>),
    Verify(Call<VerifyToken>, Duration),
    Over,
}

impl Callback {
    /// Checks a callback and spends its state and code.
    ///
    /// # Errors
    ///
    /// `callback_replayed`, `code_malformed`, `code_replayed`, and what the login cookie's check says:
    /// `login_cookie_missing`, `state_mismatch`, `project_mismatch`, `cloud_mismatch`, `login_expired`.
    pub fn new(
        authority: Arc<Authority>,
        state: State,
        code: &str,
        cookie_header: &str,
        now: Now,
        jitter: Jitter,
    ) -> Result<Self, CloudApiError> {
        let config = authority.config();
        let used_state = sha256_parts(&[b"state", state.id().expose().as_bytes()]);
        if authority.spent().holds(&used_state, now) {
            return Err(CloudApiError::new(Code::CallbackReplayed));
        }
        let bound = binding::read(config, cookie_header, state.id(), now)?;
        let code =
            AuthorizationCode::parse(code).map_err(|_| CloudApiError::new(Code::CodeMalformed))?;
        let used_code = sha256_parts(&[b"code", code.expose().as_bytes()]);
        if !authority.spent().spend(used_state, now) {
            return Err(CloudApiError::new(Code::CallbackReplayed));
        }
        if !authority.spent().spend(used_code, now) {
            return Err(CloudApiError::new(Code::CodeReplayed));
        }
        let operation = ExchangeCode::new(code, bound.verifier, bound.redirect_uri);
        let phase = Phase::Exchange(Call::new(Arc::clone(authority.config()), operation, jitter));
        Ok(Self {
            authority,
            state,
            phase,
            jitter,
        })
    }

    fn exchanged(
        &mut self,
        exchanged: Exchanged,
        now: Now,
    ) -> Step<Result<SignedIn, CloudApiError>> {
        match exchanged {
            Exchanged::Session(both) => {
                let (user, session) = *both;
                let end = session.expires_at();
                Step::Done(self.finish(user, session, Some(end), now))
            }
            Exchanged::AccessToken { token, expires_in } => {
                let mut call = Call::new(
                    Arc::clone(self.authority.config()),
                    VerifyToken::new(token),
                    self.jitter,
                );
                let step = call.step(Event::Start, now);
                self.phase = Phase::Verify(call, expires_in);
                self.follow_verify(step, now)
            }
        }
    }

    fn verified(
        &self,
        user: CloudUser,
        expires_in: Duration,
        now: Now,
    ) -> Result<SignedIn, CloudApiError> {
        let token = user.session_token();
        let id = Unverified::peek(token)
            .session_id
            .or_else(|| derived_session_id(token))
            .ok_or_else(out_of_turn)?;
        let session = CloudSession::new(id, user.id().clone(), now.wall, now.wall.plus(expires_in));
        // Nothing says so far when the session ends, only when its token does.
        self.finish(user, session, None, now)
    }

    fn finish(
        &self,
        user: CloudUser,
        session: CloudSession,
        session_end: Option<Timestamp>,
        now: Now,
    ) -> Result<SignedIn, CloudApiError> {
        let authority = &self.authority;
        if session.user_id() != user.id() {
            // Two people in one answer: whose session it is cannot be said.
            return Err(crate::envelope::bad_member(crate::json::BadMember(
                "session.user_id",
            )));
        }
        let token = user.session_token().clone();
        let said = Unverified::peek(&token);
        let token_end = said.expires_at.unwrap_or(session.expires_at());
        let end = session.expires_at().min(token_end);
        if end <= now.wall || authority.config().policy.session_max_age.is_zero() {
            return Err(CloudApiError::new(Code::SessionExpired));
        }
        // Where only the token's end is known, the cookie stays long enough to renew it.
        let cookie_until = session_end.unwrap_or(session.expires_at().plus(RENEWABLE_FOR));
        let cookies = vec![
            binding::spec(authority.config(), self.state.id())?.clear(),
            authority
                .config()
                .session_cookie(&token, cookie_until, now.wall)?,
        ];
        let identity = Identity::new(
            authority.key(token.expose()),
            user,
            Some(session.id().clone()),
            Some(end),
        )
        // What every instance can read of the token, so that all of them agree whether it began before a revocation.
        .begun(said.issued_at.or(Some(session.created_at())));
        let identity = match session_end {
            Some(end) => identity.session_ending(end),
            None => identity,
        };
        let identity = authority
            .remember_sign_in(identity, now)
            .ok_or_else(|| CloudApiError::new(Code::SignedOut))?;
        Ok(SignedIn {
            identity,
            session,
            cookies,
            return_path: self.state.return_path(),
        })
    }

    fn follow_exchange(
        &mut self,
        step: Step<Result<Exchanged, CloudApiError>>,
        now: Now,
    ) -> Step<Result<SignedIn, CloudApiError>> {
        match step {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(Ok(exchanged)) => self.exchanged(exchanged, now),
            Step::Done(Err(error)) => Step::Done(Err(error)),
        }
    }

    fn follow_verify(
        &mut self,
        step: Step<Result<CloudUser, CloudApiError>>,
        now: Now,
    ) -> Step<Result<SignedIn, CloudApiError>> {
        match step {
            Step::Send(request) => Step::Send(request),
            Step::Wait(time) => Step::Wait(time),
            Step::Done(result) => {
                let Phase::Verify(_, expires_in) = core::mem::replace(&mut self.phase, Phase::Over)
                else {
                    return Step::Done(Err(out_of_turn()));
                };
                Step::Done(result.and_then(|user| self.verified(user, expires_in, now)))
            }
        }
    }
}

impl Flow for Callback {
    type Output = Result<SignedIn, CloudApiError>;

    fn step(&mut self, event: Event, now: Now) -> Step<Self::Output> {
        match &mut self.phase {
            Phase::Exchange(call) => {
                let step = call.step(event, now);
                self.follow_exchange(step, now)
            }
            Phase::Verify(call, _) => {
                let step = call.step(event, now);
                self.follow_verify(step, now)
            }
            Phase::Over => Step::Done(Err(out_of_turn())),
        }
    }
}

/// What an `error` parameter of a callback means (RFC 6749 section 4.1.2.1). Its description is never shown.
pub fn declined(error: &str) -> CloudApiError {
    CloudApiError::new(if error == "access_denied" {
        Code::AccessDenied
    } else {
        Code::LoginRejected
    })
}
