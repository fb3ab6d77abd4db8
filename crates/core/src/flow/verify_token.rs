//! The identity of one token, from the cache or from the Cloud.
//!
//! Fresh: answered without a call. Refused or signed out here: refused without a call. Otherwise the Cloud is asked, unless
//! the breaker is open. A stale identity counts only where the Cloud cannot be asked. The call is for the token's user, or,
//! where the signature is verified here, for the state of its session. Drivers run one of these per key, however many
//! requests wait for it.
//!
//! A sealed session that another instance was given a newer one for is answered by the newer one.

mod newest;

use std::sync::Arc;

use super::results::Authentication;
use super::task::{Host, Jitter, Shared, Task};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::CloudUser;
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::cloud::ops::verify_token::{NewerSlot, VerifyToken};
use crate::engine::Engine;
use crate::engine::breaker::CallKind;
use crate::engine::rotated_tokens::{NewerToken, Verified};
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::lookup::{Lookup, Refusal};
use crate::session::{Identity, TokenDigest};
use crate::time::Now;
use crate::unverified::Unverified;
pub(super) use newest::MOST_REFUSED;
use newest::{Asked, Chain};

/// Whether a fresh identity is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A request waits for the answer.
    Wanted,
    /// A background refresh: it runs though the identity is fresh, so that no request waits later. It does not retry.
    Ahead,
}

/// Asks for the user of this token.
pub(crate) fn verify_token(
    engine: &Arc<Engine>,
    key: TokenDigest,
    token: SessionToken,
    pace: Pace,
    jitter: Jitter,
) -> Shared<Authentication> {
    shared(engine, key, Question::Whose(token), pace, jitter)
}

/// Asks whether the session is alive, for a token whose signature was verified.
pub(crate) fn verify_session(
    engine: &Arc<Engine>,
    identity: Identity,
    pace: Pace,
    jitter: Jitter,
) -> Shared<Authentication> {
    let key = identity.key();
    shared(
        engine,
        key,
        Question::Lives(Box::new(identity)),
        pace,
        jitter,
    )
}

fn shared(
    engine: &Arc<Engine>,
    key: TokenDigest,
    question: Question,
    pace: Pace,
    jitter: Jitter,
) -> Shared<Authentication> {
    let engine = Arc::clone(engine);
    let task = Task::new(jitter, |host| async move {
        run(&engine, key, question, pace, &host).await
    });
    Shared::new(key, task)
}

/// What the Cloud is asked.
enum Question {
    Whose(SessionToken),
    /// Whether the session is alive. The signature gives the user, but not the session's end.
    Lives(Box<Identity>),
}

impl Question {
    const fn kind(&self) -> CallKind {
        match self {
            Self::Whose(_) => CallKind::Verify,
            Self::Lives(_) => CallKind::Validate,
        }
    }

    fn token(&self) -> &SessionToken {
        match self {
            Self::Whose(token) => token,
            Self::Lives(identity) => identity.user().session_token(),
        }
    }

    fn refusal(&self, error: CloudApiError) -> Refusal {
        match self {
            // A renewal makes no user a member.
            Self::Whose(_) if error.is(&Code::OrganizationForbidden) => Refusal::session(error),
            Self::Whose(_) => Refusal::token(error),
            Self::Lives(_) => Refusal::session(error),
        }
    }

    /// The identity, and whether the session that the Cloud stated is revoked here.
    async fn ask(
        &self,
        engine: &Engine,
        pace: Pace,
        host: &Host,
    ) -> Result<(Identity, bool), CloudApiError> {
        let config = engine.config();
        match self {
            Self::Whose(token) => {
                let newer = NewerSlot::default();
                let operation = VerifyToken::new(token.clone()).keeping(&newer);
                let user = match pace {
                    Pace::Wanted => host.call(config, operation).await,
                    Pace::Ahead => host.call_once(config, operation).await,
                };
                let now = host.now();
                match (user, newer.get()) {
                    (Ok(user), newer) => {
                        if newer.is_some() {
                            same_user(engine, token, &user)?;
                        }
                        Ok((said(engine, user, now), false))
                    }
                    (Err(error), Some(newer)) => {
                        // The answer cannot be used, yet the Cloud refuses the old session from now on.
                        engine.hold_sealed(engine.key(token), newer.clone(), now);
                        Err(error)
                    }
                    (Err(error), None) => Err(error),
                }
            }
            Self::Lives(identity) => {
                let operation = ValidateSession::new(identity.user().session_token().clone());
                let validated = match pace {
                    Pace::Wanted => host.call(config, operation).await?,
                    Pace::Ahead => host.call_once(config, operation).await?,
                };
                let lives = lives(identity, &validated)?;
                // By the session's id and begin that the Cloud states: the token may state others.
                Ok((lives, engine.is_ended(&validated.session, host.now())))
            }
        }
    }
}

