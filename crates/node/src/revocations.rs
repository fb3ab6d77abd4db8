//! Revocations, by an operator and from other instances. The channel is in TypeScript.

use std::sync::Arc;

use mastra_auth_cloud_core::engine::{Applied, CatchUp, Engine};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::revocation::Revocation as CoreRevocation;
use napi_derive::napi;

use crate::convert::{Or, millis, now, or};
use crate::engine::Authority;
use crate::guard::{Result, guard};

/// One revocation as it is sent.
#[napi(object, object_from_js = false)]
pub struct Revocation {
    /// The text to send.
    pub text: String,
    /// When it expires, in milliseconds since the Unix epoch.
    pub until: f64,
    /// Whether the channel stores it for disconnected instances.
    pub kept: bool,
}

/// The result of applying received texts.
#[napi(object, object_from_js = false)]
pub struct Heard {
    /// How many said something new.
    pub new: u32,
    /// How many were not applied.
    pub unreadable: u32,
    /// How many milliseconds before its arrival the last new revocation was made; `None` if none was new.
    pub lag: Option<f64>,
}

#[napi]
impl Authority {
    /// Revokes a session, here and for other instances.
    #[napi]
    pub fn end_session(&self, session_id: String) -> Result<Or<bool>> {
        guard("Authority.endSession", || {
            or(SessionId::parse(&session_id)
                .map(|session| self.0.end_session(&session, now()))
                .map(|()| true)
                .map_err(CloudApiError::argument))
        })
    }

    /// Revokes every session of a user that began before now, here and for other instances.
    #[napi]
    pub fn end_user(&self, user_id: String) -> Result<Or<bool>> {
        guard("Authority.endUser", || {
            or(UserId::parse(&user_id)
                .map(|user| self.0.end_user(&user, now()))
                .map(|()| true)
                .map_err(CloudApiError::argument))
        })
    }

    /// The namespace of this deployment's revocations. From the first call on they are queued for publication.
    #[napi]
    pub fn publish_revocations(&self) -> Result<String> {
        guard("Authority.publishRevocations", || {
            // No wake-up: JavaScript asks what waits after each call into the core.
            self.0.publish_revocations(|| {});
            self.0.apply_texts([], now());
            self.0.namespace().as_str().to_owned()
        })
    }

    /// Takes up to `most` messages to publish: revocations, and once there are none, used callbacks.
    #[napi]
    pub fn take_revocations(&self, most: u32) -> Result<Vec<Revocation>> {
        guard("Authority.takeRevocations", || {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let revocations = self.0.take_revocations(most);
            if !revocations.is_empty() {
                return written(&self.0, &revocations);
            }
            let spent = self.0.take_spent_callbacks(most).into_iter();
            spent
                .map(|one| Revocation {
                    text: self.0.namespace().encode_spent(&one),
                    until: millis(one.until),
                    kept: false,
                })
                .collect()
        })
    }

    /// How many revocations wait to be taken. Cheap.
    #[napi]
    pub fn waiting(&self) -> Result<u32> {
        guard("Authority.waiting", || {
            u32::try_from(self.0.waiting()).unwrap_or(u32::MAX)
        })
    }

    /// Begins to join a channel.
    #[napi]
    pub fn joining(&self) -> Result<Joining> {
        guard("Authority.joining", || Joining {
            engine: Arc::clone(&self.0),
            joining: Some(self.0.catch_up(now())),
        })
    }
}

/// A join in progress.
#[napi]
pub struct Joining {
    engine: Arc<Engine>,
    joining: Option<CatchUp>,
}

#[napi]
impl Joining {
    /// The largest number of stored entries that is of use.
    #[napi]
    pub fn most(&self) -> Result<u32> {
        guard("Joining.most", || {
            u32::try_from(self.engine.max_stored()).unwrap_or(u32::MAX)
        })
    }

    /// Applies a part of the stored entries or, once joined, published messages. An empty list notes that the channel is
    /// alive.
    #[napi]
    pub fn hear(&mut self, texts: Vec<String>) -> Result<Heard> {
        guard("Joining.hear", || {
            let texts = texts.iter().map(String::as_str);
            match &mut self.joining {
                Some(joining) => joining.apply_texts(&self.engine, texts, now()),
                None => self.engine.apply_texts(texts, now()),
            }
            .into()
        })
    }

    /// The revocations that the channel lacks. Call it after the last stored entry.
    #[napi]
    pub fn joined(&mut self) -> Result<Vec<Revocation>> {
        guard("Joining.joined", || {
            let joining = self.joining.take();
            let joined = joining.map(|joining| joining.finish(&self.engine, now()));
            let missing = joined.map(|joined| joined.missing).unwrap_or_default();
            written(&self.engine, &missing)
        })
    }
}

impl From<Applied> for Heard {
    fn from(heard: Applied) -> Self {
        Self {
            new: u32::try_from(heard.new).unwrap_or(u32::MAX),
            unreadable: u32::try_from(heard.unreadable).unwrap_or(u32::MAX),
            lag: heard.lag.map(|lag| lag.as_secs_f64() * 1e3),
        }
    }
}

fn written(engine: &Engine, revocations: &[CoreRevocation]) -> Vec<Revocation> {
    revocations
        .iter()
        .map(|one| Revocation {
            text: engine.namespace().encode(one),
            until: millis(one.until),
            kept: true,
        })
        .collect()
}
