//! The one way a word of the vocabulary says that its text has the wrong form.
//!
//! Names the thing and the rule it broke; never holds the text itself, which may be a secret.

use core::fmt;

/// A value did not have the form its type asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    name: &'static str,
    rule: &'static str,
}

impl Malformed {
    pub(crate) const fn new(name: &'static str, rule: &'static str) -> Self {
        Self { name, rule }
    }

    /// What was malformed, as a user would call it: `project id`, `session token`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The rule that it broke, in words that complete "X must ...".
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must {}", self.name, self.rule)
    }
}

impl core::error::Error for Malformed {}
