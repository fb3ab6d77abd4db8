//! The newer token of a session: whose it is, and whether it takes the old one's place.

use core::time::Duration;

use super::super::results::Renewal;
use super::{Newer, Refresh, another_one, end, signed_out};
use crate::cloud::model::{CloudSession, CloudUser};
use crate::engine::signature_check::SignatureError;
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::Identity;
use crate::session::lookup::Lookup;
use crate::time::Now;
use crate::unverified::Unverified;

/// Tokens expire at whole seconds.
const SLACK: Duration = Duration::from_secs(1);

impl Refresh {
    /// The result where the breaker is open.
    pub(super) fn without_call(&self, newer: Newer, session: CloudSession) -> Renewal {
        let open = CloudApiError::new(Code::CircuitOpen);
        match newer {
            Newer::HandedOut(newer, _) => self.held(newer, session, open),
            Newer::Held | Newer::Known => self.known(session, open),
        }
    }

    /// The result of asking for the user of the newer token.
    pub(super) async fn verified(
        &self,
        result: Result<CloudUser, CloudApiError>,
        session: CloudSession,
        newer: Newer,
    ) -> Renewal {
        // The calls took longer than the token lasts. That says nothing of the session: ask anew.
        let since = self.host.now().monotonic.saturating_sub(self.asked_at);
        let is_late = matches!(newer, Newer::HandedOut(_, Some(life)) if life > SLACK && life <= since.saturating_add(SLACK));
        let result = match result {
            Ok(user) => match self.by_rules(user, is_late).await {
                Ok(user) => Ok(user),
                Err(renewal) => return renewal,
            },
            Err(error) => Err(error),
        };
        match (result, newer) {
            (Ok(user), Newer::HandedOut(..)) => self.handed_out(user, session, is_late),
            (Ok(user), newer) if user.id() == session.user_id() => {
                let now = self.host.now();
                let identity = self.identity(user, None, &session, now);
                // A host may have taken long to check its signature.
                if self.engine.cache.is_over(&identity, now) {
                    return late();
                }
                let cached = match newer {
                    // From now on the old token stands for it no longer than for any other.
                    Newer::Held => {
                        let session = session.clone();
                        self.engine
                            .rotate(self.key, None, identity, Some(session), now)
                    }
                    _ => self.engine.insert(identity, now),
                };
                cached.map_or_else(signed_out, |identity| self.renewed(identity, session))
            }
            (Ok(_), _) => another_one(),
            (Err(error), Newer::Held | Newer::Known) => self.known(session, error),
            (Err(error), _) if error.is_refusal() && is_late => late(),
            (Err(error), Newer::HandedOut(newer, _)) if error.is_outage() => {
                self.held(newer, session, error)
            }
            (Err(error), _) => self.failed(error),
        }
    }

    /// Puts a verified token that the Cloud issued just now in place of the old one.
    fn handed_out(&self, user: CloudUser, session: CloudSession, is_late: bool) -> Renewal {
        let (own_key, now) = (self.own_key(), self.host.now());
        let known = self.engine.peek(&own_key);
        let is_same = |id| user.id() == id;
        if !is_same(session.user_id()) || known.as_ref().is_some_and(|it| !is_same(it.user().id()))
        {
            return another_one();
        }
        let old_end = match &known {
            Some(known) => known.expires_at(),
            None => Unverified::peek(&self.token).expires_at,
        };
        let identity = self.identity(user, known.as_deref(), &session, now);
        if self.engine.cache.is_over(&identity, now) {
            if is_late {
                return late();
            }
            // It expires as it begins, or this clock counts and is wrong: every request would refresh it.
            return self.cache_rejection(CloudApiError::new(Code::SessionExpired));
        }
        self.engine
            .rotate(own_key, old_end, identity, Some(session.clone()), now)
            .map_or_else(signed_out, |identity| self.renewed(identity, session))
    }

    /// What is known of the newer token stays signed in while the Cloud cannot be asked.
    fn known(&self, session: CloudSession, error: CloudApiError) -> Renewal {
        match self.engine.lookup(&self.own_key(), self.host.now()) {
            Lookup::Stale(known) | Lookup::Fresh(known) | Lookup::Due(known) => {
                self.renewed(known, session)
            }
            _ => Renewal::Unavailable(error),
        }
    }

    /// The newer token could not be verified. Later the old one may be too old to get another, so the newer one is kept,
    /// unless it may be another user's.
    fn held(&self, newer: SessionToken, session: CloudSession, error: CloudApiError) -> Renewal {
        let own_key = self.own_key();
        if !self.engine.is_of_another(&own_key, session.user_id()) {
            self.engine.hold(own_key, newer, session, self.host.now());
        }
        Renewal::Unavailable(error)
    }

    /// The user of the newer token, by the rules that check the next request. A token that they refuse is not handed out.
    /// Where its key is not at hand, or the host cannot check, the Cloud's answer counts.
    async fn by_rules(&self, user: CloudUser, is_late: bool) -> Result<CloudUser, Renewal> {
        if self.engine.keys().is_none() {
            return Ok(user);
        }
        let token = user.session_token();
        let key = self.engine.key(token);
        let checked = self.host.check_signature(&self.engine, key, token).await;
        match checked {
            Ok(identity) if identity.user().id() == user.id() => Ok(identity.user().clone()),
            Ok(_) => Err(another_one()),
            Err(
                SignatureError::UnknownKey | SignatureError::NoKeys | SignatureError::Unchecked,
            ) => Ok(user),
            Err(SignatureError::Refused(error)) if is_late && error.is(&Code::SessionExpired) => {
                Err(late())
            }
            Err(SignatureError::Refused(error)) => {
                let own = self.engine.lookup(&self.own_key(), self.host.now());
                Err(match own {
                    Lookup::Fresh(_) | Lookup::Due(_) | Lookup::Stale(_) => {
                        Renewal::Unavailable(error)
                    }
                    _ => self.cache_rejection(error),
                })
            }
        }
    }

    fn identity(
        &self,
        user: CloudUser,
        known: Option<&Identity>,
        session: &CloudSession,
        now: Now,
    ) -> Identity {
        let said = Unverified::peek(user.session_token());
        let session_id = known
            .and_then(Identity::session_id)
            .cloned()
            .or_else(|| said.session_id.clone())
            .unwrap_or_else(|| session.id().clone());
        let key = self.engine.key(user.session_token());
        let end = end(session, said.expires_at);
        let identity = Identity::new(key, user, Some(session_id), Some(end))
            .begun(Some(session.created_at()))
            .session_ending(session.expires_at());
        self.engine.accepted(identity, &said, now)
    }
}

fn late() -> Renewal {
    Renewal::Unavailable(CloudApiError::new(Code::Timeout))
}
