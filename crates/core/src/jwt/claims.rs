//! The claims (RFC 7519 section 4): parsed strictly, and checked against the rules.
//!
//! A claim that decides something is malformed where it has the wrong type, never absent. An `exp` that is text must count
//! neither as missing nor as infinite. A claim for display is dropped where it has the wrong type, and so are the roles,
//! since that only takes permissions away. The caller has checked the signature before.
//!
//! These rules run where tokens are verified by keys. In mode `cloud` the Cloud checks the issuer and the audience.

use alloc::borrow::Cow;
use core::fmt;
use core::time::Duration;

use super::MAX_DEPTH;
use super::reason::Reason;
use super::rules::Rules;
use crate::ids::{SessionId, UserId};
use crate::json::strict::{Value, read_object};
use crate::time::Timestamp;

/// Claims that mark a token of another kind. A security event or logout token has `events` (RFC 8417, OpenID Connect
/// Back-Channel Logout 2.4). One with `cnf` is good only with proof of a key (RFC 7800), which a bearer does not give.
const OTHER_PURPOSE: [&str; 2] = ["events", "cnf"];

/// The claims of a verified token.
///
/// `Debug` shows ids, roles and times, never a name or an e-mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    subject: UserId,
    session_id: Option<SessionId>,
    email: Option<Box<str>>,
    name: Option<Box<str>>,
    avatar_url: Option<Box<str>>,
    roles: Box<[String]>,
    issued_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    expires_at: Timestamp,
}

impl Claims {
    /// The user that the token is about (`sub`).
    pub const fn subject(&self) -> &UserId {
        &self.subject
    }

    /// The Cloud's id of the session (`sid`).
    pub const fn session_id(&self) -> Option<&SessionId> {
        self.session_id.as_ref()
    }

    /// The e-mail address (`email`): for display, not for decisions.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The name for display (`name`).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The URL of the picture for display (`avatar_url`).
    pub fn avatar_url(&self) -> Option<&str> {
        self.avatar_url.as_deref()
    }

    /// The roles: those of `roles`, else the one of `role`, else none.
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// When the token was issued (`iat`).
    pub const fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// When the token becomes valid (`nbf`).
    pub const fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// When the token expires (`exp`), without any leeway.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(super) fn read(text: &[u8], rules: &Rules, now: Timestamp) -> Result<Self, Reason> {
        let said = Said::read(text)?;
        if said.other_purpose {
            return Err(Reason::WrongPurpose);
        }
        let times = Times::read(&said)?;
        times.check(rules, now)?;
        check_issuer(said.iss.as_ref(), rules)?;
        check_audience(said.aud.as_ref(), rules)?;
        Ok(Self {
            subject: subject(said.sub.as_ref())?,
            session_id: session_id(said.sid.as_ref())?,
            email: lenient_text(said.email.as_ref()).map(Into::into),
            name: lenient_text(said.name.as_ref()).map(Into::into),
            avatar_url: lenient_text(said.avatar_url.as_ref()).map(Into::into),
            roles: roles(said.roles, said.role.as_ref()),
            issued_at: times.issued_at,
            not_before: times.not_before,
            expires_at: times.expires_at,
        })
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.subject)
            .field("session_id", &self.session_id)
            .field("roles", &self.roles)
            .field("issued_at", &self.issued_at)
            .field("not_before", &self.not_before)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The claims that are read, of whatever type they came.
#[derive(Default)]
struct Said<'t> {
    iss: Option<Value<'t>>,
    aud: Option<Value<'t>>,
    sub: Option<Value<'t>>,
    exp: Option<Value<'t>>,
    nbf: Option<Value<'t>>,
    iat: Option<Value<'t>>,
    sid: Option<Value<'t>>,
    email: Option<Value<'t>>,
    name: Option<Value<'t>>,
    avatar_url: Option<Value<'t>>,
    role: Option<Value<'t>>,
    roles: Option<Value<'t>>,
    other_purpose: bool,
}

impl<'t> Said<'t> {
    fn read(text: &'t [u8]) -> Result<Self, Reason> {
        let mut said = Self::default();
        read_object(text, MAX_DEPTH, |name, value| match name {
            "iss" => said.iss = Some(value),
            "aud" => said.aud = Some(value),
            "sub" => said.sub = Some(value),
            "exp" => said.exp = Some(value),
            "nbf" => said.nbf = Some(value),
            "iat" => said.iat = Some(value),
            "sid" => said.sid = Some(value),
            "email" => said.email = Some(value),
            "name" => said.name = Some(value),
            "avatar_url" => said.avatar_url = Some(value),
            "role" => said.role = Some(value),
            "roles" => said.roles = Some(value),
            other => said.other_purpose |= OTHER_PURPOSE.contains(&other),
        })
        .map_err(|_| Reason::MalformedClaims)?;
        Ok(said)
    }
}

