//! A rule of the contract: what holds, where it says so, how it is judged, and what to do where it is broken.

use serde::Serialize;

use super::exchange::Answer;
use super::probe::{Probe, Seen};
use super::verdict::{Judged, Verdict, not_tested};
use crate::args::{CheckGroup, DialectName};

/// How much a broken rule matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Sign-in does not work or is not safe.
    Must,
    /// It works, but something is lost.
    Should,
    /// Worth knowing.
    Note,
}

#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Its group and a number: `exchange.3`. Never used for another rule.
    pub(super) id: &'static str,
    pub(super) group: CheckGroup,
    pub(super) severity: Severity,
    /// The dialects that have it.
    pub(super) dialects: &'static [DialectName],
    pub(super) title: &'static str,
    /// Where the contract or a standard says so.
    pub(super) source: &'static str,
    /// What to do where it is broken.
    pub(super) mend: &'static str,
    /// The request that is shown.
    pub(super) probe: Probe,
    pub(super) judge: fn(&Answer, &Seen) -> Judged,
}

impl Rule {
    /// Its number within the group.
    pub(super) fn number(&self) -> u16 {
        let number = self.id.split_once('.').map(|(_, number)| number.parse());
        number.and_then(Result::ok).unwrap_or(u16::MAX)
    }

    pub(super) fn is_of(&self, dialect: DialectName) -> bool {
        self.dialects.contains(&dialect)
    }

    pub(super) fn judge(&self, seen: &Seen) -> Verdict {
        let judged = seen
            .answer(self.probe)
            .and_then(|answer| match answer.status {
                429 => not_tested("the Cloud answered 429: too many requests"),
                _ => (self.judge)(answer, seen),
            });
        match judged {
            Ok(()) => Verdict::Passed,
            Err(verdict) => verdict,
        }
    }
}

impl Severity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Note => "note",
        }
    }
}
