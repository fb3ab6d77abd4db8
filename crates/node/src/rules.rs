//! Stand-alone rules: grants, cookies, return paths, codes.

use std::time::Duration;

use mastra_auth_cloud_core::config::USER_AGENT;
use mastra_auth_cloud_core::cookie::{CookieOptions, CookieSpec, DEFAULT_NAME, Stage, values};
use mastra_auth_cloud_core::dialect::Dialect;
use mastra_auth_cloud_core::error::CODES;
use mastra_auth_cloud_core::rbac::pattern::{Permissions, matches};
use mastra_auth_cloud_core::rbac::roles::RoleMapping;
use mastra_auth_cloud_core::url::ReturnPath;
use napi_derive::napi;

use crate::config::Options;
use crate::convert::{Or, or, seconds};
use crate::guard::{Result, guard};

/// Whether a grant covers a required permission.
#[napi]
pub fn permission_covers(grant: String, required: String) -> Result<bool> {
    guard(|| matches(&grant, &required))
}

/// Whether any of the grants covers a required permission.
#[napi]
pub fn grants_allow(grants: Vec<String>, required: String) -> Result<bool> {
    guard(|| Permissions::new(grants).allows(&required))
}

/// The permissions of these roles, by a mapping given as JSON text, or by the default roles.
#[napi]
pub fn mapped_grants(mapping: Option<String>, roles: Vec<String>) -> Result<Or<Vec<String>>> {
    guard(|| {
        let mapping = match mapping {
            Some(text) => RoleMapping::from_json(&text),
            None => Ok(RoleMapping::default_roles()),
        };
        or(mapping.map(|mapping| {
            let grants = mapping.permissions(&roles);
            grants.iter().map(str::to_owned).collect()
        }))
    })
}

/// The path to which a browser returns after sign-in if `input` was requested.
#[napi]
pub fn return_path(input: String, origin: Option<String>) -> Result<String> {
    guard(|| {
        ReturnPath::sanitize(&input, origin.as_deref())
            .as_str()
            .to_owned()
    })
}

/// The values of all cookies of one name, in order.
#[napi]
pub fn cookie_values(header: String, name: String) -> Result<Or<Vec<String>>> {
    guard(|| {
        let found = values(&header, &name).map_err(Into::into);
        or(found.map(|found| found.map(str::to_owned).collect()))
    })
}

/// A `Set-Cookie` value of the session cookie: with a value it lasts `max_age` seconds, without one it clears the cookie.
#[napi]
pub fn cookie_line(options: Options, value: Option<String>, max_age: f64) -> Result<Or<String>> {
    guard(|| {
        or(options
            .cookie(Dialect::V1, Stage::Unknown)
            .and_then(|given| {
                let spec = CookieSpec::new(CookieOptions {
                    name: given.name.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
                    secure: given.secure.unwrap_or_default(),
                    prefix: given.prefix,
                    same_site: given.same_site,
                    domain: given.domain,
                    path: given.path,
                })?;
                let age: Duration = seconds(max_age);
                let line = match value {
                    Some(value) => spec.set(&value, age)?,
                    None => spec.clear(),
                };
                Ok(line.expose().to_owned())
            }))
    })
}

/// Every error code of this package's own.
#[napi]
pub fn codes() -> Result<Vec<String>> {
    guard(|| CODES.iter().map(|info| info.code.to_owned()).collect())
}

/// The `User-Agent` of every request.
#[napi]
pub fn user_agent() -> Result<&'static str> {
    guard(|| USER_AGENT)
}
