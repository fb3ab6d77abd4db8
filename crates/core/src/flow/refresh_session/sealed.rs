//! Sealed sessions: the Cloud replaces one beside any answer, and from then on refuses the old one.
//!
//! The newer one is kept before anything else is done, so that no failure after it loses the session. Its user is asked for
//! like that of any other session.

use core::mem;
use std::sync::Arc;

use super::super::results::{Authentication, Renewal, Renewed};
use super::super::share_session::{Asking, Patience, Turn};
use super::super::verify_token::{MOST_REFUSED, Pace, is_refused, verify_token};
use super::{Refresh, signed_out};
use crate::cloud::envelope::bad_member;
use crate::cloud::ops::refresh_session::RefreshSession;
use crate::engine::breaker::CallKind;
use crate::engine::rotated_tokens::Verified;
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::lookup::{Lookup, Refused};

impl Refresh {
    pub(super) async fn run_sealed(&mut self) -> Renewal {
        let (old, now) = (self.token.clone(), self.host.now());
        // A refusal on the way forgets it.
        let known = self.engine.known_before(&old, now);
        self.whose = known.map(|known| known.user().id().clone());
        let Some(newer) = self.engine.rotated(&self.key, now) else {
            return match self.engine.lookup(&self.key, now) {
                Lookup::SignedOut => signed_out(),
                Lookup::Refused(refusal) if refusal.of == Refused::Session => {
                    Renewal::Ended(refusal.error)
                }
                _ => self.ask_for_newer(Vec::new()).await,
            };
        };
        self.token = newer.token().clone();
        let mut renewal = self.newest(&old).await;
        if let Some(before) = newer.before()
            && matches!(&renewal, Renewal::Ended(error) if is_refused(error))
        {
            self.token = before.token().clone();
            renewal = self.newest(&old).await;
        }
        match renewal {
            // Another instance may have replaced it since, or it came with a failed answer: then the old one decides.
            Renewal::Ended(error)
                if is_refused(&error)
                    && (!newer.is_verified() || self.engine.shared_session(&old).is_some()) =>
            {
                self.token = old;
                match self.engine.lookup(&self.key, self.host.now()) {
                    Lookup::Refused(own) if own.of == Refused::Session => Renewal::Ended(own.error),
                    _ => self.ask_for_newer(vec![newer.token().clone()]).await,
                }
            }
            renewal => renewal,
        }
    }

    /// Asks the Cloud for a newer session, where no other instance was given one but those that were `refused`.
    async fn ask_for_newer(&mut self, mut refused: Vec<SessionToken>) -> Renewal {
        let old = self.token.clone();
        let config = Arc::clone(self.engine.config());
        let Some(operation) = RefreshSession::new(&config, old.clone()) else {
            return Renewal::Unavailable(CloudApiError::new(Code::NotImplemented));
        };
        let now = self.host.now();
        let Some(permit) = self.engine.may_ask(CallKind::Validate, self.key, now) else {
            return Renewal::Unavailable(CloudApiError::new(Code::CircuitOpen));
        };
        let mut patience = Patience::default();
        let asking = match self.turn(&old, &mut refused, &mut patience).await {
            Ok(asking) => asking,
            Err(renewal) => return renewal,
        };
        let result = self.host.call(&config, operation).await;
        let now = self.host.now();
        permit.report(&result, now);
        let newer = result.as_ref().ok().and_then(Option::as_ref);
        if let Some(newer) = newer {
            self.engine.hold_sealed(self.key, newer.clone(), now);
        }
        let is_newest = asking.is_newest();
        asking
            .end(&self.host, &self.engine, newer, result.is_ok())
            .await;
        match result {
            Ok(None) => match self.newest(&old).await {
                Renewal::Ended(error) if is_refused(&error) => self.failed(error),
                renewal => renewal,
            },
            Ok(Some(newer)) => {
                self.token = newer;
                match self.newest(&old).await {
                    // The Cloud knows nothing of what it just set, so that was damaged on the way. The next refresh asks about the old
                    // one.
                    Renewal::Ended(error) if error.status() == 401 => {
                        Renewal::Unavailable(bad_member(BadMember("session")))
                    }
                    renewal => renewal,
                }
            }
            Err(error) => match self.engine.rotated(&self.key, now) {
                // Another answer replaced the session while the Cloud was asked.
                Some(newer) if error.is_refusal() && !newer.token().same_as(&old) => {
                    self.token = newer.token().clone();
                    match self.newest(&old).await {
                        Renewal::Ended(error) if is_refused(&error) => {
                            self.token = old;
                            self.refused(error, is_newest, refused, patience).await
                        }
                        renewal => renewal,
                    }
                }
                _ => self.refused(error, is_newest, refused, patience).await,
            },
        }
    }

