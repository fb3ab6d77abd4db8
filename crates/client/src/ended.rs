//! When a session ends, for what goes on longer than one request: a stream of events, a WebSocket.
//!
//! A future that looks again at a session now and then, as a request would: by what is remembered first, and by the Cloud where the
//! fresh time is over. What ends here, or is heard from another instance, wakes it at once. It holds no task and no lock while
//! it waits, and to drop it leaves nothing behind.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::identify::Answer;
use mastra_auth_cloud_core::identity::Identity;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::driver::Driver;
use crate::{MastraCloudAuth, system};

/// Least time between two looks, however much ends: a flood of sign-outs costs each stream four looks a second.
const LEAST: Duration = Duration::from_millis(250);
/// Time between two looks past the end of a token that still counts, for clocks may differ.
const PAST_END: Duration = Duration::from_secs(1);

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// It was signed out or revoked: here, or on an instance that told of it.
    SignedOut,
    /// It is past its end, and was not renewed on this instance.
    Expired,
    /// The Cloud, or the keys, do not accept it any more.
    Refused,
    /// It could not be checked for longer than [`stale_if_error_for`](crate::Builder::stale_if_error_for): whether it ended is not
    /// known.
    Unavailable,
}

impl SessionEnd {
    fn of(error: &CloudApiError) -> Self {
        if error.is(&Code::SignedOut) {
            Self::SignedOut
        } else if error.is(&Code::SessionExpired) {
            Self::Expired
        } else {
            Self::Refused
        }
    }
}

impl MastraCloudAuth {
    /// Waits until the session of an identity ends, and says why: for what goes on longer than one request.
    ///
    /// A sign-out or a revocation that this instance hears of ends it at once, an end at the Cloud within one and a half times
    /// [`fresh_for`](crate::Builder::fresh_for). A session that is renewed on this instance goes on. Where it is renewed on another one
    /// only, this ends with the token, and the client comes back with its new cookie. While the Cloud cannot be asked it goes on for as
    /// long as a request would be served: until [`stale_if_error_for`](crate::Builder::stale_if_error_for) is over.
    ///
    /// May be dropped at any time. However many wait for one session, the Cloud is asked once.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::{Answer, MastraCloudAuth};
    ///
    /// async fn watch(auth: MastraCloudAuth, headers: http::HeaderMap) {
    ///     if let Answer::Authenticated(identity) = auth.authenticate(&headers).await {
    ///         let end = auth.session_ended(&identity).await;
    ///         println!("{} is out: {end:?}", identity.user().id());
    ///     }
    /// }
    /// # let _ = watch;
    /// ```
    pub fn session_ended(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = SessionEnd> + Send + use<> {
        let driver = Arc::clone(self.driver());
        let token = identity.user().session_token().clone();
        async move {
            let mut token = token;
            let pause = (driver.fresh_for() / 2).max(LEAST);
            let mut ends = driver.ends();
            loop {
                ends.borrow_and_update();
                let looked = Instant::now();
                token = newest(&driver, token);
                let wait = match driver.look_again(&token).await {
                    Answer::Authenticated(identity) => until(identity.expires_at(), pause),
                    Answer::Unavailable(_) => return SessionEnd::Unavailable,
                    Answer::Anonymous => return SessionEnd::Refused,
                    Answer::Rejected(error) => {
                        // It may have been renewed while it was asked about.
                        let newer = newest(&driver, token.clone());
                        if newer.same_as(&token) {
                            return SessionEnd::of(&error);
                        }
                        token = newer;
                        continue;
                    }
                };
                tokio::select! {
                    () = sleep_until(looked + wait) => {}
                    _ = ends.changed() => {}
                }
                sleep_until(looked + LEAST).await;
            }
        }
    }
}

/// The token that stands for a session now.
fn newest(driver: &Driver, token: SessionToken) -> SessionToken {
    driver
        .authority
        .newer_token(&token, system::now())
        .unwrap_or(token)
}

/// When to look again: at the token's end at the latest, to the millisecond after it.
fn until(end: Option<Timestamp>, pause: Duration) -> Duration {
    let Some(end) = end else { return pause };
    let now = system::now().wall;
    if end > now {
        pause.min(end.since(now).saturating_add(Duration::from_millis(1)))
    } else {
        pause.min(PAST_END)
    }
}