/// The three times, all well-formed.
struct Times {
    issued_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
    expires_at: Timestamp,
}

impl Times {
    fn read(said: &Said<'_>) -> Result<Self, Reason> {
        let time = |value: &Option<Value<'_>>| value.as_ref().map(time).transpose();
        Ok(Self {
            expires_at: time(&said.exp)?.ok_or(Reason::MissingExpiry)?,
            not_before: time(&said.nbf)?,
            issued_at: time(&said.iat)?,
        })
    }

    fn check(&self, rules: &Rules, now: Timestamp) -> Result<(), Reason> {
        let leeway = rules.leeway.as_duration();
        // The second of its expiry is too late already (RFC 7519 section 4.1.4).
        if now >= self.expires_at.plus(leeway) {
            return Err(Reason::Expired);
        }
        let soonest = now.plus(leeway);
        if self.not_before.is_some_and(|time| time > soonest)
            || self.issued_at.is_some_and(|time| time > soonest)
        {
            return Err(Reason::NotYetValid);
        }
        let Some(max_age) = rules.max_age else {
            return Ok(());
        };
        let issued_at = self.issued_at.ok_or(Reason::MissingIssueTime)?;
        if now.since(issued_at) > max_age.saturating_add(leeway) {
            return Err(Reason::TooOld);
        }
        Ok(())
    }
}

/// A NumericDate (RFC 7519 section 2), to the millisecond.
fn time(value: &Value<'_>) -> Result<Timestamp, Reason> {
    let since = match value {
        Value::Whole(seconds) => Some(Duration::from_secs(*seconds)),
        // Rejects negative numbers, numbers beyond what a duration holds, and anything else.
        Value::Fraction(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => None,
    };
    since
        .map(|since| Timestamp::from_unix_millis(0).plus(since))
        .filter(|time| *time <= Timestamp::LAST)
        .ok_or(Reason::MalformedTime)
}

fn check_issuer(iss: Option<&Value<'_>>, rules: &Rules) -> Result<(), Reason> {
    let issuer = match iss {
        None => None,
        Some(value) => Some(value.as_text().ok_or(Reason::MalformedClaims)?),
    };
    match &rules.issuer {
        Some(expected) if issuer != Some(expected) => Err(Reason::WrongIssuer),
        _ => Ok(()),
    }
}

/// Refuses as `token_audience_mismatch`. What a client sees of it is decided where the answer is written.
fn check_audience(aud: Option<&Value<'_>>, rules: &Rules) -> Result<(), Reason> {
    let is_for_us = match aud {
        None => false,
        Some(Value::Text(one)) => one == rules.audience(),
        Some(Value::Texts(several)) => several.iter().any(|one| one == rules.audience()),
        Some(_) => return Err(Reason::MalformedClaims),
    };
    if is_for_us {
        Ok(())
    } else {
        Err(Reason::WrongAudience)
    }
}

fn subject(sub: Option<&Value<'_>>) -> Result<UserId, Reason> {
    sub.and_then(Value::as_text)
        .and_then(|sub| UserId::parse(sub).ok())
        .ok_or(Reason::BadSubject)
}

fn session_id(sid: Option<&Value<'_>>) -> Result<Option<SessionId>, Reason> {
    optional_text(sid)?
        .map(|sid| SessionId::parse(sid).map_err(|_| Reason::MalformedClaims))
        .transpose()
}

/// A text that may be absent; the Cloud also writes `null` for that.
fn optional_text<'v>(value: Option<&'v Value<'_>>) -> Result<Option<&'v str>, Reason> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_text().map(Some).ok_or(Reason::MalformedClaims),
    }
}

/// A text for display: another type counts as absent.
fn lenient_text<'v>(value: Option<&'v Value<'_>>) -> Option<&'v str> {
    value.and_then(Value::as_text)
}

/// The roles. `roles` of a wrong type counts as empty, and `role` does not stand in for it.
fn roles(roles: Option<Value<'_>>, role: Option<&Value<'_>>) -> Box<[String]> {
    match roles {
        Some(Value::Texts(roles)) => roles.into_iter().map(Cow::into_owned).collect(),
        None | Some(Value::Null) => lenient_text(role).map(str::to_owned).into_iter().collect(),
        Some(_) => Box::default(),
    }
}
