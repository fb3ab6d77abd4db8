//! Permissions: which pattern covers which permission, and the permissions of roles.

pub mod pattern;
pub mod roles;
