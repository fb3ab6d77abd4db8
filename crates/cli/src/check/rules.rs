//! The rules, by group. A rule's id is its group and a number, and is never given to another rule.

mod api;
mod codes;
mod everywhere;
mod exchange;
mod forged;
mod keys;
mod login;
mod methods;
mod platform;
mod users;
mod verify;

use super::probe::Probe;
use super::rule::{Rule, Severity};
use super::verdict::Judged;
use crate::args::{CheckGroup, DialectName};

/// All rules, in the order in which they are shown.
pub(super) fn all() -> Vec<&'static Rule> {
    let files = [
        login::RULES,
        exchange::RULES,
        verify::RULES,
        api::RULES,
        users::RULES,
        forged::RULES,
        codes::RULES,
        methods::RULES,
        everywhere::RULES,
        keys::RULES,
        platform::RULES,
    ];
    let mut all: Vec<_> = files.into_iter().flatten().collect();
    all.sort_by_key(|rule| (rule.group, rule.number()));
    all
}

type Judge = fn(&super::exchange::Answer, &super::probe::Seen) -> Judged;

/// One rule of a table: what holds, where it says so, what to do where it is broken.
const fn rule(
    id: &'static str,
    group: CheckGroup,
    severity: Severity,
    probe: Probe,
    [title, source, mend]: [&'static str; 3],
    judge: Judge,
) -> Rule {
    Rule {
        id,
        group,
        severity,
        dialects: CLOUD,
        title,
        source,
        mend,
        probe,
        judge,
    }
}

/// A rule without a mark is of both dialects of the Cloud.
const CLOUD: &[DialectName] = &[DialectName::V1, DialectName::Pkce];
const EVERY: &[DialectName] = &[DialectName::V1, DialectName::Pkce, DialectName::Platform];

const fn only(dialect: DialectName, rule: Rule) -> Rule {
    let dialects: &[DialectName] = match dialect {
        DialectName::V1 => &[DialectName::V1],
        DialectName::Pkce => &[DialectName::Pkce],
        DialectName::Platform => &[DialectName::Platform],
    };
    Rule { dialects, ..rule }
}

/// The platform keeps it too.
const fn every(rule: Rule) -> Rule {
    Rule {
        dialects: EVERY,
        ..rule
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_name_their_group() {
        let ids: BTreeSet<_> = all().iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), all().len());
        for rule in all() {
            let (group, number) = rule.id.split_once('.').unwrap();
            assert_eq!(group, rule.group.as_str());
            assert!(number.parse::<u16>().is_ok(), "{}", rule.id);
            for text in [rule.title, rule.source, rule.mend] {
                assert!(
                    text.len() > 5 && !text.ends_with(' '),
                    "{}: {text}",
                    rule.id
                );
            }
            assert!(rule.title.len() <= 64, "{}: {}", rule.id, rule.title.len());
        }
    }

    #[test]
    fn the_default_dialect_has_at_least_sixty_rules() {
        assert!(
            all()
                .iter()
                .filter(|rule| rule.is_of(DialectName::V1))
                .count()
                >= 60
        );
    }
}
