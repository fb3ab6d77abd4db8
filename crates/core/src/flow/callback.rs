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
//! arrived. Drivers let callbacks that arrive during the exchange wait for it, by its [key](OpenedLogin::key).

mod finish;

use core::time::Duration;
use std::sync::Arc;

use super::authenticate::{Authenticate, Credentials};
use super::fetch_keys::fetch_keys;
use super::results::Authentication;
use super::task::{Host, Jitter, Task};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::{CloudSession, CloudUser};
use crate::cloud::ops::exchange_code::{ExchangeCode, Exchanged};
use crate::cloud::ops::verify_token::{NewerSlot, VerifyToken};
use crate::config::Config;
use crate::counters::Counting;
use crate::dialect::LoginPage;
use crate::encoding::{Digest, sha256_parts};
use crate::engine::Engine;
pub use crate::engine::SignedIn;
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::login::cookie::{self, Opened};
use crate::login::state::{PRODUCT, State, StateId};
use crate::secret::{AuthorizationCode, SessionToken};
use crate::session::TokenDigest;
use crate::time::{Now, Timestamp};
use crate::url::Site;

/// One callback.
#[derive(Debug)]
#[must_use = "nothing is exchanged until the task is driven"]
pub struct Callback {
    is_again: bool,
    task: Task<'static, CallbackOutcome>,
}

/// The result of a callback.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallbackOutcome {
    /// The sign-in.
    pub result: Result<SignedIn, CloudApiError>,
    /// The newest token of a sign-in that failed although the Cloud had issued one. The driver ends its session at the Cloud,
    /// as a sign-out does, since no browser was given the token. None where the Cloud knows no such session.
    pub refused: Option<SessionToken>,
}

/// A checked callback.
struct SignIn {
    engine: Arc<Engine>,
    state: State,
    /// The address that the sign-in comes back to.
    site: Site,
    /// The newest token that the Cloud issued.
    issued: Option<SessionToken>,
    /// When the browser came back.
    came_at: Timestamp,
    host: Host,
}

/// What a callback spends.
struct Ready {
    used_state: Digest,
    /// That this code finishes this sign-in.
    used_sign_in: Digest,
    used_code: Digest,
    brought: Brought,
}

/// What the browser brought from the Cloud.
enum Brought {
    Code(ExchangeCode),
    /// The session itself.
    Session(SessionToken),
}

/// The result of the code exchange.
struct Received {
    token: SessionToken,
    /// A user and a session, or how long the token lasts.
    said: Result<Box<(CloudUser, CloudSession)>, Duration>,
}

/// A state that a browser brings back, and the login cookie that binds the browser to it.
#[derive(Debug)]
pub struct OpenedLogin {
    state: State,
    /// The cookie's content and the sign-in's key, or why the cookie was refused.
    bound: Result<(Opened, TokenDigest), CloudApiError>,
}

impl OpenedLogin {
    /// Opens the login cookie of this state.
    pub fn new(engine: &Engine, state: State, cookie_header: &str, now: Now) -> Self {
        let config = engine.config();
        let is_plain = |opened: &_, id: &_| engine.is_plain_login(opened, id);
        let id = state.id();
        let opened = cookie::read(config, cookie_header, id, now, |it| is_plain(it, id));
        Self::bound(state, opened)
    }

    /// Opens the login cookie for a host that passes on the state's id alone. Where the Cloud replaced that, the sign-in counts
    /// that this browser began last, of those that no other code has finished.
    pub fn of_host(
        engine: &Engine,
        state: State,
        code: &str,
        cookie_header: &str,
        now: Now,
    ) -> Self {
        let config = engine.config();
        if !is_replaced(config, &state) {
            return Self::new(engine, state, cookie_header, now);
        }
        let is_plain = |opened: &_, id: &_| engine.is_plain_login(opened, id);
        let is_used = |id: &_| {
            let by_this_code = used_sign_in(id, code);
            engine.is_spent(&used_state(id), now)
                && !engine.replay_guard().holds(&by_this_code, now)
        };
        match cookie::read_newest(config, cookie_header, now, is_plain, is_used) {
            Ok((opened, id)) => Self::bound(state.under(id), Ok(opened)),
            Err(error) => Self::bound(state, Err(error)),
        }
    }

    fn bound(state: State, opened: Result<Opened, CloudApiError>) -> Self {
        let bound = opened.map(|opened| {
            let key = TokenDigest::of_sign_in(state.id().expose(), opened.verifier.expose());
            (opened, key)
        });
        Self { state, bound }
    }

