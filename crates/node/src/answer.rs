//! Results of authentication, as handles: the core's own values stay in Rust.

use std::sync::{Arc, Mutex};

use mastra_auth_cloud_core::cloud::model::CloudUser;
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::flow::authenticate::{Authenticate, Next, SignatureCheck, Turn};
use mastra_auth_cloud_core::flow::identify::Answer as CoreAnswer;
use mastra_auth_cloud_core::flow::{Jitter, Source};
use mastra_auth_cloud_core::session::Identity as CoreIdentity;
use napi::bindgen_prelude::Either3;
use napi_derive::napi;

use crate::convert::{Failure, User, now};
use crate::flow::Flow;
use crate::guard::{Result, guard};
use crate::left::{Left, Wanted};

/// An identity that the Cloud vouched for; permission look-ups take it.
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
    /// The serial number that a warm look returns for this identity; 0 if it is not cached.
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
        guard("Identity.user", || match &self.0 {
            Who::Remembered(identity) => identity.as_ref().into(),
            Who::Told(user) => user.as_ref().into(),
        })
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
    #[napi(ts_return_type = "'authenticated' | 'anonymous' | 'rejected' | 'unavailable'")]
    pub fn kind(&self) -> Result<&'static str> {
        guard("Answer.kind", || self.0.outcome().as_str())
    }

    /// The identity, if the answer is `authenticated`.
    #[napi]
    pub fn identity(&self) -> Result<Option<Identity>> {
        guard("Answer.identity", || match &self.0 {
            CoreAnswer::Authenticated(identity) => Some(Identity::remembered(Arc::clone(identity))),
            _ => None,
        })
    }

    /// The error, if the credential was rejected or could not be checked.
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

/// An authentication in progress.
#[napi]
pub struct Search {
    /// `None` while it waits for a check, which returns another search.
    search: Option<Authenticate<'static>>,
    /// The step that was due when the search was handed over.
    next: Option<Next>,
    left: Arc<Mutex<Left>>,
}

impl Search {
    pub(crate) fn new(search: Authenticate<'static>, left: Arc<Mutex<Left>>) -> Self {
        Self {
            search: Some(search),
            next: None,
            left,
        }
    }

    /// A search that has taken its first step.
    pub(crate) fn begun(search: Authenticate<'static>, next: Next, left: Arc<Mutex<Left>>) -> Self {
        Self {
            next: Some(next),
            ..Self::new(search, left)
        }
    }

    fn turn(&mut self, last: Option<CoreAnswer>, jitter: Jitter) -> Option<Turn> {
        if let Some(next) = self.next.take() {
            return Some(Turn::Next(next));
        }
        Some(Left::turn(
            &self.left,
            self.search.as_mut()?,
            last,
            now(),
            jitter,
        ))
    }

    fn wait_for(&mut self, check: SignatureCheck) -> u32 {
        let search = self.search.take();
        search.map_or(0, |search| {
            Left::lock(&self.left).lay_down(check, search, Wanted::Search)
        })
    }
}

#[napi]
impl Search {
    /// Continues the search: without an answer at first, then with each flow's answer. Drive a flow once per key. A number
    /// is the ticket of an enqueued check, which returns another search.
    #[napi]
    pub fn next(
        &mut self,
        last: Option<&Answer>,
        jitter: f64,
    ) -> Result<Either3<Answer, Flow, u32>> {
        guard("Search.next", || {
            let last = last.map(|answer| answer.0.clone());
            match self.turn(last, crate::flow::jitter(jitter)) {
                Some(Turn::Next(Next::Done(answer))) => Either3::A(Answer(answer)),
                Some(Turn::Next(Next::Identify(flow))) => Either3::B(Flow::identify(flow)),
                Some(Turn::Next(Next::Keys(flow))) => Either3::B(Flow::keys(flow)),
                Some(Turn::Check(check)) => Either3::C(self.wait_for(check)),
                None => {
                    let error = CloudApiError::configuration("A search was driven past its end.");
                    Either3::A(Answer(CoreAnswer::Unavailable(error)))
                }
            }
        })
    }

    /// Background work, once there is an answer; no request waits for it.
    #[napi]
    pub fn background(&mut self) -> Result<Option<Flow>> {
        guard("Search.background", || {
            let task = self.search.as_mut()?.take_background();
            task.map(Flow::background)
        })
    }

    /// The source of the answer, once there is one: `cache`, `keys`, `cloud` or `none`.
    #[napi(ts_return_type = "Source")]
    pub fn source(&self) -> Result<&'static str> {
        guard("Search.source", || {
            let search = self.search.as_ref();
            search.map_or(Source::None, Authenticate::source).as_str()
        })
    }
}
