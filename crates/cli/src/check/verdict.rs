//! What a run says of a rule.

/// What a run says of a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Passed,
    /// What is wrong.
    Failed(String),
    /// Why nothing is known.
    NotTested(String),
}

/// The error is why the rule does not hold, or why that is not known.
pub(crate) type Judged = Result<(), Verdict>;

/// Fails with a message unless it holds.
pub(crate) fn holds(is: bool, wrong: impl Into<String>) -> Judged {
    if is { Ok(()) } else { failed(wrong) }
}

pub(crate) fn failed<T>(wrong: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::Failed(wrong.into()))
}

pub(crate) fn not_tested<T>(why: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::NotTested(why.into()))
}