async fn run(
    engine: &Arc<Engine>,
    key: TokenDigest,
    question: Question,
    pace: Pace,
    host: &Host,
) -> Authentication {
    match look(engine, &key, host.now()) {
        Known::Ask(_) => {}
        Known::Answer(Authentication::Authenticated(_))
        | Known::Due(Authentication::Authenticated(_))
            if pace == Pace::Ahead => {}
        Known::Answer(answer) | Known::Due(answer) => return answer,
    }
    let asked = question.token().clone();
    let Asked {
        question,
        mut result,
        is_newest,
        refused,
        known,
    } = match Chain::of(engine, host, question.token())
        .ask(key, question, pace)
        .await
    {
        Ok(asked) => asked,
        Err(Authentication::Unavailable(error)) => {
            return match still_known(engine, &key, host.now()) {
                Ok(stale) => unavailable(stale, error),
                Err(answer) => answer,
            };
        }
        Err(answer) => return answer,
    };
    if !question.token().same_as(&asked) {
        result = result.and_then(|found| is_of(known.as_deref(), found.0.user()).map(|()| found));
    }
    let now = host.now();
    if let Ok((identity, true)) = &result {
        let token = identity.user().session_token();
        engine.sign_out(token, identity.expires_at(), now);
        host.prove_sign_out(engine, token, identity.expires_at())
            .await;
    }
    let stale = match still_known(engine, &key, now) {
        Ok(stale) => stale,
        Err(answer) => return answer,
    };
    match result {
        Ok((identity, _)) if identity.key() != key => {
            let newest = identity.key();
            let between = question.token();
            if !between.same_as(&asked) && engine.key(between) != newest {
                // Other instances may have handed it out.
                _ = engine.replace(between, identity.clone(), Verified::Now, now);
            }
            let newer = engine.replace(&asked, identity, Verified::Now, now);
            let answer = answer(engine, newer, now);
            host.share_moved(engine, &newest).await;
            answer
        }
        Ok((identity, _)) => {
            engine.stands_again(&key, now);
            settle(engine, identity, now)
        }
        Err(error) if error.is_refusal() => {
            if asked.is_sealed()
                && error.status() == 401
                && let Some(newer) = engine.rotated(&key, now)
            {
                // A refresh replaced the session while the Cloud was asked.
                match engine.lookup(newer.key(), now) {
                    Lookup::Fresh(newest) | Lookup::Due(newest) | Lookup::Stale(newest) => {
                        return match same_user(engine, &asked, newest.user()) {
                            Ok(()) => Authentication::Authenticated(newest),
                            Err(error) => Authentication::Unavailable(error),
                        };
                    }
                    // By the Cloud: so both are.
                    Lookup::Refused(_) => {}
                    _ => return unavailable(stale, CloudApiError::new(Code::Timeout)),
                }
            }
            let tolerated = stale.filter(|_| !is_newest);
            if let Some(identity) = tolerated.and_then(|known| engine.tolerate(&known, &error, now))
            {
                return Authentication::Authenticated(identity);
            }
            let others = [question.token()].into_iter().chain(&refused);
            for key in others.map(|it| engine.key(it)).chain([key]) {
                engine.refused(key, question.refusal(error.clone()), now);
            }
            Authentication::Rejected(error)
        }
        Err(error) => unavailable(stale, error),
    }
}

/// The identity that serves where the Cloud cannot be asked. Or the answer, where the session was revoked while the task waited.
fn still_known(
    engine: &Engine,
    key: &TokenDigest,
    now: Now,
) -> Result<Option<Arc<Identity>>, Authentication> {
    match engine.lookup(key, now) {
        Lookup::SignedOut => Err(rejected(Code::SignedOut)),
        Lookup::Stale(identity) | Lookup::Fresh(identity) | Lookup::Due(identity) => {
            Ok(Some(identity))
        }
        Lookup::Expired | Lookup::Refused(_) | Lookup::Unknown => Ok(None),
    }
}

