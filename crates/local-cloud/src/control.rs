//! The admin page's actions as calls: for tests that drive a Cloud in their own process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cloud::{Cloud, RequestRow, lock, millis};
use crate::fault::Fault;
use crate::issue::Asked;
use crate::store::{SessionRow, StoreError};

/// A handle to a running Cloud.
#[derive(Clone)]
pub struct Control {
    cloud: Arc<Cloud>,
}

impl Control {
    pub(crate) const fn new(cloud: Arc<Cloud>) -> Self {
        Self { cloud }
    }

    /// All sessions, newest first.
    pub fn sessions(&self) -> Vec<SessionRow> {
        told(self.cloud.store.sessions()).unwrap_or_default()
    }

    /// Ends a session; false if it is unknown or already ended.
    pub fn end_session(&self, id: &str) -> bool {
        told(self.cloud.store.end_session(id, self.cloud.now())).unwrap_or_default()
    }

    /// Ends all sessions of a user and returns their number.
    pub fn end_sessions_of(&self, user_id: &str) -> usize {
        told(self.cloud.store.end_sessions_of(user_id, self.cloud.now())).unwrap_or_default()
    }

    /// Changes a user's role; false if the user or the role is unknown.
    pub fn set_role(&self, user_id: &str, role: &str) -> bool {
        self.cloud.seed.roles.contains_key(role)
            && told(self.cloud.store.set_role(user_id, role)).unwrap_or_default()
    }

    /// Signs with a new key from now on. Tokens signed by older keys stay valid.
    pub fn rotate_keys(&self) {
        told(self.cloud.rotate());
    }

    /// Moves this Cloud's clock forward: sessions, tokens and codes end, and new tokens are issued, by its time alone.
    pub fn advance(&self, by: Duration) {
        self.cloud.ahead.fetch_add(millis(by), Ordering::Relaxed);
    }

    /// Back to the beginning: no session, no code, no fault and no request; the seed's roles; the system's time. The keys
    /// stay, so that an app that has fetched them may go on.
    pub fn reset(&self) {
        told(self.cloud.reset());
    }

    /// The last 100 requests, oldest first.
    pub fn requests(&self) -> Vec<RequestRow> {
        lock(&self.cloud.log).clone()
    }

    /// Activates a fault.
    pub fn set_fault(&self, fault: Fault) {
        self.cloud.faults.set(fault);
    }

    /// Deactivates all faults.
    pub fn clear_faults(&self) {
        self.cloud.faults.clear();
    }

    /// A project API token (dialect `pkce`) of the first project; `None` if the role is unknown.
    pub fn issue_project_token(&self, role: &str) -> Option<String> {
        let project = self
            .cloud
            .seed
            .projects
            .first()
            .filter(|_| self.cloud.seed.roles.contains_key(role))?;
        told(self.cloud.issue_project_token(&project.id, role))
    }

    /// Signs a person in without a page and returns the token; `None` if the person is unknown.
    pub fn sign_in(&self, person: &str, lifetime: Duration) -> Option<String> {
        let asked = Asked {
            session_lifetime: Some(lifetime),
            ..Asked::of(person)
        };
        told(self.cloud.issue(&asked))?.map(|issued| issued.token)
    }

    /// Signs a person in and returns a token of the given age and lifetime, counted from its issue. The session has the
    /// usual lifetime. A token that is older than its lifetime has expired.
    pub fn sign_in_with_token_of(
        &self,
        person: &str,
        age: Duration,
        lifetime: Duration,
    ) -> Option<String> {
        let asked = Asked {
            age,
            token_lifetime: Some(lifetime),
            ..Asked::of(person)
        };
        told(self.cloud.issue(&asked))?.map(|issued| issued.token)
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("url", &self.cloud.url)
            .finish_non_exhaustive()
    }
}

/// Logs a failure of the store; the caller sees that nothing happened.
fn told<T>(result: Result<T, StoreError>) -> Option<T> {
    result
        .inspect_err(|error| tracing::error!(%error, "the store failed"))
        .ok()
}
