//! The login cookie, which binds a sign-in to the browser that began it.
//!
//! Value: `1.created.project.cloud.redirect_uri.verifier.seal`, every part base64url or a number. It carries the verifier and
//! the redirect URI, so any instance can finish a sign-in that another began, without shared memory. Where the Cloud may not
//! bring the state back, the state's id stands before the seal, and the version is `2`.
//!
//! The seal is an HMAC under the verifier over everything else and the state's id, so no part can be exchanged for another
//! login's. A key shared by the instances would add nothing: an attacker who can write this browser's cookies could as well
//! replay a genuine pair of cookie and state. The `__Host-` prefix keeps others from writing them.
//!
//! The cookie is named after the state, so tabs do not disturb one another, and other deployments' cookies on the same host
//! are left alone. It does not record whether it was used before.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::config::Config;
use crate::cookie::{CookieSpec, Counted, HOST_PREFIX, names_with_prefix};
use crate::dialect::LoginPage;
use crate::encoding::{
    base64url, base64url_decode, constant_time_eq, hex, hmac_parts, sha256_parts,
};
use crate::error::{CloudApiError, Code};
use crate::login::state::StateId;
use crate::secret::Verifier;
use crate::time::{Now, Timestamp};
use crate::url::{RedirectUri, Site};

const NAME: &str = "mastra_login_";
/// Hexadecimal digits after the name: 64 bits, enough to tell one browser's few sign-ins apart.
const TAG_LENGTH: usize = 16;
const VERSION: &str = "1";
const VERSION_WITH_STATE: &str = "2";
/// Most sign-ins that one browser may have in progress, for example from restored tabs; the oldest are cleared. Their cookies
/// stay below the header size that servers read.
pub(crate) const MAX_PENDING: usize = 8;

/// The content of a login cookie that passed every check.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) verifier: Verifier,
}

/// The cookie of one login that comes back to this address: the session cookie's attributes, under another name.
pub(crate) fn spec(
    config: &Config,
    state: &StateId,
    site: Option<Site>,
) -> Result<CookieSpec, CloudApiError> {
    config.cookie.at(site).named(&name(state))
}

fn name(state: &StateId) -> String {
    let digest = sha256_parts(&[b"login cookie", state.expose().as_bytes()]);
    let tag: String = hex(&digest).chars().take(TAG_LENGTH).collect();
    format!("{NAME}{tag}")
}

/// The cookie's value for a login that begins now.
pub(crate) fn write(
    config: &Config,
    redirect_uri: &RedirectUri,
    state: &StateId,
    verifier: &Verifier,
    now: Now,
) -> Zeroizing<String> {
    let created = now.wall.unix_millis().to_string();
    let parts = Parts {
        created: &created,
        project: config.project_id.as_str(),
        cloud: config.base_url.as_str(),
        redirect_uri: redirect_uri.as_str(),
    };
    let encode = |text: &str| base64url(text.as_bytes());
    let (version, id) = if keeps_state(config) {
        (VERSION_WITH_STATE, encode(state.expose()) + ".")
    } else {
        (VERSION, String::new())
    };
    Zeroizing::new(format!(
        "{version}.{created}.{}.{}.{}.{}.{id}{}",
        encode(parts.project),
        encode(parts.cloud),
        encode(parts.redirect_uri),
        verifier.expose(),
        base64url(&parts.seal(verifier, state)),
    ))
}

/// Whether the Cloud may leave the state out when the browser comes back.
const fn keeps_state(config: &Config) -> bool {
    matches!(config.table().login, LoginPage::Product(_))
}