    /// The state, under the sign-in's own id where the Cloud replaced that.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The single-flight key of one sign-in in one browser. None where no login cookie binds this browser to the sign-in.
    pub fn key(&self) -> Option<TokenDigest> {
        self.bound.as_ref().ok().map(|(_, key)| *key)
    }
}

/// Whether the Cloud put its product's name in place of the state's id.
fn is_replaced(config: &Config, state: &State) -> bool {
    matches!(config.table().login, LoginPage::Product(_)) && state.id().expose() == PRODUCT
}

fn used_state(id: &StateId) -> Digest {
    sha256_parts(&[b"state", id.expose().as_bytes()])
}

fn used_sign_in(id: &StateId, code: &str) -> Digest {
    sha256_parts(&[b"sign-in", id.expose().as_bytes(), code.as_bytes()])
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
        login: OpenedLogin,
        code: &str,
        cookie_header: &str,
        now: Now,
        jitter: Jitter,
    ) -> Result<Self, CloudApiError> {
        if let Some(key) = login.key()
            && let Some(result) = engine.outcome(&key, now)
        {
            let refused = None;
            return Ok(Self {
                is_again: true,
                task: Task::new(jitter, |_| async { CallbackOutcome { result, refused } }),
            });
        }
        let OpenedLogin { state, bound } = login;
        let used_state = used_state(state.id());
        if engine.is_spent(&used_state, now) {
            return Err(CloudApiError::new(Code::CallbackReplayed));
        }
        // The next request could not read its session among so many cookies. Signing in mends nothing, so no code is spent.
        engine.session_cookies(cookie_header, None)?;
        let (bound, key) = bound?;
        let site = bound.redirect_uri.site();
        let brought = if engine.config().table().sealed.is_some() {
            SessionToken::sealed(code).map(Brought::Session)
        } else {
            AuthorizationCode::parse(code).map(|code| {
                Brought::Code(ExchangeCode::new(code, bound.verifier, bound.redirect_uri))
            })
        };
        let ready = Ready {
            used_state,
            used_sign_in: used_sign_in(state.id(), code),
            used_code: sha256_parts(&[b"code", code.as_bytes()]),
            brought: brought.map_err(|_| CloudApiError::new(Code::CodeMalformed))?,
        };
        let begun = if has_keys(&engine, now) {
            Begun::Spent(ready.spend(&engine, now)?)
        } else {
            Begun::LacksKeys(ready)
        };
        let task = Task::new(jitter, move |host| async move {
            let mut sign_in = SignIn {
                engine,
                state,
                site,
                issued: None,
                came_at: now.wall,
                host,
            };
            let result = sign_in.run(begun, key).await;
            let refused = match &result {
                Ok(_) => None,
                Err(error) => sign_in.issued.filter(|token| lives(token, error)),
            };
            CallbackOutcome { result, refused }
        });
        Ok(Self {
            is_again: false,
            task,
        })
    }

    /// Whether this repeats a callback whose sign-in has ended: its events were emitted then.
    pub const fn is_again(&self) -> bool {
        self.is_again
    }

    /// Finishes the sign-in.
    pub fn into_task(self) -> Task<'static, CallbackOutcome> {
        self.task
    }
}

/// Whether the session of a failed sign-in may be alive at the Cloud. Another token may be refused while its session lives.
fn lives(token: &SessionToken, error: &CloudApiError) -> bool {
    !token.is_sealed() || !error.is_refusal() || error.status() != 401
}

/// How far a callback has come when it is made.
enum Begun {
    Spent(Brought),
    /// The sign-in cannot be finished without keys: nothing is spent before they are there.
    LacksKeys(Ready),
}

/// Whether no keys are missing: they are at hand, or none are used.
fn has_keys(engine: &Engine, now: Now) -> bool {
    let is_sealed = engine.config().table().sealed.is_some();
    is_sealed || engine.keys().is_none_or(|keys| keys.current(now).is_some())
}

