//! Authentication with renewal, for a driver that can set a newer cookie on the response.
//!
//! The search is that of [`super::authenticate`]. Near its expiry, one of the requests with a session cookie renews the
//! token, while the others get the cached identity. Past its expiry, all of them wait for the one renewal. A bearer is never
//! renewed, since its client keeps it.
//!
//! A cookie's token that the Cloud refused is renewed once, unless it states an expiry far ahead: it may have been expired. A
//! renewal that fails signs no user out whose token is still good.

use std::sync::Arc;

use super::authenticate::{Authenticate, Background, Credentials, Next};
use super::call::out_of_turn;
use super::identify::{Answer, Identify};
use super::renew::{Renew, Renewal};
use super::step::Jitter;
use crate::cookie::SetCookie;
use crate::counters::{Counting, Source};
use crate::engine::Engine;
use crate::engine::signature_check::SignatureError;
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::session::identity::{Identity, renew_from};
use crate::session::lookup::Lookup;
use crate::session::refusal::Refused;
use crate::time::Now;
use crate::unverified::Unverified;

/// What the driver does next.
#[derive(Debug)]
pub enum Wanted {
    /// A step of the search, or the answer.
    Next(Next),
    /// Run this flow, one per key, pass its result to `renewed`, and go on with `None`.
    Renew(Renew),
}

/// The authentication of one request, with renewal.
pub struct Renewing<'h> {
    engine: Arc<Engine>,
    search: Authenticate<'h>,
    source: Source,
    cookies: Option<&'h str>,
    /// How many cookies were tried for an expired one.
    tried: usize,
    /// The token that is being renewed.
    asked: Option<SessionToken>,
    /// The key of the last token that a renewal was begun for.
    begun: Option<TokenDigest>,
    /// The identity, while its token is still good.
    good: Option<Arc<Identity>>,
    /// Whether the token states that it is still good, and is not verified yet.
    is_unasked: bool,
    came: Option<Renewal>,
    refused: Option<(CloudApiError, Source)>,
    /// The cookie to set, and the key of its token.
    cookie: Option<(TokenDigest, SetCookie)>,
}

impl<'h> Renewing<'h> {
    /// Authenticates a request by these credentials. `cookies` is the `Cookie` header that they were read from.
    pub fn new(
        engine: &Arc<Engine>,
        credentials: Credentials<'h>,
        cookies: Option<&'h str>,
    ) -> Self {
        Self {
            engine: Arc::clone(engine),
            // The search's answer may not be the request's, so it is not counted.
            search: Authenticate::new(engine, credentials).counting(Counting::Never),
            source: Source::None,
            cookies,
            tried: 0,
            asked: None,
            begun: None,
            good: None,
            is_unasked: false,
            came: None,
            refused: None,
            cookie: None,
        }
    }

    /// Goes on: with `None` at first, then with each flow's answer.
    pub fn next(&mut self, last: Option<Answer>, now: Now, jitter: Jitter) -> Wanted {
        let last = match self.came.take() {
            None => last,
            Some(renewal) => match self.settle(renewal) {
                Some((Answer::Rejected(error), _)) => {
                    self.refused.get_or_insert((error.clone(), Source::Cloud));
                    Some(Answer::Rejected(error))
                }
                Some((answer, source)) => return self.done(answer, source),
                None => return self.look_again(jitter),
            },
        };
        match self.search.next(last, now, jitter) {
            Next::Done(Answer::Authenticated(identity)) => self.found(identity, now, jitter),
            Next::Done(Answer::Rejected(error)) => self.rejected(error, now, jitter),
            Next::Done(answer) => self.done(answer, self.search.source()),
            Next::Identify(flow) => self.unknown(flow, now, jitter),
            Next::Keys(flow) => Wanted::Next(Next::Keys(flow)),
        }
    }

    /// Takes the result of a renewal.
    pub fn renewed(&mut self, renewal: Renewal) {
        self.came = Some(renewal);
    }

    /// The source of the answer, once there is one.
    pub const fn source(&self) -> Source {
        self.source
    }

    fn done(&mut self, answer: Answer, source: Source) -> Wanted {
        self.source = source;
        // The renewal may have been for a token that was not accepted in the end.
        let whose = match &answer {
            Answer::Authenticated(identity) => Some(identity.key()),
            _ => None,
        };
        self.cookie = self.cookie.take().filter(|(of, _)| Some(*of) == whose);
        self.engine.counters().answered(answer.outcome(), source);
        Wanted::Next(Next::Done(answer))
    }

    /// The background work, once there is an answer.
    pub const fn take_background(&mut self) -> Option<Background> {
        self.search.take_background()
    }

    /// The cookie to set on the response, where a session was renewed.
    pub fn take_cookie(&mut self) -> Option<SetCookie> {
        self.cookie.take().map(|(_, cookie)| cookie)
    }

