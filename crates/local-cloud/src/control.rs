//! The admin page's actions as calls: for tests that drive a Cloud in their own process.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::cloud::{Cloud, RequestRow, lock, millis};
use crate::fault::Fault;
use crate::issue::Asked;
use crate::platform_options::PlatformOptions;
use crate::seed::Person;
use crate::store::{SessionRow, StoreError};

/// A person whom [`Control::sign_in_as`] signed in, with a session of their own.
#[derive(Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// The token: for `Authorization: Bearer`.
    pub token: String,
    /// In the dialect `platform`: the sealed session of a browser.
    pub sealed_session: Option<String>,
    /// In the dialect `platform`: what renews the token.
    pub refresh_token: Option<String>,
    /// When the token ends.
    pub expires_at: SystemTime,
    /// The user's id.
    pub user_id: String,
    /// The session's id, for [`Control::end_session`].
    pub session_id: String,
}

impl SignedIn {
    /// The value of a `Cookie` header for an app on `http://localhost`.
    pub fn cookie(&self) -> String {
        match &self.sealed_session {
            None => format!("mastra_session={}", self.token),
            Some(sealed) => format!("wos-session={sealed}"),
        }
    }

    /// The value of a `Cookie` header for an app whose address begins with `https://`.
    pub fn secure_cookie(&self) -> String {
        format!("__Host-{}", self.cookie())
    }
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("user_id", &self.user_id)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// A handle to a running Cloud. A person is named by handle, id, e-mail address, name, or role in the seed.
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

    /// Ends all sessions of a person and returns their number.
    pub fn end_sessions_of(&self, person: &str) -> usize {
        let user_id = self.id_of(person);
        told(self.cloud.store.end_sessions_of(&user_id, self.cloud.now())).unwrap_or_default()
    }

    /// Changes a person's role, in the dialect `platform` in each organization of theirs; false if the person or the role is unknown.
    pub fn set_role(&self, person: &str, role: &str) -> bool {
        self.cloud.has_role(role)
            && told(self.cloud.set_role(&self.id_of(person), role)).unwrap_or_default()
    }

    /// The id of a person. A database may hold people who are no longer in the seed: by their ids alone.
    fn id_of(&self, person: &str) -> String {
        let known = self.cloud.seed.find(person).map(Person::id);
        known.unwrap_or_else(|| person.to_owned())
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

    /// An API key (dialect `platform`) of an organization; `None` if the organization or the role is unknown.
    pub fn issue_api_key(&self, organization_id: &str, role: &str) -> Option<String> {
        let known = told(self.cloud.store.organization_name(organization_id)).flatten();
        known.filter(|_| self.cloud.has_role(role))?;
        let issued = self.cloud.issue_api_key(organization_id, role, "control");
        told(issued).map(|(_, secret)| secret)
    }

    /// Makes a person a member of an organization (dialect `platform`), or changes the role there; false if one of the three is
    /// unknown.
    pub fn add_member(&self, organization_id: &str, person: &str, role: &str) -> bool {
        let (id, now) = (self.id_of(person), self.cloud.now());
        self.cloud.has_role(role)
            && told(self.cloud.store.join(organization_id, &id, role, now)).unwrap_or_default()
    }

    /// Removes a person from an organization (dialect `platform`); false if the person is no member of it.
    pub fn remove_member(&self, organization_id: &str, person: &str) -> bool {
        let id = self.id_of(person);
        told(self.cloud.store.leave(organization_id, &id)).unwrap_or_default()
    }

    /// Changes options of the dialect `platform`, until [`Control::reset`].
    pub fn change_platform(&self, change: impl FnOnce(&mut PlatformOptions)) {
        change(&mut lock(&self.cloud.platform));
    }

    /// Signs a person in without a page, with the lifetimes of this Cloud; `None` if the person is unknown.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use mastra_auth_local_cloud::{LocalCloud, Options};
    ///
    /// let mut options = Options::default();
    /// options.port = 0;
    /// let cloud = LocalCloud::start(options).await.unwrap();
    /// let member = cloud.control().sign_in_as("member").unwrap();
    /// assert_eq!(member.cookie(), format!("mastra_session={}", member.token));
    /// assert!(cloud.control().end_session(&member.session_id));
    /// assert!(cloud.control().sign_in_as("nobody").is_none());
    /// # });
    /// ```
    pub fn sign_in_as(&self, person: &str) -> Option<SignedIn> {
        let issued = told(self.cloud.issue(&Asked::of(person)))??;
        let since = Duration::from_millis(u64::try_from(issued.ends).unwrap_or_default());
        let (sealed_session, refresh_token) = issued
            .platform
            .map(|more| (more.sealed, more.refresh))
            .unzip();
        Some(SignedIn {
            token: issued.token,
            sealed_session,
            refresh_token,
            expires_at: SystemTime::UNIX_EPOCH + since,
            user_id: issued.user.id,
            session_id: issued.session.id,
        })
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
