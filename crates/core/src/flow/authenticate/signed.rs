//! Tokens that are verified by signature: what is checked, and what follows.

use std::sync::Arc;

use super::super::identify::{Answer, Identify, settle};
use super::super::keys::FetchKeys;
use super::super::step::Jitter;
use super::{Authenticate, Background, Judged, Keys, Next, SignatureCheck, Waiting};
use crate::counters::Source;
use crate::engine::jwks_cache::Outlook;
use crate::engine::signature_check::SignatureError;
use crate::error::{CloudApiError, Code};
use crate::jwt::Reason;
use crate::session::Identity;
use crate::session::lookup::Lookup;
use crate::session::refusal::Refusal;
use crate::time::Now;

impl Authenticate<'_> {
    /// Hands out a signature check of a token.
    pub(super) fn check_signature(&mut self, waiting: Waiting, now: Now, jitter: Jitter) -> Judged {
        match SignatureCheck::new(&self.engine, waiting.key, &waiting.token, now) {
            Some(check) => {
                self.waiting = Some(waiting);
                Judged::Check(check)
            }
            None => self.without_key(waiting, &SignatureError::NoKeys, now, jitter),
        }
    }

    /// Acts on the result of a signature check.
    pub(super) fn proven(
        &mut self,
        waiting: Waiting,
        found: Result<Identity, SignatureError>,
        now: Now,
        jitter: Jitter,
    ) -> Judged {
        let engine = Arc::clone(&self.engine);
        let identity = match found {
            Ok(identity) => identity,
            Err(SignatureError::Refused(error)) => {
                // A token that is merely expired is not cached as refused: its session may be renewed.
                if !error.is(&Code::SessionExpired) {
                    engine.refused(waiting.key, Refusal::session(error.clone()), now);
                }
                return Judged::Refused(error, Source::Keys);
            }
            Err(unproven) => return self.without_key(waiting, &unproven, now, jitter),
        };
        if engine.keys().is_some_and(|keys| keys.is_due(now)) {
            let fetch = FetchKeys::new(Arc::clone(&engine), jitter);
            self.background = Some(Background::Keys(fetch));
        }
        if engine.config().verification.session_every().is_some() {
            let flow = Identify::proven(engine, identity, jitter);
            return Judged::Next(Next::Identify(flow));
        }
        match settle(&engine, identity, now) {
            Answer::Rejected(error) => Judged::Refused(error, Source::Keys),
            answer => Judged::Answer(answer, Source::Keys),
        }
    }

    /// A token whose key is not at hand: fetches the keys, once and where that can help. Where other keys may exist but
    /// cannot be fetched, the answer is unavailable.
    fn without_key(
        &mut self,
        waiting: Waiting,
        unproven: &SignatureError,
        now: Now,
        jitter: Jitter,
    ) -> Judged {
        let engine = Arc::clone(&self.engine);
        let outlook = engine
            .keys()
            .map_or(Outlook::Complete, |keys| keys.outlook(now));
        if outlook == Outlook::Fetch && waiting.keys == Keys::AtHand {
            self.waiting = Some(Waiting {
                keys: Keys::Fetched,
                ..waiting
            });
            return Judged::Next(Next::Keys(FetchKeys::new(engine, jitter)));
        }
        if outlook == Outlook::Complete && *unproven == SignatureError::UnknownKey {
            // Not cached: the key may be published at any moment.
            return Judged::Refused(Reason::UnknownKey.into(), Source::Keys);
        }
        if let Lookup::Stale(identity) = engine.lookup(&waiting.key, now) {
            return Judged::Answer(Answer::Authenticated(identity), Source::Cache);
        }
        let error = CloudApiError::new(Code::KeysUnavailable);
        Judged::Answer(Answer::Unavailable(error), Source::Keys)
    }
}
