//! Values as they cross: plain objects, times in milliseconds, errors as data.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::identity::Identity;
use mastra_auth_cloud_core::model::{CloudSession, CloudUser};
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::time::{Now, Timestamp};
use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::answer::serial;

/// An error of the core.
#[napi(object, object_from_js = false)]
#[derive(Clone)]
pub struct Failure {
    /// One short sentence without values. No value that is not a failure has this member.
    pub failure: String,
    /// The stable code.
    pub code: String,
    /// Whose fault it is.
    pub kind: &'static str,
    /// The HTTP status that describes it.
    pub status: u16,
    /// The path of the contract that was asked.
    pub endpoint: Option<String>,
    /// Whether the Cloud refused the credential.
    pub refused: bool,
    /// Whether it says only that a callback cannot be finished.
    pub unusable_callback: bool,
}

impl From<CloudApiError> for Failure {
    fn from(error: CloudApiError) -> Self {
        Self {
            failure: error.message().to_owned(),
            code: error.code().to_owned(),
            kind: error.kind().as_str(),
            status: error.status(),
            endpoint: error.endpoint().map(str::to_owned),
            refused: error.is_refusal(),
            unusable_callback: error.is_unusable_callback(),
        }
    }
}

/// A value, or why there is none.
pub(crate) type Or<T> = Either<T, Failure>;

pub(crate) fn or<T>(result: std::result::Result<T, CloudApiError>) -> Or<T> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}

/// A user, whole.
#[napi(object, object_from_js = false)]
pub struct User {
    /// The number of the identity; 0 where it is not remembered.
    pub serial: f64,
    /// The Cloud's id.
    pub id: String,
    /// The e-mail address; empty for a machine.
    pub email: String,
    /// The name to show.
    pub name: Option<String>,
    /// The picture to show.
    pub avatar_url: Option<String>,
    /// When the account was made.
    pub created_at: Option<f64>,
    /// What else the Cloud keeps with the account, as JSON text.
    pub metadata: Option<String>,
    /// The roles the Cloud gave.
    pub roles: Vec<String>,
    /// The token of the user's session.
    pub session_token: String,
}

impl From<&CloudUser> for User {
    fn from(user: &CloudUser) -> Self {
        Self {
            serial: 0.0,
            id: user.id().as_str().to_owned(),
            email: user.email().to_owned(),
            name: user.name().map(str::to_owned),
            avatar_url: user.avatar_url().map(str::to_owned),
            created_at: user.created_at().map(millis),
            // A map of JSON values is always JSON again.
            metadata: user
                .metadata()
                .and_then(|members| serde_json::to_string(members).ok()),
            roles: user.roles().to_vec(),
            session_token: user.session_token().expose().to_owned(),
        }
    }
}

impl From<&Identity> for User {
    fn from(identity: &Identity) -> Self {
        Self {
            serial: serial(identity),
            ..identity.user().into()
        }
    }
}

/// A session, whole.
#[napi(object, object_from_js = false)]
pub struct Session {
    /// The Cloud's id of the session.
    pub id: String,
    /// Whose session it is.
    pub user_id: String,
    /// When it ends by itself.
    pub expires_at: f64,
    /// When it was made.
    pub created_at: f64,
}

impl From<&CloudSession> for Session {
    fn from(session: &CloudSession) -> Self {
        Self {
            id: session.id().as_str().to_owned(),
            user_id: session.user_id().as_str().to_owned(),
            expires_at: millis(session.expires_at()),
            created_at: millis(session.created_at()),
        }
    }
}

/// What both clocks say. The monotonic one counts from the first time that it was asked; each thread reads the wall clock every
/// 20 ms.
pub(crate) fn now() -> Now {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    thread_local! {
        static LAST: Cell<Option<Now>> = const { Cell::new(None) };
    }
    let monotonic = BEGIN.elapsed();
    if let Some(now) = LAST.get().and_then(|last| last.soon(monotonic)) {
        return now;
    }
    let now = Now {
        wall: wall(),
        monotonic,
    };
    LAST.set(Some(now));
    now
}

/// A clock that stands before 1970 counts as 1970.
fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Milliseconds as JavaScript counts them. A cast from a float saturates, and what is not a number is 0.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn timestamp(millis: f64) -> Timestamp {
    Timestamp::from_unix_millis(millis as i64)
}

/// Seconds of the caller; what is negative or not a number is 0.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

/// Milliseconds as JavaScript counts them: exact for 285,000 years.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn millis(time: Timestamp) -> f64 {
    time.unix_millis() as f64
}

pub(crate) fn token(text: &str) -> Result<SessionToken, CloudApiError> {
    SessionToken::parse(text).map_err(CloudApiError::argument)
}
