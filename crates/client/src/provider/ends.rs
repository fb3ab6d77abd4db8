//! What an operator ends or forgets, and what is counted.

use mastra_auth_cloud_core::identity::statistics::Statistics;
use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::secret::SessionToken;

use super::MastraCloudAuth;
use crate::revocations::RevocationStatus;
use crate::{signals, system};

impl MastraCloudAuth {
    /// Ends a session here at once, with every token of it, and on all other instances where there are
    /// [`revocations`](crate::Builder::revocations). The Cloud is not told: for that there is
    /// [`sign_out`](Self::sign_out), which takes the token.
    pub fn end_session(&self, session: &SessionId) {
        self.0.driver.authority.end_session(session, system::now());
        signals::operator_ended_session(session);
    }

    /// Ends every session of a user that began before now, here at once and on all other instances where there are
    /// [`revocations`](crate::Builder::revocations); whoever signs in later is let in again. The Cloud is not told.
    pub fn end_user(&self, user: &UserId) {
        self.0.driver.authority.end_user(user, system::now());
        signals::operator_ended_user(user);
    }

    /// Forgets what is remembered of a token here, so that the next request asks anew, unless somebody asks already: that answer counts.
    /// Ends nothing.
    pub fn forget(&self, token: &SessionToken) {
        self.0.driver.authority.forget(token);
    }

    /// Forgets what is remembered of a session here, so that the next request asks anew, unless somebody
    /// asks already. Ends nothing.
    pub fn forget_session(&self, session: &SessionId) {
        self.0.driver.authority.forget_session(session);
    }

    /// Forgets what is remembered of a user here, roles and permissions included: after they were changed at the Cloud. Ends
    /// nothing.
    pub fn forget_user(&self, user: &UserId) {
        self.0.driver.authority.forget_user(user);
    }

    /// What was counted of all that is remembered.
    pub fn statistics(&self) -> Statistics {
        self.0.driver.authority.statistics()
    }

    /// How it stands with the channel to other instances, where there is one.
    pub fn revocation_status(&self) -> Option<RevocationStatus> {
        self.0
            .revocations
            .as_deref()
            .map(crate::revocations::Revocations::status)
    }

    /// Tells other instances what is left to tell, for two seconds at most, and leaves the channel; everything else goes on. To be
    /// called before the process ends: what ended in its last moments may not have gone out yet.
    pub async fn close(&self) {
        if let Some(revocations) = self.0.revocations.as_deref() {
            revocations.close().await;
        }
    }
}
