//! Callback: the browser comes back with a code, and leaves with a session.
//!
//! Everything is checked before the code is spent: the state's form, and that it was not used. This browser must have begun
//! the sign-in, for this project at this Cloud, in time. Where signatures are verified, the keys must be at hand too. Then
//! the state and the code are marked as spent, for one of any number of callers. The code is exchanged once and never
//! retried, except that a request on a connection that was already closed is sent once more.
//!
//! The session token comes only from the Cloud's answer: a token that the browser brought is never adopted. The rules that
//! check the next request also decide the identity: the Cloud's answer, or the token's signature and claims. Where they would
//! refuse the next request, the sign-in fails here, with the same code.
//!
//! A callback that the same browser repeats within ten seconds ends as the first one did: that response may never have
//! arrived. Drivers let callbacks that arrive during the exchange wait for it, by [`key`].

mod finish;

use core::time::Duration;
use std::sync::Arc;

use super::call::{Call, out_of_turn};
use super::identify::Answer;
use super::judge::Judge;
use super::keys::FetchKeys;
use super::step::{Event, Flow, Jitter, Step};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::{CloudSession, CloudUser};
use crate::cloud::ops::exchange_code::{ExchangeCode, Exchanged};
use crate::cloud::ops::verify_token::VerifyToken;
use crate::encoding::{Digest, sha256_parts};
use crate::engine::Engine;
pub use crate::engine::SignedIn;
use crate::engine::jwks_cache::JwksCache;
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::login::cookie::{self, Opened};
use crate::login::state::State;
use crate::secret::{AuthorizationCode, SessionToken};
use crate::session::TokenDigest;
use crate::time::Now;
use crate::url::Site;

/// One callback.
#[derive(Debug)]
pub struct Callback {
    engine: Arc<Engine>,
    state: State,
    /// The address that the sign-in comes back to.
    site: Site,
    key: TokenDigest,
    /// Whether this callback spent the code: then its outcome is the sign-in's.
    has_spent: bool,
    /// The token of a session that the Cloud began and that is refused here.
    refused: Option<SessionToken>,
    phase: Phase,
    jitter: Jitter,
}

#[derive(Debug)]
enum Phase {
    /// A repeated callback: the sign-in ended a moment ago.
    Again(Box<Result<SignedIn, CloudApiError>>),
    /// The sign-in cannot be finished without keys: nothing is spent before they are there.
    Keys(FetchKeys, Ready),
    Exchange(Call<ExchangeCode>),
    Verify(Call<VerifyToken>, Duration),
    /// The token is checked as the next request's is.
    Judge(Box<Judge>, Received),
    Over,
}

/// A checked callback that has spent nothing yet.
#[derive(Debug)]
struct Ready {
    used_state: Digest,
    used_code: Digest,
    operation: ExchangeCode,
}

/// The result of the code exchange.
#[derive(Debug)]
struct Received {
    token: SessionToken,
    /// A user and a session, or how long the token lasts.
    said: Result<Box<(CloudUser, CloudSession)>, Duration>,
}

/// The single-flight key of one sign-in in one browser. None where no login cookie binds this browser to the sign-in.
pub fn key(engine: &Engine, state: &State, cookie_header: &str, now: Now) -> Option<TokenDigest> {
    let bound = bound(engine, state, cookie_header, now).ok()?;
    Some(key_of(state, &bound))
}

fn bound(
    engine: &Engine,
    state: &State,
    cookie_header: &str,
    now: Now,
) -> Result<Opened, CloudApiError> {
    let is_plain = |bound: &_| engine.is_plain_login(bound, state.id());
    cookie::read(engine.config(), cookie_header, state.id(), now, is_plain)
}

fn key_of(state: &State, bound: &Opened) -> TokenDigest {
    TokenDigest::of_sign_in(state.id().expose(), bound.verifier.expose())
}

