//! The state that the handlers share: the store, the keys, the faults, the counts; and the rules of sessions and tokens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Value, json};

use crate::Dialect;
use crate::fault::Faults;
use crate::keys::{Algorithm, PinnedKey, SigningKey, random_secret, verified};
use crate::open::Open;
use crate::platform_options::PlatformOptions;
use crate::seed::{ORGANIZATION_ROLES, Seed};
use crate::store::{SessionRow, Store, StoreError, User, new_session_id};

/// Requests in the log.
const LOGGED: usize = 100;
/// How long past its expiry a token can still be renewed, in milliseconds.
const RENEWABLE: i64 = 60_000;

pub(crate) struct Cloud {
    pub(crate) url: String,
    /// The names besides those of this machine that requests may come by.
    pub(crate) hosts: Vec<String>,
    pub(crate) dialect: Dialect,
    pub(crate) seed: Seed,
    pub(crate) auto_approve: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) pinned: Option<PinnedKey>,
    pub(crate) session_lifetime: Duration,
    pub(crate) token_lifetime: Option<Duration>,
    pub(crate) code_lifetime: Duration,
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    pub(crate) keys: RwLock<Vec<Arc<SigningKey>>>,
    pub(crate) counts: Mutex<BTreeMap<String, u64>>,
    pub(crate) log: Mutex<Vec<RequestRow>>,
    pub(crate) pending: Open<PendingLogin>,
    pub(crate) sign_ins: Open<SignIn>,
    /// The options of the platform, now and at the start.
    pub(crate) platform: Mutex<PlatformOptions>,
    pub(crate) platform_at_start: PlatformOptions,
    /// How far the clock is ahead of the system's, in milliseconds.
    pub(crate) ahead: AtomicI64,
}

/// A request that was answered: never a value of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RequestRow {
    /// The endpoint's short name, as in [`LocalCloud::requests`](crate::LocalCloud::requests); also `login` and `logout` for the pages.
    pub endpoint: String,
    /// The method.
    pub method: String,
    /// The answer's status.
    pub status: u16,
    /// How long the answer took, in milliseconds.
    pub ms: u64,
    /// When it was answered, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// A login page that was shown and not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct PendingLogin {
    pub(crate) project_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: String,
    pub(crate) challenge: Option<String>,
}

/// A sign-in at the platform that is not over yet.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    pub(crate) way_back: WayBack,
    pub(crate) organization_id: Option<String>,
    /// The id of the person who was picked; `None` before, and where the sign-in was denied.
    pub(crate) person: Option<String>,
}

/// Where a sign-in at the platform comes back to.
#[derive(Clone, Debug)]
pub(crate) enum WayBack {
    App {
        redirect_uri: url::Url,
        path: String,
        state: Option<String>,
    },
    Program {
        port: u16,
        state: String,
    },
}

/// The bearer of a token.
pub(crate) enum Bearer {
    Person {
        user: Box<User>,
        session: Box<SessionRow>,
        /// When the token was issued and when it expires, in milliseconds since the Unix epoch.
        lives: (i64, i64),
    },
    Project {
        role: String,
    },
}

/// Whether to accept a token for a while after it expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PastEnd {
    Refused,
    Renewable,
}

/// Why a token is refused: code and message.
pub(crate) type Refusal = (&'static str, &'static str);

