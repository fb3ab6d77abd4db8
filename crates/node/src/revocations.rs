//! What ended before its time: by an operator, and from instance to instance. The channel is on the other side.

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::identity::revocation::Revocation as CoreRevocation;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use napi_derive::napi;

use crate::authority::Authority;
use crate::convert::{Or, millis, now, or};
use crate::guard::{Result, guard};

/// One revocation as it travels.
#[napi(object, object_from_js = false)]
pub struct Revocation {
    /// What travels.
    pub text: String,
    /// Until when it is kept, in milliseconds since the Unix epoch.
    pub until: f64,
}

/// What came of texts that came.
#[napi(object, object_from_js = false)]
pub struct Heard {
    /// How many said something new.
    pub new: u32,
    /// How many were not taken.
    pub unreadable: u32,
    /// How many milliseconds ago the last of them had ended, where any was new.
    pub lag: Option<f64>,
}

#[napi]
impl Authority {
    /// Ends a session here and for other instances.
    #[napi]
    pub fn end_session(&self, session_id: String) -> Result<Or<bool>> {
        guard("Authority.endSession", || {
            or(SessionId::parse(&session_id)
                .map(|session| self.0.end_session(&session, now()))
                .map(|()| true)
                .map_err(CloudApiError::argument))
        })
    }

    /// Ends every session of a user that began before now, here and for other instances.
    #[napi]
    pub fn end_user(&self, user_id: String) -> Result<Or<bool>> {
        guard("Authority.endUser", || {
            or(UserId::parse(&user_id)
                .map(|user| self.0.end_user(&user, now()))
                .map(|()| true)
                .map_err(CloudApiError::argument))
        })
    }

    /// What the revocations of this deployment are known by. From the first call on they are put out.
    #[napi]
    pub fn publish_revocations(&self) -> Result<String> {
        guard("Authority.publishRevocations", || {
            // Whoever ends something takes it from here: nobody needs to be woken.
            self.0.publish_revocations(|| {});
            self.0.hear([], now());
            self.0.realm().as_str().to_owned()
        })
    }

    /// Takes what is to be told to other instances, up to so many.
    #[napi]
    pub fn take_revocations(&self, most: u32) -> Result<Vec<Revocation>> {
        guard("Authority.takeRevocations", || {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            self.written(self.0.take_revocations(most))
        })
    }

    /// How many revocations wait to be taken.
    #[napi]
    pub fn waiting(&self) -> Result<u32> {
        guard("Authority.waiting", || {
            u32::try_from(self.0.statistics().waiting).unwrap_or(u32::MAX)
        })
    }

    /// Takes over what other instances told; with no texts, notes that the channel is there.
    #[napi]
    pub fn hear(&self, texts: Vec<String>) -> Result<Heard> {
        guard("Authority.hear", || {
            let heard = self.0.hear(texts.iter().map(String::as_str), now());
            Heard {
                new: u32::try_from(heard.new).unwrap_or(u32::MAX),
                unreadable: u32::try_from(heard.unreadable).unwrap_or(u32::MAX),
                lag: heard.lag.map(|lag| lag.as_secs_f64() * 1e3),
            }
        })
    }

    /// What stands here and is not among these texts.
    #[napi]
    pub fn lacking(&self, texts: Vec<String>) -> Result<Vec<Revocation>> {
        guard("Authority.lacking", || {
            self.written(self.0.lacking(texts.iter().map(String::as_str), now()))
        })
    }
}

impl Authority {
    fn written(&self, revocations: Vec<CoreRevocation>) -> Vec<Revocation> {
        revocations
            .iter()
            .map(|one| Revocation {
                text: self.0.realm().encode(one),
                until: millis(one.until),
            })
            .collect()
    }
}