impl Callback {
    /// Checks a callback and spends its state and code.
    ///
    /// # Errors
    ///
    /// `callback_replayed`, `code_malformed`, `code_replayed`, and those of the login cookie's check: `login_cookie_missing`,
    /// `state_mismatch`, `project_mismatch`, `cloud_mismatch`, `login_expired`. Also `too_many_cookies` and
    /// `cookie_header_too_large`, where the next request could not find the session among the cookies.
    pub fn new(
        engine: Arc<Engine>,
        state: State,
        code: &str,
        cookie_header: &str,
        now: Now,
        jitter: Jitter,
    ) -> Result<Self, CloudApiError> {
        let bound = bound(&engine, &state, cookie_header, now);
        let again = bound.as_ref().ok().and_then(|bound| {
            let key = key_of(&state, bound);
            Some((bound.redirect_uri.site(), key, engine.outcome(&key, now)?))
        });
        if let Some((site, key, outcome)) = again {
            return Ok(Self {
                engine,
                state,
                site,
                key,
                has_spent: false,
                refused: None,
                phase: Phase::Again(Box::new(outcome)),
                jitter,
            });
        }
        let used_state = sha256_parts(&[b"state", state.id().expose().as_bytes()]);
        if engine.is_spent(&used_state, now) {
            return Err(CloudApiError::new(Code::CallbackReplayed));
        }
        // The next request could not read its session among so many cookies. Signing in mends nothing, so no code is spent.
        engine.session_cookies(cookie_header, None)?;
        let bound = bound?;
        let key = key_of(&state, &bound);
        let site = bound.redirect_uri.site();
        let code =
            AuthorizationCode::parse(code).map_err(|_| CloudApiError::new(Code::CodeMalformed))?;
        let ready = Ready {
            used_state,
            used_code: sha256_parts(&[b"code", code.expose().as_bytes()]),
            operation: ExchangeCode::new(code, bound.verifier, bound.redirect_uri),
        };
        let lacks_keys = engine
            .keys()
            .is_some_and(|keys| keys.current(now).is_none());
        let phase = if lacks_keys {
            let fetch = FetchKeys::new(Arc::clone(&engine), jitter);
            Phase::Keys(fetch, ready)
        } else {
            Phase::Exchange(ready.spend(&engine, now, jitter)?)
        };
        Ok(Self {
            engine,
            state,
            site,
            key,
            has_spent: matches!(phase, Phase::Exchange(_)),
            refused: None,
            phase,
            jitter,
        })
    }

    /// Whether this repeats a callback whose sign-in has ended: its events were emitted then.
    pub const fn is_again(&self) -> bool {
        matches!(self.phase, Phase::Again(_))
    }

    /// The token of a sign-in that failed because the next request would refuse it. The driver ends its session at the Cloud,
    /// as a sign-out does, since no browser was given the token.
    pub const fn take_refused(&mut self) -> Option<SessionToken> {
        self.refused.take()
    }

    /// Exchanges the code, once the keys were fetched.
    fn fetched(&mut self, ready: Ready, now: Now) -> Step<Result<SignedIn, CloudApiError>> {
        let engine = &self.engine;
        let has_keys = |keys: &JwksCache| keys.current(now).is_some();
        if !engine.keys().is_some_and(has_keys) {
            return Step::Done(Err(CloudApiError::new(Code::KeysUnavailable)));
        }
        match ready.spend(engine, now, self.jitter) {
            Ok(call) => {
                self.phase = Phase::Exchange(call);
                self.has_spent = true;
                self.advance(Event::Start, now)
            }
            Err(error) => Step::Done(Err(error)),
        }
    }

    fn exchanged(
        &mut self,
        exchanged: Exchanged,
        now: Now,
    ) -> Step<Result<SignedIn, CloudApiError>> {
        let received = Received::new(exchanged);
        if self.engine.keys().is_some() {
            return self.judge(received, now);
        }
        match received.said {
            Ok(both) => {
                let (user, session) = *both;
                let end = session.expires_at();
                Step::Done(self.finish(self.said_by_cloud(user), session, Some(end), now))
            }
            Err(expires_in) => {
                let mut call = Call::new(
                    Arc::clone(self.engine.config()),
                    VerifyToken::new(received.token),
                    self.jitter,
                );
                let step = call.step(Event::Start, now);
                self.phase = Phase::Verify(call, expires_in);
                self.follow_verify(step, now)
            }
        }
    }

    /// Checks the token as if a request brought it, whatever is cached for it.
    fn judge(&mut self, received: Received, now: Now) -> Step<Result<SignedIn, CloudApiError>> {
        let key = self.engine.key(received.token.expose());
        self.engine.invalidate(&key);
        let judge = Judge::new(&self.engine, &received.token, self.jitter);
        self.phase = Phase::Judge(Box::new(judge), received);
        self.advance(Event::Start, now)
    }

