//! Sealed sessions: the Cloud replaces one beside any answer, and from then on refuses the old one.
//!
//! The newer one is kept before anything else is done, so that no failure after it loses the session. Its user is asked for
//! like that of any other session.

use std::sync::Arc;

use super::super::results::{Authentication, Renewal, Renewed};
use super::super::share_session::Turn;
use super::super::verify_token::{Pace, verify_token};
use super::{Refresh, signed_out};
use crate::cloud::envelope::bad_member;
use crate::cloud::ops::refresh_session::RefreshSession;
use crate::engine::breaker::CallKind;
use crate::error::{CloudApiError, Code};
use crate::json::BadMember;
use crate::secret::SessionToken;
use crate::session::lookup::{Lookup, Refused};

impl Refresh {
    pub(super) async fn run_sealed(&mut self) -> Renewal {
        let (old, now) = (self.token.clone(), self.host.now());
        let Some(newer) = self.engine.rotated(&self.key, now) else {
            return match self.engine.lookup(&self.key, now) {
                Lookup::SignedOut => signed_out(),
                Lookup::Refused(refusal) if refusal.of == Refused::Session => {
                    Renewal::Ended(refusal.error)
                }
                _ => self.ask_for_newer().await,
            };
        };
        self.token = newer.token().clone();
        let renewal = self.newest(&old).await;
        match renewal {
            // What is kept may be lost to another instance that refreshed it: the Cloud decides about the one at hand.
            Renewal::Ended(_) if !newer.is_verified() => {
                self.token = old;
                self.ask_for_newer().await
            }
            renewal => renewal,
        }
    }

    async fn ask_for_newer(&mut self) -> Renewal {
        let old = self.token.clone();
        let config = Arc::clone(self.engine.config());
        let Some(operation) = RefreshSession::new(&config, old.clone()) else {
            return Renewal::Unavailable(CloudApiError::new(Code::NotImplemented));
        };
        let now = self.host.now();
        let Some(permit) = self.engine.may_ask(CallKind::Validate, self.key, now) else {
            return Renewal::Unavailable(CloudApiError::new(Code::CircuitOpen));
        };
        let asking = match self.host.turn(&self.engine, &old).await {
            Turn::Ask(asking) => asking,
            Turn::SignedOut => return signed_out(),
            Turn::Newer(newer) => return self.taken_over(newer, old).await,
        };
        let result = self.host.call(&config, operation).await;
        let now = self.host.now();
        permit.report(&result, now);
        let newer = result.as_ref().ok().and_then(Option::as_ref);
        if let Some(newer) = newer {
            self.engine.hold_sealed(self.key, newer.clone(), now);
        }
        asking.end(&self.host, &self.engine, newer).await;
        match result {
            Ok(None) => self.newest(&old).await,
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
                    self.newest(&old).await
                }
                _ => self.failed(error),
            },
        }
    }

    /// Goes on with the newer session that another instance was given. Where that has ended, so has the old one.
    async fn taken_over(&mut self, newer: SessionToken, old: SessionToken) -> Renewal {
        self.token = newer;
        match self.newest(&old).await {
            Renewal::Ended(error) => {
                self.token = old;
                self.cache_rejection(error)
            }
            renewal => renewal,
        }
    }

    /// The user of the session at hand. The answer may set a newer one once more.
    async fn newest(&mut self, old: &SessionToken) -> Renewal {
        let (key, known) = (self.own_key(), self.engine.peek(&self.key));
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
        if known
            .as_ref()
            .is_some_and(|it| it.user().id() != identity.user().id())
        {
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
            self.engine.replace(old, identity.as_ref().clone(), now)
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