/// Whether the Cloud refused a session, which says nothing of one that it replaced.
pub(super) fn is_refused(error: &CloudApiError) -> bool {
    error.status() == 401 && !error.is(&Code::SignedOut)
}

/// A newer session of another user is none of this session's.
fn same_user(engine: &Engine, token: &SessionToken, user: &CloudUser) -> Result<(), CloudApiError> {
    is_of(engine.verified(token).as_deref(), user)
}

fn is_of(known: Option<&Identity>, user: &CloudUser) -> Result<(), CloudApiError> {
    match known {
        Some(known) if known.user().id() != user.id() => Err(bad_member(BadMember("user.id"))),
        _ => Ok(()),
    }
}

/// The newer session that the Cloud set beside its answer, though the rest of that could not be used. Not the one that was known
/// `before`: other instances may share a later one.
fn newer(
    engine: &Engine,
    asked: &SessionToken,
    result: &Result<(Identity, bool), CloudApiError>,
    before: Option<NewerToken>,
    now: Now,
) -> Option<SessionToken> {
    let newer = if let Ok((identity, _)) = result {
        identity.user().session_token().clone()
    } else {
        let kept = engine.rotated(&engine.key(asked), now);
        let is_known = |it: &NewerToken| before.is_some_and(|known| known.key() == it.key());
        kept.filter(|it| !is_known(it))?.token().clone()
    };
    (!newer.same_as(asked)).then_some(newer)
}

fn rejected(code: Code) -> Authentication {
    Authentication::Rejected(CloudApiError::new(code))
}

/// Falls back to the stale identity while the Cloud is down; never past expiry or a sign-out.
fn unavailable(stale: Option<Arc<Identity>>, error: CloudApiError) -> Authentication {
    stale.map_or(
        Authentication::Unavailable(error),
        Authentication::Authenticated,
    )
}

/// The identity by the Cloud's answer, with the session's claims from the token itself.
fn said(engine: &Engine, user: CloudUser, now: Now) -> Identity {
    let said = Unverified::peek(user.session_token());
    let key = engine.key(user.session_token());
    let identity = Identity::new(key, user, said.session_id.clone(), said.expires_at);
    engine.accepted(identity.begun(said.issued_at), &said, now)
}

/// The identity by the signature, in the session by the Cloud's answer. Both must name the same user.
fn lives(identity: &Identity, validated: &Validated) -> Result<Identity, CloudApiError> {
    let session = &validated.session;
    if session.user_id() == identity.user().id() {
        Ok(identity.clone().in_session(session))
    } else {
        Err(bad_member(BadMember("session.user_id")))
    }
}

/// Caches an identity that was verified now, and answers with it.
pub(crate) fn settle(engine: &Engine, identity: Identity, now: Now) -> Authentication {
    answer(engine, engine.insert(identity, now), now)
}

fn answer(engine: &Engine, cached: Option<Arc<Identity>>, now: Now) -> Authentication {
    match cached {
        Some(identity) if engine.cache.is_over(&identity, now) => rejected(Code::SessionExpired),
        Some(identity) => Authentication::Authenticated(identity),
        // A sign-out during the call wins over its answer.
        None => rejected(Code::SignedOut),
    }
}

/// The cache's verdict, before any call.
pub(crate) enum Known {
    Answer(Authentication),
    /// The answer, and a background refresh to run.
    Due(Authentication),
    Ask(Option<Arc<Identity>>),
}

/// The cache's verdict for a request's first lookup, which is counted.
pub(crate) fn first_look(engine: &Engine, key: &TokenDigest, now: Now) -> Known {
    known(engine.cache.first_lookup(key, now))
}

/// The cache's verdict for a later lookup, which is not counted.
pub(crate) fn look(engine: &Engine, key: &TokenDigest, now: Now) -> Known {
    known(engine.lookup(key, now))
}

fn known(lookup: Lookup) -> Known {
    match lookup {
        Lookup::Fresh(identity) => Known::Answer(Authentication::Authenticated(identity)),
        Lookup::Due(identity) => Known::Due(Authentication::Authenticated(identity)),
        Lookup::Refused(refusal) => Known::Answer(Authentication::Rejected(refusal.error)),
        Lookup::SignedOut => Known::Answer(rejected(Code::SignedOut)),
        Lookup::Expired => Known::Answer(rejected(Code::SessionExpired)),
        Lookup::Stale(identity) => Known::Ask(Some(identity)),
        Lookup::Unknown => Known::Ask(None),
    }
}
