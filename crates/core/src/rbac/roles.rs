//! Roles, and the grants of each.
//!
//! Role names are compared byte for byte. A role that the mapping does not name gets the grants of `_default`, where the
//! mapping has that entry, else none. A user without roles gets no grants. This module does not find a user's roles: they
//! come from verified data.

use alloc::collections::BTreeSet;
use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::CloudApiError;
use crate::json;
use crate::rbac::pattern::Permissions;

/// The entry of a mapping for every role that it does not name. Never a role itself.
pub const DEFAULT_ENTRY: &str = "_default";

/// One of the default roles, which apply where no mapping is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name in data.
    pub name: &'static str,
    /// The name on a page.
    pub display_name: &'static str,
    /// One sentence on the role's purpose.
    pub description: &'static str,
    /// The role's grants.
    pub permissions: &'static [&'static str],
}

const MEMBER: Role = Role {
    name: "member",
    display_name: "Member",
    description: "May see and run everything.",
    permissions: &["*:read", "*:execute"],
};
const VIEWER: Role = Role {
    name: "viewer",
    display_name: "Viewer",
    description: "May see everything.",
    permissions: &["*:read"],
};

/// The default roles, from the most to the least powerful. They apply where no mapping is configured.
pub const DEFAULT_ROLES: &[Role] = &[
    Role {
        name: "owner",
        display_name: "Owner",
        description: "May do everything, now and in whatever is added later.",
        permissions: &["*"],
    },
    Role {
        name: "admin",
        display_name: "Admin",
        description: "May see, change, run, publish and share everything.",
        permissions: &["*:read", "*:write", "*:execute", "*:publish", "*:share"],
    },
    MEMBER,
    VIEWER,
];

/// The roles of dialect `platform` where no mapping is configured, from the most to the least powerful. The platform's own
/// permissions are for the platform, and grant nothing here.
pub const PLATFORM_ROLES: &[Role] = &[
    Role {
        name: "owner",
        display_name: "Owner",
        description: "May do everything, as an admin.",
        permissions: &["*"],
    },
    Role {
        name: "admin",
        display_name: "Admin",
        description: "May do everything, now and in whatever is added later.",
        permissions: &["*"],
    },
    MEMBER,
    VIEWER,
];

/// Maps roles to grants, in the order they were given.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::rbac::roles::RoleMapping;
///
/// let mapping = RoleMapping::from_json(r#"{"editor": ["agents:*"], "_default": ["agents:read"]}"#).unwrap();
/// assert!(mapping.permissions_for_role("editor").allows("agents:write"));
/// assert!(!mapping.permissions_for_role("Editor").allows("agents:write"));
/// assert!(!mapping.permissions(&[]).allows("agents:read"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleMapping {
    roles: Vec<(String, Permissions)>,
    default: Option<Permissions>,
}

impl RoleMapping {
    /// Takes roles and their grants; the entry [`DEFAULT_ENTRY`] is for all roles without an entry.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` where a role occurs twice, is empty or holds control characters.
    pub fn new(
        entries: impl IntoIterator<Item = (String, Permissions)>,
    ) -> Result<Self, CloudApiError> {
        let mut mapping = Self {
            roles: Vec::new(),
            default: None,
        };
        let mut seen = BTreeSet::new();
        for (role, grants) in entries {
            if role.is_empty() || role.chars().any(char::is_control) {
                return Err(refuse(
                    &role,
                    "must not be empty or hold control characters",
                ));
            }
            // Whichever entry the author meant, silently using the other would be wrong.
            if !seen.insert(role.clone()) {
                return Err(refuse(&role, "must not stand twice"));
            }
            if role == DEFAULT_ENTRY {
                mapping.default = Some(grants);
            } else {
                mapping.roles.push((role, grants));
            }
        }
        Ok(mapping)
    }

    /// The mapping of [`DEFAULT_ROLES`], without a default entry.
    pub fn default_roles() -> Self {
        Self::of(DEFAULT_ROLES)
    }

    /// The mapping of these roles, without a default entry.
    pub(crate) fn of(roles: &[Role]) -> Self {
        let grants = |role: &Role| {
            (
                role.name.to_owned(),
                Permissions::new(role.permissions.iter().copied()),
            )
        };
        Self {
            roles: roles.iter().map(grants).collect(),
            default: None,
        }
    }

    /// Parses a JSON object of role names and lists of grants.
    ///
    /// # Errors
    ///
    /// `invalid_configuration` for anything else, or where a role occurs twice; names the role.
    pub fn from_json(text: &str) -> Result<Self, CloudApiError> {
        let Entries(entries) = serde_json::from_str(text).map_err(|_| {
            CloudApiError::configuration("role mapping must be a JSON object of lists of strings")
        })?;
        let entries: Result<Vec<_>, _> = entries
            .into_iter()
            .map(|(role, value)| match json::texts(&value) {
                Some(grants) => Ok((role, Permissions::new(grants))),
                None => Err(refuse(&role, "must be a list of strings")),
            })
            .collect();
        Self::new(entries?)
    }

    /// The grants of a user with these roles: each once, in the order of the roles.
    pub fn permissions(&self, roles: &[String]) -> Permissions {
        let mut used = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let grants = roles
            .iter()
            .filter_map(|role| self.entry(role))
            // Deduplicate entries, not roles: a long list of unknown or repeated roles costs no more than a short one.
            .filter(|(entry, _)| used.insert(*entry))
            .flat_map(|(_, grants)| grants.iter())
            .filter(|grant| seen.insert(*grant));
        Permissions::new(grants)
    }

    /// The grants of one role: its own, else the default entry's, else none.
    pub fn permissions_for_role(&self, role: &str) -> Permissions {
        self.entry(role)
            .map(|(_, grants)| grants.clone())
            .unwrap_or_default()
    }

    /// The names of the roles, without the default entry.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|(role, _)| role.as_str())
    }

    /// Roles with grants that can never cover anything, to be reported to their author.
    pub fn malformed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.roles
            .iter()
            .map(|(role, grants)| (role.as_str(), grants))
            .chain(self.default.iter().map(|grants| (DEFAULT_ENTRY, grants)))
            .flat_map(|(role, grants)| grants.malformed().map(move |grant| (role, grant)))
    }

    fn entry(&self, role: &str) -> Option<(&str, &Permissions)> {
        self.roles
            .iter()
            .find(|(name, _)| name == role)
            .map(|(name, grants)| (name.as_str(), grants))
            .or_else(|| self.default.as_ref().map(|grants| (DEFAULT_ENTRY, grants)))
    }
}

/// The message for an invalid mapping. The name is escaped: it may hold anything.
fn refuse(role: &str, rule: &str) -> CloudApiError {
    CloudApiError::configuration(format!("role mapping: role {role:?} {rule}"))
}

/// The members of a JSON object in order, including repeated ones: a map would silently keep the last.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests;
