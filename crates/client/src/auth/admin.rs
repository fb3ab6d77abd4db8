//! Operator actions: revoking sessions and evicting cache entries.

use mastra_auth_cloud_core::ids::{SessionId, UserId};
use mastra_auth_cloud_core::secret::SessionToken;

use super::MastraCloudAuth;
use crate::{system, telemetry};

impl MastraCloudAuth {
    /// Revokes a session with all its tokens: here at once, and on all other instances if there are
    /// [`revocations`](crate::AuthBuilder::revocations). The Cloud is not told; [`sign_out`](Self::sign_out) tells it, and
    /// takes the token.
    ///
    /// In dialect `platform` the id is of this crate's making, by the first text of the session that an instance saw, and an
    /// instance no longer knows it after a restart: use [`end_user`](Self::end_user) then.
    pub fn end_session(&self, session: &SessionId) {
        self.0.driver.engine.end_session(session, system::now());
        telemetry::session_revoked(session);
    }

    /// Revokes every session of a user that began before now: here at once, and on all other instances if there are
    /// [`revocations`](crate::AuthBuilder::revocations). A later sign-in is accepted. The Cloud is not told.
    pub fn end_user(&self, user: &UserId) {
        self.0.driver.engine.end_user(user, system::now());
        telemetry::user_revoked(user);
    }

    /// Evicts a token from the cache here, so that the next request asks the Cloud. A call that is already under way still
    /// counts. Ends no session.
    pub fn forget(&self, token: &SessionToken) {
        self.0.driver.engine.forget(token);
    }

    /// Evicts a session from the cache here, so that the next request asks the Cloud. A call that is already under way
    /// still counts. Ends no session.
    pub fn forget_session(&self, session: &SessionId) {
        self.0.driver.engine.forget_session(session);
    }

    /// Evicts a user from the cache here, with roles and permissions: call it after they changed at the Cloud. Ends no
    /// session.
    pub fn forget_user(&self, user: &UserId) {
        self.0.driver.engine.forget_user(user);
    }
}
