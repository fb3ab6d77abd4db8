//! Whether a token's session is alive, from the cache or from the Cloud.
//!
//! A token that is signed out here or expired has no session, nor has one whose session was refused a moment ago; no call is
//! made. Otherwise the Cloud is asked, unless the breaker is open. A refusal is cached, so a host that checks a dead cookie
//! on every request costs the Cloud nothing. A newer token in the answer is ignored: [`super::refresh_session`] takes it.
//! Where the session's id at the Cloud is revoked here, which the token may not state, its tokens are revoked too.

use std::sync::Arc;

use super::results::Authentication;
use super::task::{Host, Jitter, Shared, Task};
use super::verify_token::{Pace, is_refused, verify_token};
use crate::cloud::envelope::bad_member;
use crate::cloud::model::CloudSession;
use crate::cloud::ops::validate_session::{ValidateSession, Validated};
use crate::engine::Engine;
use crate::engine::breaker::CallKind;
use crate::engine::rotated_tokens::{HandedOut, NewerToken};
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::session::lookup::{Lookup, Refusal, Refused};
use crate::time::Now;

/// The session; none where it has ended or the token is refused.
pub type LiveSession = Result<Option<CloudSession>, CloudApiError>;

/// Checks this token's session.
pub fn validate_session(
    engine: &Arc<Engine>,
    token: SessionToken,
    jitter: Jitter,
) -> Shared<LiveSession> {
    let (own, key) = (Arc::clone(engine), engine.key(&token));
    let task = Task::new(jitter, |host| async move {
        validate(&own, key, token, &host).await
    });
    Shared::new(key, task)
}

async fn validate(
    engine: &Arc<Engine>,
    key: TokenDigest,
    token: SessionToken,
    host: &Host,
) -> LiveSession {
    if is_over(engine, &key, host.now()) {
        return Ok(None);
    }
    if engine.config().table().validate.is_none() {
        return by_user(engine, key, token, host).await;
    }
    let Some(permit) = engine.may_ask(CallKind::Validate, key, host.now()) else {
        return Err(CloudApiError::new(Code::CircuitOpen));
    };
    let operation = ValidateSession::new(token.clone());
    let result = host.call(engine.config(), operation).await;
    let now = host.now();
    permit.report(&result, now);
    match result {
        Ok(Validated { session, .. }) if engine.is_of_another(&key, session.user_id()) => {
            Err(bad_member(BadMember("session.user_id")))
        }
        // Its id at the Cloud or its user was revoked, here or elsewhere.
        Ok(Validated { session, newer }) if engine.is_ended(&session, now) => {
            for token in newer.iter().chain([&token]) {
                let end = Some(session.expires_at());
                engine.sign_out_proven(token, session.id(), end, now);
            }
            Ok(None)
        }
        // A sign-out during the call wins over its answer.
        Ok(Validated { session, .. }) => Ok(Some(engine.accepted_session(session, &key, now))
            .filter(|session| session.expires_at() > now.wall && !is_over(engine, &key, now))),
        Err(error) if error.is_refusal() => {
            engine.refused(key, Refusal::session(error), now);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Where the Cloud has no records of sessions, one is alive where its user is known. The answer to a sealed one may set a newer
/// one, which is kept like any other.
async fn by_user(
    engine: &Arc<Engine>,
    key: TokenDigest,
    token: SessionToken,
    host: &Host,
) -> LiveSession {
    let brought = token;
    let newer = engine.rotated(&key, host.now());
    let token = newer.as_ref().map_or(&brought, NewerToken::token).clone();
    let (newest, known) = (
        engine.key(&token),
        engine.known_before(&brought, host.now()),
    );
    let verify = |key, token| verify_token(engine, key, token, Pace::Wanted, host.jitter());
    let mut answer = host.verify(verify(newest, token)).await;
    let is_over = |answer: &Authentication| matches!(answer, Authentication::Rejected(error) if is_refused(error));
    if let Some(before) = newer.as_ref().and_then(NewerToken::before)
        && is_over(&answer)
    {
        answer = host
            .verify(verify(*before.key(), before.token().clone()))
            .await;
    }
    if is_over(&answer) && newest != key {
        // Another instance may have replaced it since, or it came with a failed answer: then the old one decides.
        answer = host.verify(verify(key, brought.clone())).await;
    }
    match answer {
        Authentication::Authenticated(identity)
            if known.is_some_and(|known| known.user().id() != identity.user().id()) =>
        {
            Err(bad_member(BadMember("user.id")))
        }
        Authentication::Authenticated(identity) => {
            let newer = identity.user().session_token();
            if identity.key() != key
                && !host
                    .answered_for(engine, &brought, newer, HandedOut::No)
                    .await
            {
                return Ok(None);
            }
            Ok(engine.own_session(&identity, host.now()))
        }
        Authentication::Rejected(_) | Authentication::Anonymous => Ok(None),
        Authentication::Unavailable(error) => Err(error),
    }
}

fn is_over(engine: &Engine, key: &TokenDigest, now: Now) -> bool {
    match engine.lookup(key, now) {
        Lookup::SignedOut | Lookup::Expired => true,
        Lookup::Refused(refusal) => refusal.of == Refused::Session,
        _ => false,
    }
}