    fn judged(
        &self,
        answer: Answer,
        received: Received,
        now: Now,
    ) -> Result<SignedIn, CloudApiError> {
        let Received { token, said } = received;
        let key = self.engine.key(token.expose());
        let identity = match answer {
            Answer::Authenticated(identity) => Arc::unwrap_or_clone(identity),
            Answer::Rejected(error) => return Err(finish::at_sign_in(error, &token, now)),
            // The Cloud issued the token just now: no need to confirm that its session is alive.
            Answer::Unavailable(error) => self
                .engine
                .check_signature(key, &token, now)
                .map_err(|_| error)?,
            Answer::Anonymous => return Err(out_of_turn()),
        };
        match said {
            Ok(both) => {
                let (user, session) = *both;
                if user.id() != identity.user().id() {
                    self.engine.invalidate(&key);
                    return Err(bad_member(BadMember("user.id")));
                }
                let end = session.expires_at();
                self.finish(identity, session, Some(end), now)
            }
            Err(expires_in) => self.without_session(identity, expires_in, now),
        }
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
                Step::Done(result.and_then(|user| {
                    self.without_session(self.said_by_cloud(user), expires_in, now)
                }))
            }
        }
    }

    fn advance(&mut self, event: Event, now: Now) -> Step<Result<SignedIn, CloudApiError>> {
        match &mut self.phase {
            Phase::Again(_) => match core::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Again(outcome) => Step::Done(*outcome),
                _ => Step::Done(Err(out_of_turn())),
            },
            Phase::Keys(fetch, _) => match fetch.step(event, now) {
                Step::Send(request) => Step::Send(request),
                Step::Wait(time) => Step::Wait(time),
                Step::Done(_) => match core::mem::replace(&mut self.phase, Phase::Over) {
                    Phase::Keys(_, ready) => self.fetched(ready, now),
                    _ => Step::Done(Err(out_of_turn())),
                },
            },
            Phase::Exchange(call) => {
                let step = call.step(event, now);
                self.follow_exchange(step, now)
            }
            Phase::Verify(call, _) => {
                let step = call.step(event, now);
                self.follow_verify(step, now)
            }
            Phase::Judge(judge, _) => match judge.step(event, now) {
                Step::Send(request) => Step::Send(request),
                Step::Wait(time) => Step::Wait(time),
                Step::Done(answer) => match core::mem::replace(&mut self.phase, Phase::Over) {
                    Phase::Judge(_, received) => {
                        if matches!(answer, Answer::Rejected(_)) {
                            self.refused = Some(received.token.clone());
                        }
                        Step::Done(self.judged(answer, received, now))
                    }
                    _ => Step::Done(Err(out_of_turn())),
                },
            },
            Phase::Over => Step::Done(Err(out_of_turn())),
        }
    }
}

impl Ready {
    /// Spends the state and the code; of any number of callers, one succeeds.
    fn spend(
        self,
        engine: &Arc<Engine>,
        now: Now,
        jitter: Jitter,
    ) -> Result<Call<ExchangeCode>, CloudApiError> {
        if !engine.spend_callback(self.used_state, now) {
            return Err(CloudApiError::new(Code::CallbackReplayed));
        }
        if !engine.replay_guard().spend(self.used_code, now) {
            return Err(CloudApiError::new(Code::CodeReplayed));
        }
        Ok(Call::new(
            Arc::clone(engine.config()),
            self.operation,
            jitter,
        ))
    }
}

impl Received {
    fn new(exchanged: Exchanged) -> Self {
        match exchanged {
            Exchanged::Session(both) => Self {
                token: both.0.session_token().clone(),
                said: Ok(both),
            },
            Exchanged::AccessToken { token, expires_in } => Self {
                token,
                said: Err(expires_in),
            },
        }
    }
}

impl Flow for Callback {
    type Output = Result<SignedIn, CloudApiError>;

    fn step(&mut self, event: Event, now: Now) -> Step<Self::Output> {
        let step = self.advance(event, now);
        if let (true, Step::Done(outcome)) = (self.has_spent, &step) {
            self.engine.insert_outcome(self.key, outcome.clone(), now);
            self.has_spent = false;
        }
        step
    }
}

/// The error for a callback's `error` parameter (RFC 6749 section 4.1.2.1). Its description is never shown.
pub fn declined(error: &str) -> CloudApiError {
    CloudApiError::new(if error == "access_denied" {
        Code::AccessDenied
    } else {
        Code::LoginRejected
    })
}
