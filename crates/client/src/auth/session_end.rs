//! Waits for the end of a session, for what outlives one request: a stream of events, a WebSocket.
//!
//! The future re-checks the session now and then as a request would: from the cache first, and at the Cloud once the fresh
//! time is over. A revocation here or from another instance wakes it at once. It holds no task and no lock while it waits;
//! dropping it leaves nothing behind.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mastra_auth_cloud_core::error::{CloudApiError, Code};
use mastra_auth_cloud_core::flow::Authentication;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::Identity;
use mastra_auth_cloud_core::time::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::driver::Driver;
use crate::{MastraCloudAuth, system};

/// Minimum time between two checks, however many sessions end: a flood of sign-outs costs each stream four checks a second.
const LEAST: Duration = Duration::from_millis(250);
/// Time between two checks of a token that is accepted past its expiry, for clocks may differ.
const PAST_END: Duration = Duration::from_secs(1);

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// It was signed out or revoked, here or on an instance that published it.
    SignedOut,
    /// It is past its expiry, and was not renewed on this instance.
    Expired,
    /// The Cloud or the signature check no longer accepts it.
    Refused,
    /// It could not be checked for longer than [`stale_if_error_for`](crate::AuthBuilder::stale_if_error_for). It may or may
    /// not have ended.
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
    /// Waits until the session of an identity ends, and returns the reason. For what outlives one request.
    ///
    /// A sign-out or a revocation that reaches this instance ends it at once. An end at the Cloud ends it within one and a
    /// half times [`fresh_for`](crate::AuthBuilder::fresh_for). A session that is renewed on this instance goes on. If only
    /// another instance renews it, this future completes when the token expires, and the client reconnects with its new
    /// cookie. While the Cloud is unavailable it goes on as long as a request would be served: until
    /// [`stale_if_error_for`](crate::AuthBuilder::stale_if_error_for) is over.
    ///
    /// May be dropped at any time. Concurrent waits for one session share one call to the Cloud.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud::{Authentication, MastraCloudAuth};
    ///
    /// async fn watch(auth: MastraCloudAuth, headers: http::HeaderMap) {
    ///     if let Authentication::Authenticated(identity) = auth.authenticate(&headers).await {
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
                    Authentication::Authenticated(identity) => {
                        // The answer may have set a newer session.
                        token = identity.user().session_token().clone();
                        until(identity.expires_at(), pause)
                    }
                    Authentication::Unavailable(_) => return SessionEnd::Unavailable,
                    Authentication::Anonymous => return SessionEnd::Refused,
                    Authentication::Rejected(error) => {
                        // The token may have been renewed during the check.
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

/// The session's current token.
fn newest(driver: &Driver, token: SessionToken) -> SessionToken {
    driver
        .engine
        .newer_token(&token, system::now())
        .unwrap_or(token)
}

/// Time until the next check: at the latest one millisecond after the token's expiry.
fn until(end: Option<Timestamp>, pause: Duration) -> Duration {
    let Some(end) = end else { return pause };
    let now = system::now().wall;
    if end > now {
        pause.min(end.since(now).saturating_add(Duration::from_millis(1)))
    } else {
        pause.min(PAST_END)
    }
}
