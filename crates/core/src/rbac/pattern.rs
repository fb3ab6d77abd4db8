//! Permissions: `resource:action[:id]`, and which grant covers which requirement.
//!
//! Parts are compared whole and byte for byte, without allocating. A wildcard stands for exactly one part. A malformed grant
//! covers nothing, and nothing covers a malformed requirement.
//!
//! Permissions need no registration: an unknown requirement is denied unless a wildcard covers it.

use alloc::sync::Arc;
use core::fmt;

use crate::malformed::Malformed;

/// Whether `grant` covers the requirement `required`.
///
/// `*` in place of the grant's resource or action stands for any. In an id, and anywhere in the requirement, it is a plain
/// star. Parts after the third are ignored on both sides.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::rbac::pattern::matches;
///
/// assert!(matches("agents:read", "agents:read:a1"));
/// assert!(!matches("agents:read:a1", "agents:read"));
/// assert!(!matches("agents", "agents:read"));
/// ```
pub fn matches(grant: &str, required: &str) -> bool {
    match (Parts::read(grant), Parts::read(required)) {
        (Some(grant), Some(required)) => grant.covers(required),
        _ => false,
    }
}

/// The parts that count.
#[derive(Clone, Copy)]
struct Parts<'t> {
    resource: &'t str,
    action: &'t str,
    id: Option<&'t str>,
}

impl<'t> Parts<'t> {
    /// Splits a text of at least two parts, none of them empty, without white space or control characters. A lone `*` is
    /// `*:*`: as a grant it covers everything, as a requirement only a grant of everything covers it.
    fn read(text: &'t str) -> Option<Self> {
        if text == "*" {
            return Some(Self {
                resource: "*",
                action: "*",
                id: None,
            });
        }
        // Check all parts, the ignored ones too: after a typo anywhere the meaning is a guess.
        if text.split(':').any(str::is_empty)
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return None;
        }
        let mut parts = text.split(':');
        Some(Self {
            resource: parts.next()?,
            action: parts.next()?,
            id: parts.next(),
        })
    }

    fn covers(self, required: Self) -> bool {
        self.covers_resource(required.resource)
            && (self.action == "*" || self.action == required.action)
            && (self.id.is_none() || self.id == required.id)
    }

    /// `stored` is the one resource with families: `stored-agents`, `stored-workflows` and so on.
    fn covers_resource(self, required: &str) -> bool {
        self.resource == "*"
            || self.resource == required
            || self.resource == "stored"
                && required
                    .strip_prefix("stored-")
                    .is_some_and(|family| !family.is_empty())
    }
}

/// A well-formed requirement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permission(Box<str>);

impl Permission {
    /// Parses a requirement: two or more non-empty parts between colons, or `*` for everything; no white space.
    ///
    /// # Errors
    ///
    /// [`Malformed`] for any other text: nothing could ever grant it.
    ///
    /// # Examples
    ///
    /// ```
    /// use mastra_auth_cloud_core::rbac::pattern::Permission;
    ///
    /// assert_eq!(Permission::parse("agents:read").unwrap().as_str(), "agents:read");
    /// assert!(Permission::parse("agents").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        match Parts::read(text) {
            Some(_) => Ok(Self(text.into())),
            None => Err(Malformed::new(
                "permission",
                "be resource:action or resource:action:id, without white space",
            )),
        }
    }

    /// The requirement as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Permission {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The grants of a user, kept as they were given. Cloning copies a pointer.
///
/// # Examples
///
/// ```
/// use mastra_auth_cloud_core::rbac::pattern::Permissions;
///
/// let grants = Permissions::new(["agents:*", "workflows"]);
/// assert!(grants.allows("agents:write"));
/// assert!(!grants.allows("workflows:read"));
/// assert_eq!(grants.malformed().collect::<Vec<_>>(), ["workflows"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Arc<[String]>);

impl Permissions {
    /// Takes grants as they are, well-formed or not.
    pub fn new(grants: impl IntoIterator<Item: Into<String>>) -> Self {
        Self(grants.into_iter().map(Into::into).collect())
    }

    /// Whether any grant covers the requirement. Without grants nothing is allowed.
    pub fn allows(&self, required: &str) -> bool {
        self.iter().any(|grant| matches(grant, required))
    }

    /// Whether every requirement is covered; true for none.
    pub fn allows_all(&self, required: impl IntoIterator<Item: AsRef<str>>) -> bool {
        required
            .into_iter()
            .all(|required| self.allows(required.as_ref()))
    }

    /// Whether at least one requirement is covered; false for none.
    pub fn allows_any(&self, required: impl IntoIterator<Item: AsRef<str>>) -> bool {
        required
            .into_iter()
            .any(|required| self.allows(required.as_ref()))
    }

    /// The grants in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The grants that can never cover anything, to be reported to their author.
    pub fn malformed(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|grant| Parts::read(grant).is_none())
    }

    /// Whether there are no grants.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
