//! The error of every parser in this crate.
//!
//! It names the value's type and the rule that it broke. It never holds the text itself, which may be a secret.

use core::fmt;

/// A value that does not have the form of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    name: &'static str,
    rule: &'static str,
}

impl Malformed {
    pub(crate) const fn new(name: &'static str, rule: &'static str) -> Self {
        Self { name, rule }
    }

    /// The name of the value, as a user knows it: `project id`, `session token`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_and_the_rule_make_a_sentence() {
        let malformed = Malformed::new("user id", "be short");
        assert_eq!(
            (malformed.name(), malformed.rule()),
            ("user id", "be short")
        );
        assert_eq!(malformed.to_string(), "user id must be short");
    }
}
