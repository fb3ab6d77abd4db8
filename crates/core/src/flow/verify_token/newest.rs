//! Asks the Cloud about the newest session that the instances share in the place of the one that a request brings.
//!
//! A refusal counts of the newest alone. Where Redis did not answer, or another instance asks too, that may have a newer one: Redis is asked once more. While the
//! other one asks still, there is no answer.
//! Where the Cloud refuses a newer one that came with a failed answer, the one before it may be good still.

use std::sync::Arc;

use super::super::results::Authentication;
use super::super::share_session::{Asking, Patience, Turn};
use super::super::task::Host;
use super::{Known, Pace, Question, answer, is_of, look, newer, rejected};
use crate::engine::Engine;
use crate::engine::rotated_tokens::Verified;
use crate::error::{CloudApiError, Code};
use crate::secret::SessionToken;
use crate::session::lookup::{Lookup, Refused};
use crate::session::{Identity, TokenDigest};

/// How many times a session may have been replaced within the grace.
const MOST_REPLACED: usize = 128;

/// How many sessions may be refused before the last one is asked about.
pub(crate) const MOST_REFUSED: usize = 2;

/// The sessions that stand for one another, from the one that a request brings.
pub(super) struct Chain<'t> {
    engine: &'t Arc<Engine>,
    host: &'t Host,
    brought: SessionToken,
    /// Where the next walk begins.
    from: SessionToken,
    refused: Vec<SessionToken>,
    patience: Patience,
    /// The identity of the first session on the way that was verified here.
    known: Option<Arc<Identity>>,
}

/// The Cloud's answer to the question about a session, or about one that stands in its place.
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) result: Result<(Identity, bool), CloudApiError>,
    /// Whether no instance can have a newer session than the one that was asked about.
    pub(super) is_newest: bool,
    /// The sessions that the Cloud refused on the way.
    pub(super) refused: Vec<SessionToken>,
    /// Whose the sessions on the way are, where that is known here.
    pub(super) known: Option<Arc<Identity>>,
}

impl<'t> Chain<'t> {
    pub(super) fn of(engine: &'t Arc<Engine>, host: &'t Host, brought: &SessionToken) -> Self {
        Self {
            engine,
            host,
            brought: brought.clone(),
            from: brought.clone(),
            refused: Vec::new(),
            patience: Patience::default(),
            known: None,
        }
    }

    /// Asks the Cloud. Or the answer to the request, where it is known here.
    pub(super) async fn ask(
        mut self,
        key: TokenDigest,
        mut question: Question,
        pace: Pace,
    ) -> Result<Asked, Authentication> {
        let (engine, host) = (self.engine, self.host);
        let mut last: Option<(CloudApiError, bool)> = None;
        let (result, is_newest) = loop {
            let Some(permit) = engine.may_ask(question.kind(), key, host.now()) else {
                let open = CloudApiError::new(Code::CircuitOpen);
                return Err(Authentication::Unavailable(open));
            };
            let (token, asking) = self.newest().await?;
            if let Some((error, is_newest)) = &last
                && self.refused.iter().any(|it| it.same_as(&token))
            {
                let is_taken = asking.is_taken();
                asking.end(host, engine, None, false).await;
                if is_taken {
                    break (Err(CloudApiError::new(Code::Timeout)), false);
                }
                if self.from.same_as(&self.brought) {
                    break (Err(error.clone()), *is_newest);
                }
                // There is still none newer than this one: the one before it is next.
                self.from = self.brought.clone();
                continue;
            }
            if !token.same_as(question.token()) {
                question = Question::Whose(token.clone());
            }
            let before = engine.rotated(&engine.key(&token), host.now());
            let result = question.ask(engine, pace, host).await;
            permit.report(&result, host.now());
            let (is_newest, is_taken) = (asking.is_newest(), asking.is_taken());
            let set = newer(engine, &token, &result, before, host.now());
            asking.end(host, engine, set.as_ref(), result.is_ok()).await;
            match result {
                Err(error) if self.has_another(&token, is_newest, &error) => {
                    last = Some((error, is_newest));
                    self.from = if is_newest { &self.brought } else { &token }.clone();
                    self.refused.push(token);
                }
                Err(error) if is_taken && refuses_session(&error) => {
                    break (Err(CloudApiError::new(Code::Timeout)), false);
                }
                result => break (result, is_newest),
            }
        };
        Ok(Asked {
            question,
            result,
            is_newest,
            refused: self.refused,
            known: self.known,
        })
    }

    /// Whether another session may be good, where the Cloud refused this one.
    fn has_another(&self, token: &SessionToken, is_newest: bool, error: &CloudApiError) -> bool {
        let is_last = is_newest && token.same_as(&self.brought);
        refuses_session(error) && !is_last && self.refused.len() < MOST_REFUSED
    }

    /// The session to ask about, with the turn to ask: the newest, but for those that the Cloud refused. Or the answer to the
    /// request, where it is known here.
    async fn newest(&mut self) -> Result<(SessionToken, Asking), Authentication> {
        let (engine, host) = (self.engine, self.host);
        let mut token = self.from.clone();
        self.known = engine.verified(&self.brought);
        for _ in 0..MOST_REPLACED {
            let turn = host.turn(engine, &token, &self.refused, &mut self.patience);
            let newer = match turn.await {
                Turn::Ask(asking) => return Ok((token, asking)),
                Turn::SignedOut => return Err(rejected(Code::SignedOut)),
                Turn::Newer(newer) => newer,
            };
            let (key, now) = (engine.key(&newer), host.now());
            self.known = self.known.take().or_else(|| engine.verified(&token));
            if let Lookup::Refused(refusal) = engine.lookup(&key, now)
                && refusal.of == Refused::Token
            {
                self.refused.push(newer);
                continue;
            }
            token = newer;
            match look(engine, &key, now) {
                Known::Answer(Authentication::Authenticated(it))
                | Known::Due(Authentication::Authenticated(it)) => {
                    let user = is_of(self.known.as_deref(), it.user());
                    user.map_err(Authentication::Unavailable)?;
                    let (brought, identity) = (&self.brought, it.as_ref().clone());
                    let newest = engine.replace(brought, identity, Verified::Before, now);
                    return Err(answer(engine, newest, now));
                }
                Known::Answer(answer) | Known::Due(answer) => return Err(answer),
                Known::Ask(_) => {}
            }
        }
        // Sessions that name one another in a circle, which no instance writes.
        Err(rejected(Code::SessionExpired))
    }
}

/// Whether the Cloud itself refused a session: not a proxy, and not its user.
fn refuses_session(error: &CloudApiError) -> bool {
    error.is_refusal() && error.status() == 401
}