impl Cloud {
    /// Milliseconds since the Unix epoch, by this Cloud's own clock.
    pub(crate) fn now(&self) -> i64 {
        now().saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// Back to the beginning: no session, no code, no fault, no request, the seed's roles, the system's time. Keys stay.
    pub(crate) fn reset(&self) -> Result<(), StoreError> {
        self.ahead.store(0, Ordering::Relaxed);
        self.faults.clear();
        lock(&self.counts).clear();
        lock(&self.log).clear();
        self.pending.clear();
        self.sign_ins.clear();
        (*lock(&self.platform)).clone_from(&self.platform_at_start);
        self.store.reset(&self.seed, self.now())
    }

    /// Creates a session of a user, and its token.
    pub(crate) fn new_session(
        &self,
        user_id: &str,
        project_id: &str,
    ) -> Result<SessionRow, StoreError> {
        let created_at = self.now();
        Ok(SessionRow {
            id: new_session_id()?,
            user_id: user_id.into(),
            project_id: project_id.into(),
            created_at,
            expires_at: created_at.saturating_add(millis(self.session_lifetime)),
            ended_at: None,
        })
    }

    /// Issues a token of a session from now on, and returns it with its expiry.
    pub(crate) fn token(
        &self,
        user: &User,
        session: &SessionRow,
        now: i64,
    ) -> Result<(String, i64), StoreError> {
        self.token_for(user, session, now, self.token_lifetime)
    }

    /// A token with a lifetime of its own; `None` means as long as its session.
    pub(crate) fn token_for(
        &self,
        user: &User,
        session: &SessionRow,
        now: i64,
        lifetime: Option<Duration>,
    ) -> Result<(String, i64), StoreError> {
        let end = lifetime.map_or(session.expires_at, |lifetime| {
            session.expires_at.min(now.saturating_add(millis(lifetime)))
        });
        let (issued, ends) = (now.div_euclid(1000), end.div_euclid(1000));
        let claims = json!({
            "iss": self.url, "aud": session.project_id, "sub": user.id, "sid": session.id, "email": user.email,
            "name": user.name, "role": user.role, "iat": issued, "nbf": issued, "exp": ends,
        });
        Ok((self.sign(&claims)?, end))
    }

    /// Signs with the newest key.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, StoreError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.first().ok_or(crate::keys::KeyError)?;
        Ok(key.sign(claims)?)
    }