/// Finds and checks this login's cookie in a `Cookie` header. Where the address decides whether the name begins with
/// `__Host-`, `is_plain` decides whether one without it counts: sibling subdomains can set such a cookie.
///
/// # Errors
///
/// `login_cookie_missing` where the browser has no login cookie at all; `state_mismatch` where it has only other logins'
/// cookies or one that does not fit; `project_mismatch`, `cloud_mismatch`, `login_expired`.
pub(crate) fn read(
    config: &Config,
    header: &str,
    state: &StateId,
    now: Now,
    is_plain: impl Fn(&Opened) -> bool,
) -> Result<Opened, CloudApiError> {
    let own = name(state);
    let pending = pending(config, header)?;
    if pending.is_empty() {
        return Err(CloudApiError::new(Code::LoginCookieMissing));
    }
    let mismatch = || CloudApiError::new(Code::StateMismatch);
    // Another host must have added the second cookie of one name. The first that fits is ours, since only ours has the seal.
    let mut failure = mismatch();
    for login in pending
        .into_iter()
        .filter(|login| login.bare_name() == own)
        .take(MAX_PENDING)
    {
        match open(config, login.value, state, now) {
            Ok(opened) if login.is_doubtful && !is_plain(&opened) => {}
            Ok(opened) => return Ok(opened),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The sign-in that this browser began last, with its state's id: for a Cloud that does not bring the state back. That a
/// browser began one here is all that is known then. Those that another callback used do not count: a host may lose the line
/// that clears their cookie.
///
/// # Errors
///
/// As [`read`]; `callback_replayed` where one that was used is the last.
pub(crate) fn read_newest(
    config: &Config,
    header: &str,
    now: Now,
    is_plain: impl Fn(&Opened, &StateId) -> bool,
    is_used: impl Fn(&StateId) -> bool,
) -> Result<(Opened, StateId), CloudApiError> {
    let mut pending = pending(config, header)?;
    if pending.is_empty() {
        return Err(CloudApiError::new(Code::LoginCookieMissing));
    }
    pending.sort_by_key(|login| core::cmp::Reverse(created(login.value)));
    let mut failure = CloudApiError::new(Code::StateMismatch);
    for login in pending.into_iter().take(MAX_PENDING) {
        let Some(id) = state_of(login.value).filter(|id| login.bare_name() == name(id)) else {
            continue;
        };
        match open(config, login.value, &id, now) {
            Ok(opened) if login.is_doubtful && !is_plain(&opened, &id) => {}
            Ok(_) if is_used(&id) => failure = CloudApiError::new(Code::CallbackReplayed),
            Ok(opened) => return Ok((opened, id)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The state's id in a cookie that has one.
fn state_of(value: &str) -> Option<StateId> {
    let mut fields = value.split('.');
    fields
        .next()
        .filter(|version| *version == VERSION_WITH_STATE)?;
    let id = String::from_utf8(base64url_decode(fields.nth(5)?)?).ok()?;
    StateId::parse(&id).ok()
}

/// The browser's login cookies over the limit, oldest first, so that a driver can clear them.
///
/// # Errors
///
/// `cookie_header_too_large`.
pub(crate) fn overdue(config: &Config, header: &str) -> Result<Vec<CookieSpec>, CloudApiError> {
    let mut seen = BTreeSet::new();
    let mut all: Vec<Pending<'_, '_>> = pending(config, header)?
        .into_iter()
        .filter(|login| seen.insert(login.name) && !is_foreign(config, login.value))
        .collect();
    // A stable sort: within one millisecond the header's order counts, where older cookies come first (RFC 6265 section 5.4).
    all.sort_by_key(|login| created(login.value));
    // Leave room for the one that is about to be set.
    let surplus = all.len().saturating_sub(MAX_PENDING.saturating_sub(1));
    all.into_iter()
        .take(surplus)
        .map(|login| login.face.named(login.bare_name()))
        .collect()
}

/// A login cookie of a browser: this deployment's, by its name.
struct Pending<'c, 'h> {
    face: &'c CookieSpec,
    name: &'h str,
    value: &'h str,
    /// The name has no `__Host-`, and the address must decide whether it counts.
    is_doubtful: bool,
}

impl<'h> Pending<'_, 'h> {
    fn bare_name(&self) -> &'h str {
        self.name
            .find(NAME)
            .and_then(|at| self.name.get(at..))
            .unwrap_or(self.name)
    }
}

/// Only names that [`spec`] can return: another name that begins alike must not stop a sign-in.
fn pending<'c, 'h>(
    config: &'c Config,
    header: &'h str,
) -> Result<Vec<Pending<'c, 'h>>, CloudApiError> {
    let is_tag = |tag: &str| {
        tag.len() == TAG_LENGTH && tag.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_decided = config.cookie.counted(None) != Counted::Undecided;
    let mut found = Vec::new();
    for face in config.cookie.faces() {
        let prefix = face.named(NAME)?;
        for (name, value) in names_with_prefix(header, prefix.name())? {
            if name.strip_prefix(prefix.name()).is_some_and(is_tag) {
                found.push(Pending {
                    face,
                    name,
                    value,
                    is_doubtful: !is_decided && !name.starts_with(HOST_PREFIX),
                });
            }
        }
    }
    Ok(found)
}

/// Whether a cookie names another project or Cloud: that of another deployment on this host.
fn is_foreign(config: &Config, value: &str) -> bool {
    let mut parts = value.split('.').skip(2).map(base64url_decode);
    let (Some(Some(project)), Some(Some(cloud))) = (parts.next(), parts.next()) else {
        return false;
    };
    project != config.project_id.as_str().as_bytes() || cloud != config.base_url.as_str().as_bytes()
}

fn created(value: &str) -> i64 {
    value
        .split('.')
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn open(config: &Config, value: &str, state: &StateId, now: Now) -> Result<Opened, CloudApiError> {
    let mismatch = || CloudApiError::new(Code::StateMismatch);
    let mut fields = value.split('.');
    let mut next = || fields.next().ok_or_else(mismatch);
    let (version, created, project, cloud, redirect_uri, verifier) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    let has_state = keeps_state(config);
    // The seal covers the state, so its copy is not compared.
    if has_state {
        next()?;
    }
    let seal = next()?;
    let expected = if has_state {
        VERSION_WITH_STATE
    } else {
        VERSION
    };
    if version != expected || fields.next().is_some() {
        return Err(mismatch());
    }
    let text = |part: &str| {
        base64url_decode(part)
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(mismatch)
    };
    let (project, cloud, redirect_uri) = (text(project)?, text(cloud)?, text(redirect_uri)?);
    let verifier = Verifier::parse(verifier).map_err(|_| mismatch())?;
    let parts = Parts {
        created,
        project: &project,
        cloud: &cloud,
        redirect_uri: &redirect_uri,
    };
    let seal = base64url_decode(seal).ok_or_else(mismatch)?;
    if !constant_time_eq(&seal, &parts.seal(&verifier, state)) {
        return Err(mismatch());
    }
    // From here on all parts are one login's. Check that it is for this deployment and in time.
    if project != config.project_id.as_str() {
        return Err(CloudApiError::new(Code::ProjectMismatch));
    }
    if cloud != config.base_url.as_str() {
        return Err(CloudApiError::new(Code::CloudMismatch));
    }
    let created = Timestamp::from_unix_millis(created.parse().map_err(|_| mismatch())?);
    // Another instance's clock may be ahead of this one's; `since` then returns zero.
    if now.wall.since(created) > config.policy.login_lifetime {
        return Err(CloudApiError::new(Code::LoginExpired));
    }
    let redirect_uri = RedirectUri::parse(&redirect_uri).map_err(|_| mismatch())?;
    Ok(Opened {
        redirect_uri,
        verifier,
    })
}

struct Parts<'a> {
    created: &'a str,
    project: &'a str,
    cloud: &'a str,
    redirect_uri: &'a str,
}

impl Parts<'_> {
    fn seal(&self, verifier: &Verifier, state: &StateId) -> [u8; 32] {
        hmac_parts(
            verifier.expose().as_bytes(),
            &[
                b"login cookie",
                VERSION.as_bytes(),
                self.created.as_bytes(),
                self.project.as_bytes(),
                self.cloud.as_bytes(),
                self.redirect_uri.as_bytes(),
                state.expose().as_bytes(),
            ],
        )
    }
}

#[cfg(test)]
#[path = "cookie_tests.rs"]
mod tests;