    /// The renewal where the Cloud refused the old session. Redis may not have answered before, and may do so now.
    async fn refused(
        &mut self,
        error: CloudApiError,
        is_newest: bool,
        mut refused: Vec<SessionToken>,
        mut patience: Patience,
    ) -> Renewal {
        if is_newest || !is_refused(&error) {
            return self.failed(error);
        }
        let old = self.token.clone();
        match self.turn(&old, &mut refused, &mut patience).await {
            Ok(asking) => {
                let is_taken = asking.is_taken();
                asking.end(&self.host, &self.engine, None, false).await;
                if is_taken {
                    return Renewal::Unavailable(CloudApiError::new(Code::Timeout));
                }
                self.failed(error)
            }
            Err(renewal) => renewal,
        }
    }

    /// The turn to ask the Cloud about the old session. Or the renewal, with the newer one that another instance was given: where
    /// the Cloud refuses that too, it may have come with a failed answer, and the old one decides.
    async fn turn(
        &mut self,
        old: &SessionToken,
        refused: &mut Vec<SessionToken>,
        patience: &mut Patience,
    ) -> Result<Asking, Renewal> {
        loop {
            match self.host.turn(&self.engine, old, refused, patience).await {
                Turn::Ask(asking) => return Ok(asking),
                Turn::SignedOut => return Err(signed_out()),
                Turn::Newer(newer) => self.token = newer,
            }
            let renewal = self.newest(old).await;
            let newer = mem::replace(&mut self.token, old.clone());
            match renewal {
                Renewal::Ended(error) if is_refused(&error) && refused.len() < MOST_REFUSED => {
                    refused.push(newer);
                }
                Renewal::Ended(error) => return Err(self.cache_rejection(error)),
                renewal => {
                    self.token = newer;
                    return Err(renewal);
                }
            }
        }
    }

    /// The user of the session at hand. The answer may set a newer one once more.
    async fn newest(&mut self, old: &SessionToken) -> Renewal {
        let known = self.engine.known_before(old, self.host.now());
        let known = known.map(|known| known.user().id().clone());
        let whose = known.or_else(|| self.whose.clone());
        let key = self.own_key();
        let verify = verify_token(
            &self.engine,
            key,
            self.token.clone(),
            Pace::Wanted,
            self.host.jitter(),
        );
        let identity = match self.host.verify(verify).await {
            Authentication::Authenticated(identity) => identity,
            Authentication::Rejected(error) => return Renewal::Ended(error),
            Authentication::Unavailable(error) => return Renewal::Unavailable(error),
            Authentication::Anonymous => return signed_out(),
        };
        let now = self.host.now();
        if whose.is_some_and(|whose| whose != *identity.user().id()) {
            return super::another_one();
        }
        if identity.key() == self.key {
            let session = self.engine.own_session(&identity, now);
            return match session {
                Some(session) => Renewal::Unchanged {
                    session,
                    cookie: None,
                },
                None => signed_out(),
            };
        }
        let is_confirmed = self.engine.has_newer(&self.key, now);
        let identity = if is_confirmed {
            Some(identity)
        } else {
            let identity = identity.as_ref().clone();
            self.engine.replace(old, identity, Verified::Before, now)
        };
        let Some(identity) = identity else {
            return signed_out();
        };
        match self.engine.own_session(&identity, now) {
            Some(session) => match Renewed::new(&self.engine, identity, session, now) {
                Ok(renewed) => Renewal::Renewed(renewed.into()),
                Err(error) => Renewal::Unavailable(error),
            },
            None => signed_out(),
        }
    }
}