    /// None where the token is still to be verified: it is good, or its session ends later than was known.
    fn settle(&mut self, renewal: Renewal) -> Option<(Answer, Source)> {
        let known = self.search.source();
        let good = self
            .good
            .take()
            .map(|identity| (Answer::Authenticated(identity), known));
        let is_unasked = core::mem::take(&mut self.is_unasked);
        match renewal {
            Renewal::Renewed(renewed) => {
                let identity = Arc::clone(&renewed.identity);
                self.cookie = Some((identity.key(), renewed.cookie.clone()));
                Some((Answer::Authenticated(identity), Source::Cloud))
            }
            Renewal::Unchanged { cookie, .. } => {
                let asked = self.asked.as_ref();
                let key = asked.map(|token| self.engine.key(token.expose()));
                self.cookie = key.zip(cookie);
                good
            }
            Renewal::Ended(error) => Some((Answer::Rejected(error), Source::Cloud)),
            Renewal::Unavailable(_) if is_unasked => None,
            Renewal::Unavailable(error) => {
                Some(good.unwrap_or((Answer::Unavailable(error), Source::Cloud)))
            }
        }
    }

    fn look_again(&mut self, jitter: Jitter) -> Wanted {
        match self.asked.take() {
            Some(token) => {
                let flow = Identify::new(Arc::clone(&self.engine), token, jitter);
                Wanted::Next(Next::Identify(flow))
            }
            None => self.done(Answer::Unavailable(out_of_turn()), Source::None),
        }
    }

    /// Answers with an identity, and renews its token where that is due.
    fn found(&mut self, identity: Arc<Identity>, now: Now, jitter: Jitter) -> Wanted {
        let key = identity.key();
        let is_time = identity.is_renewal_due(now.wall)
            && self.is_from_cookie(&key)
            && (self.engine.has_newer(&key, now) || self.engine.may_renew(&key, now));
        if !is_time {
            return self.done(Answer::Authenticated(identity), self.search.source());
        }
        let token = identity.user().session_token().clone();
        self.good = Some(identity);
        self.renew(token, jitter)
    }

    /// Verifies an unknown token. One that states that it is near or past its expiry is renewed first: where the Cloud's
    /// clock is ahead of this one, verifying it may fail already.
    fn unknown(&mut self, flow: Identify, now: Now, jitter: Jitter) -> Wanted {
        let key = flow.key();
        if !self.is_from_cookie(&key) {
            return Wanted::Next(Next::Identify(flow));
        }
        let said = Unverified::peek(flow.token());
        let is_past = said.expires_at.is_some_and(|end| end <= now.wall);
        let before = self.engine.config().policy.renew_before;
        let from = said
            .expires_at
            .zip(said.issued_at)
            .map(|(end, issued)| renew_from(issued, end, before));
        let is_near =
            || from.is_some_and(|from| from <= now.wall) && self.engine.may_renew(&key, now);
        if is_past || self.engine.has_newer(&key, now) || is_near() {
            self.is_unasked = !is_past;
            return self.renew(flow.token().clone(), jitter);
        }
        Wanted::Next(Next::Identify(flow))
    }

    /// The credentials were refused: renews a cookie's token that may be merely expired.
    fn rejected(&mut self, error: CloudApiError, now: Now, jitter: Jitter) -> Wanted {
        self.refused.get_or_insert((error, self.search.source()));
        let cookies = self
            .cookies
            .and_then(|header| self.engine.session_cookies(header, None).ok());
        for text in cookies.into_iter().flatten().skip(self.tried) {
            self.tried = self.tried.saturating_add(1);
            let Ok(token) = SessionToken::parse(text) else {
                continue;
            };
            if self.may_be_past_its_end(&token, now) {
                return self.renew(token, jitter);
            }
        }
        let (error, source) = self
            .refused
            .take()
            .unwrap_or_else(|| (CloudApiError::new(Code::SessionExpired), Source::None));
        self.done(Answer::Rejected(error), source)
    }

    /// Whether a token may have been refused for being expired. Where signatures are verified, its signature must be good, so
    /// that an invented token costs no call.
    fn may_be_past_its_end(&self, token: &SessionToken, now: Now) -> bool {
        let key = self.engine.key(token.expose());
        match self.engine.lookup(&key, now) {
            _ if self.begun == Some(key) => false,
            Lookup::Expired => true,
            Lookup::Refused(refusal) => {
                refusal.of == Refused::Token && self.says_nothing_else(token, now)
            }
            Lookup::Unknown => matches!(
                self.engine.check_signature(key, token, now),
                Err(SignatureError::Refused(error)) if error.is(&Code::SessionExpired)
            ),
            _ => false,
        }
    }

    /// Whether a token that the Cloud refused may be expired by its own claims: it states no expiry, or a near one, or this
    /// clock is behind its issuer's. Any other token is asked about once, however often it is brought.
    fn says_nothing_else(&self, token: &SessionToken, now: Now) -> bool {
        let said = Unverified::peek(token);
        let near = now.wall.plus(self.engine.config().policy.renew_before);
        said.expires_at.is_none_or(|end| end <= near)
            || said.issued_at.is_some_and(|issued| issued > now.wall)
    }

    fn renew(&mut self, token: SessionToken, jitter: Jitter) -> Wanted {
        self.begun = Some(self.engine.key(token.expose()));
        self.asked = Some(token.clone());
        Wanted::Renew(Renew::new(Arc::clone(&self.engine), token, jitter))
    }

    fn is_from_cookie(&self, key: &TokenDigest) -> bool {
        self.cookies
            .and_then(|header| self.engine.session_cookies(header, None).ok())
            .is_some_and(|mut values| values.any(|text| self.engine.key(text) == *key))
    }
}

impl core::fmt::Debug for Renewing<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}
