//! One instance at a time asks the Cloud about a sealed session, and the others take the newer session that it was given.
//!
//! Where the instances share a Redis, a task looks there first. It waits while another instance asks, about as long as a call may
//! take. Where Redis does not answer, or the other instance is lost, the task asks the Cloud as it would without Redis.

use core::time::Duration;

use super::task::Host;
use crate::engine::Engine;
use crate::engine::rotated_tokens::{HandedOut, ToShare};
use crate::engine::shared_sessions::{Look, SharedSession};
use crate::secret::SessionToken;
use crate::session::TokenDigest;
use crate::session::lookup::Lookup;

const FIRST_WAIT: Duration = Duration::from_millis(25);
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// After a look whose reply was lost: the claim may be this instance's own.
const WAIT_AFTER_LOSS: Duration = Duration::from_millis(400);

/// How many newer sessions a sign-out follows.
const MOST_ENDED: usize = 128;

/// How long a task waits for other instances, in all its turns.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Until when, on the monotonic clock. None before the first turn.
    until: Option<Duration>,
    /// Whether a reply was lost: a claim may be this task's own.
    has_lost: bool,
}

/// What to do about a session.
pub(super) enum Turn {
    /// Another instance was given this newer session.
    Newer(SessionToken),
    /// It was signed out here meanwhile.
    SignedOut,
    /// Ask the Cloud, and then [end the turn](Asking::end).
    Ask(Asking),
}

/// A turn to ask the Cloud about a session.
#[must_use = "other instances wait for its end"]
pub(super) struct Asking {
    /// None where the instances share nothing.
    shared: Option<SharedSession>,
    claim: Claim,
    /// Whether the instances may share a newer session that the Cloud refuses.
    has_refused: bool,
}

/// Whose the claim of a session is, that no instance has a newer one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Own,
    Others,
    /// Redis did not answer once, or there is none.
    Unknown,
}

impl Asking {
    /// Whether no other instance was given a newer session, as far as the instances share them.
    pub(super) fn is_newest(&self) -> bool {
        self.claim == Claim::Own
    }

    /// Whether another instance asks too, which may be given a newer session at any moment: a refusal says nothing.
    pub(super) fn is_taken(&self) -> bool {
        self.claim == Claim::Others
    }

    /// Ends the turn: shares the newer session, where the Cloud set one. Where it set none and `is_accepted` the old one, a newer
    /// one that it refuses is shared no longer.
    pub(super) async fn end(
        self,
        host: &Host,
        engine: &Engine,
        newer: Option<&SessionToken>,
        is_accepted: bool,
    ) {
        let Some(shared) = &self.shared else {
            return;
        };
        let grace = engine.config().policy.renewed_grace;
        let commands = match newer.and_then(|newer| shared.keep(newer, grace)) {
            Some(commands) => commands,
            None if self.is_newest() && self.has_refused && is_accepted => {
                vec![shared.forget(), shared.release()]
            }
            None if self.is_newest() => vec![shared.release()],
            None => return,
        };
        // Where Redis does not take it, the newer session is known here alone.
        host.redis(commands).await;
    }
}

impl Host {
    /// Notes whether the newer session was handed out with an answer that an old one was brought for, and has the instances share
    /// it for as long as the old one stands. False where the session was signed out here meanwhile, which wins over the answer.
    #[must_use]
    pub(super) async fn answered_for(
        &self,
        engine: &Engine,
        old: &SessionToken,
        newer: &SessionToken,
        handed_out: HandedOut,
    ) -> bool {
        let to_share = engine.answered_for(old, handed_out, self.now());
        self.put(engine, to_share).await;
        // The end of a user is that of the newer one alone.
        let now = self.now();
        ![old, newer]
            .into_iter()
            .any(|it| engine.is_signed_out(it, now))
    }

    /// Has the instances share the newest session anew in the place of all old ones that they share for longer than the grace.
    pub(super) async fn share_moved(&self, engine: &Engine, newest: &TokenDigest) {
        self.put(engine, engine.moved_to(newest, self.now())).await;
    }

    /// The newer sessions that the instances share in this one's place, the newest last.
    pub(super) async fn newer_than(
        &self,
        engine: &Engine,
        token: &SessionToken,
    ) -> Vec<SessionToken> {
        let mut found: Vec<SessionToken> = Vec::new();
        for _ in 0..MOST_ENDED {
            let Some(shared) = engine.shared_session(found.last().unwrap_or(token)) else {
                break;
            };
            let replies = self.redis(vec![shared.peek()]).await;
            let newer = replies.and_then(|replies| shared.peeked(&replies));
            match newer.filter(|newer| !found.iter().chain([token]).any(|it| it.same_as(newer))) {
                Some(newer) => found.push(newer),
                None => break,
            }
        }
        found
    }

    async fn put(&self, engine: &Engine, to_share: impl IntoIterator<Item = ToShare>) {
        let command = |it: ToShare| engine.shared_session(&it.old)?.put(&it.newer, it.time);
        let commands: Vec<_> = to_share.into_iter().filter_map(command).collect();
        if !commands.is_empty() {
            self.redis(commands).await;
        }
    }

    /// Waits for the turn to ask the Cloud about this session. A newer one that the Cloud `refused` counts as none.
    pub(super) async fn turn(
        &self,
        engine: &Engine,
        token: &SessionToken,
        refused: &[SessionToken],
        patience: &mut Patience,
    ) -> Turn {
        let has_refused = !refused.is_empty();
        let Some(shared) = engine.shared_session(token) else {
            return Turn::Ask(Asking {
                shared: None,
                claim: Claim::Unknown,
                has_refused,
            });
        };
        let (key, timeout) = (engine.key(token), engine.config().policy.call_timeout);
        // Two calls, the wait between them, and a margin.
        let claim = timeout
            .saturating_mul(3)
            .saturating_add(Duration::from_secs(1));
        let end_after = |time| self.now().monotonic.saturating_add(time);
        let Patience { until, has_lost } = patience;
        let until = until.get_or_insert_with(|| end_after(timeout));
        let mut wait = FIRST_WAIT;
        loop {
            let replies = self.redis(shared.look(claim)).await;
            if replies.is_none() {
                *has_lost = true;
                *until = end_after(WAIT_AFTER_LOSS).min(*until);
            }
            let claim = match replies.map(|replies| shared.read(&replies, refused)) {
                Some(Look::Newer { token, is_claimed }) => {
                    if is_claimed {
                        self.redis(vec![shared.release()]).await;
                    }
                    return Turn::Newer(token);
                }
                Some(Look::Taken) if self.now().monotonic < *until => {
                    self.wait(self.spread(wait)).await;
                    wait = wait.saturating_mul(2).min(LONGEST_WAIT);
                    if matches!(engine.lookup(&key, self.now()), Lookup::SignedOut) {
                        return Turn::SignedOut;
                    }
                    continue;
                }
                Some(Look::Claimed) => Claim::Own,
                Some(Look::Taken) if !*has_lost => Claim::Others,
                Some(Look::Taken) | None => Claim::Unknown,
            };
            let shared = Some(shared);
            return Turn::Ask(Asking {
                shared,
                claim,
                has_refused,
            });
        }
    }
}
