//! What was found out, as handles: the core's own values stay on this side.

use std::sync::Arc;

use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Next};
use mastra_auth_cloud_core::flow::identify::Answer as CoreAnswer;
use mastra_auth_cloud_core::identity::Identity as CoreIdentity;
use mastra_auth_cloud_core::model::CloudUser;
use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::convert::{Failure, User, now};
use crate::flow::Flow;
use crate::guard::{Result, guard};

/// Somebody the Cloud vouched for: what permissions are looked up with.
#[napi]
pub struct Identity(Who);

pub(crate) enum Who {
    Remembered(Arc<CoreIdentity>),
    Told(Box<CloudUser>),
}

impl Identity {
    pub(crate) fn remembered(identity: Arc<CoreIdentity>) -> Self {
        Self(Who::Remembered(identity))
    }

    pub(crate) fn told(user: CloudUser) -> Self {
        Self(Who::Told(Box::new(user)))
    }

    pub(crate) fn who(&self) -> &CloudUser {
        match &self.0 {
            Who::Remembered(identity) => identity.user(),
            Who::Told(user) => user,
        }
    }
}

#[napi]
impl Identity {
    /// The number that a warm look gives for this identity; 0 where none does.
    #[napi]
    pub fn serial(&self) -> Result<f64> {
        guard("Identity.serial", || match &self.0 {
            Who::Remembered(identity) => serial(identity),
            Who::Told(_) => 0.0,
        })
    }

    /// The user as a plain object.
    #[napi]
    pub fn user(&self) -> Result<User> {
        guard("Identity.user", || self.who().into())
    }
}

/// Exact for 2^53 identities.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn serial(identity: &CoreIdentity) -> f64 {
    identity.serial() as f64
}

/// One of the four answers.
#[napi]
pub struct Answer(pub(crate) CoreAnswer);

#[napi]
impl Answer {
    /// `authenticated`, `anonymous`, `rejected` or `unavailable`.
    #[napi]
    pub fn kind(&self) -> Result<&'static str> {
        guard("Answer.kind", || self.0.outcome().as_str())
    }

    /// Who it is, where somebody is signed in.
    #[napi]
    pub fn identity(&self) -> Result<Option<Identity>> {
        guard("Answer.identity", || match &self.0 {
            CoreAnswer::Authenticated(identity) => Some(Identity::remembered(Arc::clone(identity))),
            _ => None,
        })
    }

    /// Why not, where the credential was rejected or could not be checked.
    #[napi]
    pub fn failure(&self) -> Result<Option<Failure>> {
        guard("Answer.failure", || match &self.0 {
            CoreAnswer::Rejected(error) | CoreAnswer::Unavailable(error) => {
                Some(error.clone().into())
            }
            _ => None,
        })
    }
}

/// A request's credentials on their way to an answer.
#[napi]
pub struct Search(pub(crate) Authenticate<'static>);

#[napi]
impl Search {
    /// Goes on: with nothing at first, then with each flow's answer. A flow is to be driven once per key.
    #[napi]
    pub fn next(&mut self, last: Option<&Answer>, jitter: f64) -> Result<Either<Answer, Flow>> {
        guard("Search.next", || {
            let last = last.map(|answer| answer.0.clone());
            match self.0.next(last, now(), crate::flow::jitter(jitter)) {
                Next::Done(answer) => Either::A(Answer(answer)),
                Next::Identify(flow) => Either::B(Flow::identify(flow)),
                Next::Keys(flow) => Either::B(Flow::keys(flow)),
            }
        })
    }

    /// What is to be done besides, once there is an answer; nobody waits for it.
    #[napi]
    pub fn background(&mut self) -> Result<Option<Flow>> {
        guard("Search.background", || {
            self.0.take_background().map(Flow::background)
        })
    }

    /// Where the answer came from, once there is one: `cache`, `keys`, `cloud` or `none`.
    #[napi]
    pub fn source(&self) -> Result<&'static str> {
        guard("Search.source", || self.0.source().as_str())
    }
}