    /// The claims of a token that one of the keys signed.
    pub(crate) fn claims(&self, token: &str) -> Option<Value> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        verified(&keys, token)
    }

    /// Checks a token: its signature, its claims, its session. Permissions follow from the person's current role.
    pub(crate) fn check(
        &self,
        token: &str,
        project_id: Option<&str>,
        past_end: PastEnd,
    ) -> Result<Result<Bearer, Refusal>, StoreError> {
        const INVALID: Refusal = ("invalid_token", "The token is not valid.");
        if self.dialect == Dialect::Pkce
            && let Some((own, role)) = self.store.project_token(token)?
        {
            let fits = project_id.is_none_or(|asked| asked == own);
            return Ok(if fits {
                Ok(Bearer::Project { role })
            } else {
                Err(INVALID)
            });
        }
        let Some(claims) = self.claims(token) else {
            return Ok(Err(INVALID));
        };
        let text = |name: &str| {
            claims
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        if project_id.is_some_and(|asked| asked != text("aud")) {
            return Ok(Err(INVALID));
        }
        let Some(session) = self.store.session(&text("sid"))? else {
            return Ok(Err(INVALID));
        };
        if session.ended_at.is_some() {
            return Ok(Err(("session_ended", "The session has ended.")));
        }
        let time = |name: &str| {
            let seconds = claims.get(name).and_then(Value::as_i64).unwrap_or(0);
            seconds.saturating_mul(1000)
        };
        let lives = (time("iat"), time("exp"));
        let grace = match past_end {
            PastEnd::Refused => 0,
            PastEnd::Renewable => RENEWABLE,
        };
        let ends = lives.1.saturating_add(grace);
        if self.now() >= ends.min(session.expires_at) {
            return Ok(Err(("token_expired", "The token has expired.")));
        }
        match self.store.user(&session.user_id)? {
            Some(user) if user.id == text("sub") => Ok(Ok(Bearer::Person {
                user: Box::new(user),
                session: Box::new(session),
                lives,
            })),
            _ => Ok(Err(INVALID)),
        }
    }

    /// A role's permissions.
    pub(crate) fn grants(&self, role: &str) -> Vec<String> {
        self.seed.roles.get(role).cloned().unwrap_or_default()
    }

    /// The roles that members of this Cloud, or of its organizations, can have.
    pub(crate) fn roles(&self) -> Vec<&str> {
        match self.dialect {
            Dialect::Platform => ORGANIZATION_ROLES.to_vec(),
            _ => self.seed.roles.keys().map(String::as_str).collect(),
        }
    }

    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.roles().contains(&role)
    }

    /// The people as the admin page shows them: on the platform with the role of their first organization, if they have one.
    pub(crate) fn people(&self) -> Result<Vec<User>, StoreError> {
        let mut users = self.store.users()?;
        if self.dialect == Dialect::Platform {
            for user in &mut users {
                let own = self.store.organizations_of(&user.id)?.into_iter().next();
                user.role = own.map(|own| own.role).unwrap_or_default();
            }
        }
        Ok(users)
    }

    /// Changes a person's role, on the platform in each of the person's organizations; false if there is no such person.
    pub(crate) fn set_role(&self, user_id: &str, role: &str) -> Result<bool, StoreError> {
        match self.dialect {
            Dialect::Platform => self.store.set_role_everywhere(user_id, role),
            _ => self.store.set_role(user_id, role),
        }
    }

    pub(crate) fn issue_project_token(
        &self,
        project_id: &str,
        role: &str,
    ) -> Result<String, StoreError> {
        let token = random_secret("mpt_")?;
        self.store.add_project_token(&token, project_id, role)?;
        Ok(token)
    }

    pub(crate) fn rotate(&self) -> Result<(), StoreError> {
        let mut keys = self.store.rotate(self.algorithm)?;
        // The database does not hold it.
        keys.extend(self.pinned.iter().map(|PinnedKey(key)| Arc::clone(key)));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Counts a renewed token.
    pub(crate) fn note_renewal(&self) {
        self.count("renewal");
    }

    pub(crate) fn count(&self, name: &str) {
        let mut counts = lock(&self.counts);
        let count = counts.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts and logs a request: method, contract path, status, time; never a value.
    pub(crate) fn note(&self, endpoint: &str, method: &str, status: u16, micros: u128) {
        self.count(endpoint);
        self.count("any");
        let mut log = lock(&self.log);
        if log.len() >= LOGGED {
            log.remove(0);
        }
        let millis = u64::try_from(micros / 1000).unwrap_or(u64::MAX);
        log.push(RequestRow {
            endpoint: endpoint.to_owned(),
            method: method.to_owned(),
            status,
            ms: millis,
            at: self.now(),
        });
    }

    /// Whether a browser may be redirected there: to this machine, or to an address that the project lists exactly.
    pub(crate) fn may_redirect(&self, project_id: Option<&str>, uri: &str) -> bool {
        let Ok(url) = url::Url::parse(uri) else {
            return false;
        };
        let clean = !uri
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && uri.len() <= 2048;
        // Without both slashes a browser resolves the rest as a path of the current page.
        let has_slashes = uri
            .get(url.scheme().len()..)
            .is_some_and(|rest| rest.starts_with("://"));
        let is_local = matches!(url.scheme(), "http" | "https")
            && has_slashes
            && match url.host() {
                Some(url::Host::Domain(name)) => name == "localhost",
                Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
                Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
                None => false,
            };
        let listed = |id: &str| {
            self.seed
                .project(id)
                .is_some_and(|project| project.redirect_uris.iter().any(|own| own == uri))
        };
        let any_lists = || self.seed.projects.iter().any(|project| listed(&project.id));
        clean && (is_local || project_id.map_or_else(any_lists, listed))
    }
}

/// Locks, also where another thread panicked while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since the Unix epoch, by the system's clock.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Converts to whole milliseconds.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Formats as ISO 8601, as the API writes times.
pub(crate) fn iso(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis)
        .map(|time| time.to_string())
        .unwrap_or_default()
}
