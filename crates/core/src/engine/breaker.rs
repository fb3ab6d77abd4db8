//! The circuit breaker: after several failures in a row no call is made for a pause, then one call at a time.
//!
//! Each endpoint has its own, and so has each token at it. An account that the Cloud cannot serve costs only itself, and an
//! endpoint that is down costs only what it is for. An endpoint opens once several tokens failed there with no answer
//! between. Each token counts as it begins to fail: one that went on failing while others were answered says nothing more
//! about the endpoint.
//!
//! A token that did not fail has precedence for the trial of an open endpoint, where one was rejected. The failed ones let
//! it go first for a whole pause.
//!
//! Counts failures only, never refusals: otherwise anyone could open it with junk tokens. A trial whose request was dropped
//! is handed back: otherwise a client that hangs up could keep it open.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::session::TokenDigest;
use crate::time::Now;

/// How many failing tokens are known for an endpoint; each takes some 100 bytes.
const MAX_FAILING: usize = 1024;
/// After how many pauses without a call a failing token is forgotten.
const PAUSES_KNOWN: u32 = 12;

/// The calls that the breaker guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    Verify,
    Validate,
    Permissions,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    failures_allowed: u32,
    pause: Duration,
    verify: Mutex<EndpointState>,
    validate: Mutex<EndpointState>,
    permissions: Mutex<EndpointState>,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Yes,
    /// The one call of the pause that ends at this monotonic time.
    Trial(Duration),
    No,
}

labels! {
    /// The state of the circuit breaker.
    #[non_exhaustive]
    enum BreakerState {
        /// Calls are made.
        Closed = "closed",
        /// Several calls to one of the endpoints failed in a row, with no answer since. No call is made there for the tokens that
        /// failed; where several failed, for no token.
        Open = "open",
        /// The pause is over: one call may try.
        HalfOpen = "half_open",
    }
}

#[derive(Debug, Default)]
struct EndpointState {
    /// Failed calls since the last answer.
    failures: u32,
    /// Tokens that began to fail since then.
    tokens: u32,
    next_trial: Duration,
    /// Whether a token that did not fail was rejected since the last trial.
    is_awaited: bool,
    failing: BTreeMap<TokenDigest, Failing>,
}

/// A token that failed and was not answered since.
#[derive(Debug, Default)]
struct Failing {
    failures: u32,
    next_trial: Duration,
}

impl Breaker {
    pub(crate) fn new(failures_allowed: u32, pause: Duration) -> Self {
        Self {
            failures_allowed,
            pause,
            verify: Mutex::default(),
            validate: Mutex::default(),
            permissions: Mutex::default(),
        }
    }

    fn endpoint(&self, asked: CallKind) -> MutexGuard<'_, EndpointState> {
        match asked {
            CallKind::Verify => &self.verify,
            CallKind::Validate => &self.validate,
            CallKind::Permissions => &self.permissions,
        }
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call for this token may be made now. Claims the trial.
    pub(crate) fn admits(&self, asked: CallKind, token: &TokenDigest, now: Now) -> Admission {
        let mut endpoint = self.endpoint(asked);
        let is_open = endpoint.tokens >= self.failures_allowed;
        let (next_trial, is_awaited) = (endpoint.next_trial, endpoint.is_awaited);
        let trial = now.monotonic.saturating_add(self.pause);
        let mut is_trial = is_open;
        if let Some(failing) = endpoint.failing.get_mut(token) {
            let is_held = failing.failures >= self.failures_allowed;
            let from = next_trial.saturating_add(if is_awaited {
                self.pause
            } else {
                Duration::ZERO
            });
            if (is_held && now.monotonic < failing.next_trial) || (is_open && now.monotonic < from)
            {
                return Admission::No;
            }
            if is_held {
                failing.next_trial = trial;
                is_trial = true;
            }
        } else if is_open && now.monotonic < next_trial {
            endpoint.is_awaited = true;
            return Admission::No;
        }
        if !is_trial {
            return Admission::Yes;
        }
        if is_open {
            (endpoint.next_trial, endpoint.is_awaited) = (trial, false);
        }
        Admission::Trial(trial)
    }

    /// The state of the endpoint that is worst off. Claims nothing.
    pub(crate) fn state(&self, now: Now) -> BreakerState {
        let states = [CallKind::Verify, CallKind::Validate, CallKind::Permissions].map(|asked| {
            let endpoint = self.endpoint(asked);
            if endpoint.failures < self.failures_allowed {
                BreakerState::Closed
            } else if now.monotonic < endpoint.next_trial {
                BreakerState::Open
            } else {
                BreakerState::HalfOpen
            }
        });
        let worst = [BreakerState::Open, BreakerState::HalfOpen];
        worst
            .into_iter()
            .find(|state| states.contains(state))
            .unwrap_or(BreakerState::Closed)
    }

    /// Hands back a trial without a result: the next caller gets it, unless the next trial has begun.
    pub(crate) fn hand_back(&self, asked: CallKind, token: &TokenDigest, trial: Duration) {
        let mut endpoint = self.endpoint(asked);
        let begun = trial.saturating_sub(self.pause);
        if endpoint.next_trial == trial {
            endpoint.next_trial = begun;
        }
        if let Some(failing) = endpoint.failing.get_mut(token)
            && failing.next_trial == trial
        {
            failing.next_trial = begun;
        }
    }

    /// Records an answer of the Cloud.
    pub(crate) fn succeeded(&self, asked: CallKind, token: &TokenDigest) {
        let mut endpoint = self.endpoint(asked);
        endpoint.failing.remove(token);
        (endpoint.failures, endpoint.tokens) = (0, 0);
    }

    pub(crate) fn failed(&self, asked: CallKind, token: &TokenDigest, now: Now) {
        let mut endpoint = self.endpoint(asked);
        let next_trial = now.monotonic.saturating_add(self.pause);
        endpoint.failures = endpoint.failures.saturating_add(1);
        let known_for = self.pause.saturating_mul(PAUSES_KNOWN);
        let is_known = |it: &Failing| now.monotonic.saturating_sub(it.next_trial) <= known_for;
        if !endpoint.failing.get(token).is_some_and(is_known) {
            endpoint.tokens = endpoint.tokens.saturating_add(1);
            endpoint.failing.remove(token);
            if endpoint.failing.len() >= MAX_FAILING {
                endpoint.failing.retain(|_, it| is_known(it));
            }
        }
        if endpoint.failing.len() < MAX_FAILING || endpoint.failing.contains_key(token) {
            let failing = endpoint.failing.entry(*token).or_default();
            failing.failures = failing.failures.saturating_add(1);
            failing.next_trial = next_trial;
        }
        if endpoint.failures >= self.failures_allowed {
            endpoint.next_trial = next_trial;
        }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