impl SignIn {
    async fn run(&mut self, begun: Begun, key: TokenDigest) -> Result<SignedIn, CloudApiError> {
        let brought = match begun {
            Begun::Spent(brought) => brought,
            Begun::LacksKeys(ready) => {
                let fetch = fetch_keys(&self.engine, self.host.jitter());
                self.host.fetch_keys(fetch).await;
                if !has_keys(&self.engine, self.host.now()) {
                    return Err(CloudApiError::new(Code::KeysUnavailable));
                }
                ready.spend(&self.engine, self.host.now())?
            }
        };
        // This callback spent the code, so its outcome is the sign-in's.
        let outcome = match brought {
            Brought::Code(operation) => self.exchange(operation).await,
            Brought::Session(token) => self.take(token).await,
        };
        self.engine
            .insert_outcome(key, outcome.clone(), self.host.now());
        outcome
    }

    async fn exchange(&mut self, operation: ExchangeCode) -> Result<SignedIn, CloudApiError> {
        let config = self.engine.config();
        let received = Received::new(self.host.call(config, operation).await?);
        self.issued = Some(received.token.clone());
        if self.engine.keys().is_some() {
            return self.judge(received).await;
        }
        match received.said {
            Ok(both) => {
                let (user, session) = *both;
                let end = session.expires_at();
                self.finish(self.said_by_cloud(user), session, Some(end))
            }
            Err(expires_in) => {
                let operation = VerifyToken::new(received.token);
                let user = self.host.call(config, operation).await?;
                self.without_session(self.said_by_cloud(user), expires_in)
            }
        }
    }

    /// Asks for the user of a session that the Cloud has made already.
    async fn take(&mut self, token: SessionToken) -> Result<SignedIn, CloudApiError> {
        let config = self.engine.config();
        self.issued = Some(token.clone());
        config
            .cookie
            .at(Some(self.site))
            .fits(token.expose().len())?;
        let newer = NewerSlot::default();
        let operation = VerifyToken::new(token.clone()).keeping(&newer);
        let user = self.host.call(config, operation).await;
        if let Some(newer) = newer.get() {
            // The Cloud refuses the old one from now on.
            self.issued = Some(newer);
        }
        let user = user?;
        if self.engine.is_signed_out(&token, self.host.now()) {
            return Err(CloudApiError::new(Code::SignedOut));
        }
        self.without_session(self.said_by_cloud(user), config.policy.session_max_age)
    }

    /// Checks the token as if a request brought it, whatever is cached for it.
    async fn judge(&mut self, received: Received) -> Result<SignedIn, CloudApiError> {
        let Received { token, said } = received;
        let key = self.engine.key(&token);
        self.engine.cache.invalidate(&key);
        let request = Authenticate::new(&self.engine, Credentials::token(token.expose()));
        let request = request.counting(Counting::Never);
        let answer = request.run(self.host.clone()).await.answer;
        let identity = match answer {
            Authentication::Authenticated(identity) => Arc::unwrap_or_clone(identity),
            Authentication::Rejected(error) => {
                return Err(finish::at_sign_in(error, &token, self.host.now()));
            }
            // The Cloud issued the token just now: no need to confirm that its session is alive.
            Authentication::Unavailable(error) => self
                .host
                .check_signature(&self.engine, key, &token)
                .await
                .map_err(|_| error)?,
            Authentication::Anonymous => return Err(CloudApiError::new(Code::InvalidToken)),
        };
        match said {
            Ok(both) => {
                let (user, session) = *both;
                if user.id() != identity.user().id() {
                    self.engine.cache.invalidate(&key);
                    return Err(bad_member(BadMember("user.id")));
                }
                let end = session.expires_at();
                self.finish(identity, session, Some(end))
            }
            Err(expires_in) => self.without_session(identity, expires_in),
        }
    }
}

impl Ready {
    /// Spends the state and the code; of any number of callers, one succeeds.
    fn spend(self, engine: &Engine, now: Now) -> Result<Brought, CloudApiError> {
        if !engine.spend_callback(self.used_state, now) {
            return Err(CloudApiError::new(Code::CallbackReplayed));
        }
        if !engine.replay_guard().spend(self.used_code, now) {
            return Err(CloudApiError::new(Code::CodeReplayed));
        }
        if matches!(self.brought, Brought::Session(_)) {
            engine.replay_guard().spend(self.used_sign_in, now);
        }
        Ok(self.brought)
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

/// The error for a callback's `error` parameter (RFC 6749 section 4.1.2.1). Its description is never shown.
pub fn declined(error: &str) -> CloudApiError {
    CloudApiError::new(if error == "access_denied" {
        Code::AccessDenied
    } else {
        Code::LoginRejected
    })
}
