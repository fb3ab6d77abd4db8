//! Values at the boundary to JavaScript: plain objects, times in milliseconds, errors as data.

use std::time::Duration;

use mastra_auth_cloud_core::cloud::model::{CloudSession, CloudUser};
use mastra_auth_cloud_core::error::CloudApiError;
use mastra_auth_cloud_core::ids::OrganizationId;
use mastra_auth_cloud_core::secret::SessionToken;
use mastra_auth_cloud_core::session::Identity;
use mastra_auth_cloud_core::time::Timestamp;
use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::js_values::Record;

/// An error of the core.
#[napi(object, object_from_js = false)]
#[derive(Clone)]
pub struct Failure {
    /// One short sentence without values. Only failures have this member.
    pub failure: String,
    /// The stable code.
    pub code: String,
    /// The kind of error: who can mend it.
    #[napi(ts_type = "'caller' | 'configuration' | 'credential' | 'cloud' | 'network'")]
    pub kind: &'static str,
    /// The HTTP status that describes the error.
    pub status: u16,
    /// The contract path of the call.
    pub endpoint: Option<String>,
    /// Whether the Cloud refused the credential.
    pub refused: bool,
    /// Whether it says only that a callback is unusable.
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

/// A value or the error in its place.
pub(crate) type Or<T> = Either<T, Failure>;

pub(crate) fn or<T>(result: std::result::Result<T, CloudApiError>) -> Or<T> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(error.into()),
    }
}

/// A user; its serial number is 0 where no identity is cached. The package's `user.ts` reads it.
pub(crate) fn user(user: &CloudUser, serial: u64) -> Record {
    let created_at = user.created_at().map(|time| time.unix_millis().to_string());
    // A map of JSON values always serializes.
    let metadata = user
        .metadata()
        .and_then(|members| serde_json::to_string(members).ok());
    let organizations: Option<Vec<&str>> = match (user.organization(), user.member_of()) {
        (None, []) => None,
        (chosen, all) => {
            let chosen = chosen.map_or("", OrganizationId::as_str);
            let all = all.iter().map(OrganizationId::as_str);
            Some(core::iter::once(chosen).chain(all).collect())
        }
    };
    // No id holds a space.
    let organizations = organizations.map(|ids| ids.join(" "));
    let mut record = Record::new(serial);
    for text in [
        Some(user.session_token().expose()),
        Some(user.id().as_str()),
        Some(user.email()),
        user.name(),
        user.avatar_url(),
        created_at.as_deref(),
        metadata.as_deref(),
        organizations.as_deref(),
        // Whether it came as a cookie, and not as a bearer.
        user.session_token().is_sealed().then_some("1"),
    ] {
        record.add(text);
    }
    for role in user.roles() {
        record.add(Some(role));
    }
    record
}

impl From<&CloudUser> for Record {
    fn from(of: &CloudUser) -> Self {
        user(of, 0)
    }
}

impl From<&Identity> for Record {
    fn from(identity: &Identity) -> Self {
        user(identity.user(), identity.serial())
    }
}

/// Exact for 2^53 identities.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn serial(identity: &Identity) -> f64 {
    identity.serial() as f64
}

/// A session.
#[napi(object, object_from_js = false)]
pub struct Session {
    /// The Cloud's id of the session.
    pub id: String,
    /// The id of the session's user.
    pub user_id: String,
    /// When it expires.
    pub expires_at: f64,
    /// When it was created.
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

/// From milliseconds since the Unix epoch. A cast from a float saturates, and NaN becomes 0.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn timestamp(millis: f64) -> Timestamp {
    Timestamp::from_unix_millis(millis as i64)
}

/// From seconds; a negative number or NaN becomes 0.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

/// To milliseconds since the Unix epoch: exact for 285,000 years.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn millis(time: Timestamp) -> f64 {
    time.unix_millis() as f64
}

pub(crate) fn token(text: &str) -> Result<SessionToken, CloudApiError> {
    SessionToken::parse(text).map_err(CloudApiError::argument)
}
