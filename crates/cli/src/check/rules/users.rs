//! Users and their permissions: dialect v1 alone has them.

use serde_json::Value;

use super::super::probe::Probe;
use super::super::reading::{accepted, data, refused, same, text};
use super::super::rule::{Rule, Severity};
use super::super::verdict::{failed, not_tested};
use super::exchange::user;
use super::{only, rule};
use crate::args::CheckGroup::{Permissions, Security, User};
use crate::args::DialectName::V1;
use Severity::{Must, Should};

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    only(V1, rule("user.1", User, Must, Probe::User,
        ["people may read themselves", "contract: getUser, 200", "answer 2xx for the user of the token"],
        accepted)),
    only(V1, rule("user.2", User, Must, Probe::User,
        ["the user has the contract's members", "contract: User", "return data.user with id, email and created_at"],
        |answer, seen| user(&data(answer, seen)?, "/user", seen))),
    only(V1, rule("user.3", User, Must, Probe::User,
        ["it is the user that was asked for", "contract: getUser", "return the user of the path's id"],
        |answer, seen| {
            let found = data(answer, seen)?;
            let verified = data(seen.beside(Probe::Verify)?, seen)?;
            let (Ok(one), Ok(other)) = (text(&found, "/user/id"), text(&verified, "/user/id")) else {
                return not_tested("a member is missing");
            };
            same(one, other, "the users' ids")
        })),
    only(V1, rule("user.4", User, Must, Probe::UserNoToken,
        ["a user is not shown without a token", "contract: getUser, 401", "answer 401 missing_token"],
        |answer, _| refused(answer, &[401]))),
    only(V1, rule("user.5", User, Must, Probe::UserJunk,
        ["a user is not shown for a made-up token", "contract: getUser, 401", "answer 401 invalid_token"],
        |answer, _| refused(answer, &[401]))),
    only(V1, rule("user.6", User, Must, Probe::UserUnknown,
        ["an unknown user is refused", "contract: getUser, 403 or 404", "answer 404, or 403 where the caller may not read others"],
        |answer, _| refused(answer, &[403, 404]))),
    only(V1, rule("security.25", Security, Must, Probe::UserTraversal,
        ["an encoded slash stays within the id", "contract: UserId; RFC 3986, section 2.2",
         "split the path before you decode its segments"],
        |answer, _| refused(answer, &[400, 403, 404]))),
    only(V1, rule("permissions.1", Permissions, Must, Probe::Permissions,
        ["people may read their permissions", "contract: getUserPermissions, 200", "answer 2xx for the user of the token"],
        accepted)),
    only(V1, rule("permissions.2", Permissions, Must, Probe::Permissions,
        ["permissions are a list of texts", "contract: getUserPermissions, data.permissions",
         "return data.permissions as a list; null or an empty list is none"],
        |answer, seen| match data(answer, seen)?.get("permissions") {
            Some(Value::Null) => Ok(()),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => Ok(()),
            Some(_) => failed("`permissions` is no list of texts"),
            None => failed("`permissions` is missing"),
        })),
    only(V1, rule("permissions.3", Permissions, Should, Probe::Permissions,
        ["each permission has a resource and an action", "contract: getUserPermissions, resource:action[:id]",
         "write agents:read, agents:*, or * for all: a bare agents grants nothing"],
        |answer, seen| {
            let data = data(answer, seen)?;
            let all = data.get("permissions").and_then(Value::as_array);
            let mut texts = all.into_iter().flatten().filter_map(Value::as_str);
            let bad = texts.find(|text| {
                let parts: Vec<_> = text.split(':').collect();
                *text != "*" && (parts.len() < 2 || parts.iter().any(|part| part.is_empty()))
            });
            match bad {
                Some(bad) => failed(format!("{bad:?} grants nothing")),
                None => Ok(()),
            }
        })),
    only(V1, rule("permissions.4", Permissions, Must, Probe::PermissionsNoToken,
        ["permissions are not shown without a token", "contract: getUserPermissions, 401", "answer 401 missing_token"],
        |answer, _| refused(answer, &[401]))),
    only(V1, rule("permissions.5", Permissions, Must, Probe::PermissionsUnknown,
        ["an unknown user's permissions are refused", "contract: getUserPermissions, 403 or 404",
         "answer 404, or 403 where the caller may not read others"],
        |answer, _| refused(answer, &[403, 404]))),
];
