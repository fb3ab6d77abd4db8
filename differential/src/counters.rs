//! What the verdicts come to, and whether that is as the committed list says.
//!
//! Three rules: nothing is accepted here that all others refuse; what is refused here alone has a reason of the list; and so
//! has what is accepted here and refused by some.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::judges::Verdict;
use crate::make::Case;

/// The judges beside us, in the order of their verdicts.
pub(crate) const OTHERS: [&str; 3] = ["jsonwebtoken", "jose", "PyJWT"];

/// `reasons.toml`: what may differ, and why.
#[derive(Deserialize)]
pub(crate) struct Reasons {
    /// By our code.
    refused_alone: BTreeMap<String, String>,
    accepted_against_some: Vec<Against>,
}

/// A rejection by another judge where the core accepts.
#[derive(Deserialize)]
struct Against {
    by: String,
    /// Its own word for it.
    says: String,
    /// One of these was done to the token.
    after: Vec<String>,
    #[allow(dead_code, reason = "read so that no entry is without one")]
    why: String,
}

impl Reasons {
    fn list(&self, case: &Case, by: &str, says: &str) -> bool {
        let was_done = |name: &String| case.mutations.contains(&name.as_str());
        self.accepted_against_some
            .iter()
            .any(|entry| entry.by == by && entry.says == says && entry.after.iter().any(was_done))
    }
}

/// How often, after what was done to the token, and one token for it.
#[derive(Default)]
struct Group {
    count: u64,
    mutations: BTreeMap<String, u64>,
    example: String,
}

impl Group {
    fn add(&mut self, case: &Case, verdicts: &str) {
        self.count += 1;
        *self
            .mutations
            .entry(case.mutations.join(" + "))
            .or_default() += 1;
        if self.example.is_empty() {
            self.example = format!(
                "{:?} {:?} {verdicts} {}",
                case.deployment, case.mutations, case.token
            );
        }
    }
}

#[derive(Default)]
pub(crate) struct Counters {
    all: u64,
    accepted_by_all: u64,
    refused_by_all: u64,
    /// Accepted here alone: there may be none.
    accepted_alone: Group,
    /// By our code.
    refused_alone: BTreeMap<String, Group>,
    /// By who refuses it, and its word.
    accepted_against_some: BTreeMap<(&'static str, String), Group>,
    /// Refused here and by some of the others, by our code.
    refused_with_some: BTreeMap<String, u64>,
    accepted: [u64; 4],
    unlisted: Vec<String>,
}

impl Counters {
    pub(crate) fn add(
        &mut self,
        case: &Case,
        ours: &Verdict,
        others: [&Verdict; 3],
        reasons: &Reasons,
    ) {
        self.all += 1;
        for (count, verdict) in self
            .accepted
            .iter_mut()
            .zip([ours].into_iter().chain(others))
        {
            *count += u64::from(verdict.is_ok());
        }
        let refusing: Vec<_> = OTHERS
            .into_iter()
            .zip(others)
            .filter_map(|(name, verdict)| Some((name, verdict.as_ref().err()?)))
            .collect();
        let verdicts = format!("{ours:?} {others:?}");
        match (ours, refusing.len()) {
            (Ok(()), 0) => self.accepted_by_all += 1,
            (Ok(()), 3) => self.accepted_alone.add(case, &verdicts),
            (Ok(()), _) => {
                for (name, says) in refusing {
                    if !reasons.list(case, name, says) {
                        self.unlisted.push(format!(
                            "accepted against {name}: {verdicts}: {:?}",
                            case.mutations
                        ));
                    }
                    self.accepted_against_some
                        .entry((name, says.clone()))
                        .or_default()
                        .add(case, &verdicts);
                }
            }
            (Err(code), 0) => {
                if !reasons.refused_alone.contains_key(code) {
                    self.unlisted
                        .push(format!("refused alone: {verdicts}: {:?}", case.mutations));
                }
                self.refused_alone
                    .entry(code.clone())
                    .or_default()
                    .add(case, &verdicts);
            }
            (Err(_), 3) => self.refused_by_all += 1,
            (Err(code), _) => *self.refused_with_some.entry(code.clone()).or_default() += 1,
        }
    }

    /// What is wrong, a line each; empty where all is as it should be.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = vec![];
        if self.accepted_alone.count > 0 {
            faults.push(format!(
                "{} accepted that all others refuse: {}",
                self.accepted_alone.count, self.accepted_alone.example
            ));
        }
        faults.extend(self.unlisted.iter().take(20).cloned());
        if self.unlisted.len() > 20 {
            faults.push(format!(
                "and {} more that reasons.toml does not list",
                self.unlisted.len() - 20
            ));
        }
        faults
    }

    pub(crate) fn report(&self) -> String {
        let mut text = format!(
            "{} tokens: accepted by all {}, refused by all {}\n",
            self.all, self.accepted_by_all, self.refused_by_all
        );
        for (name, count) in ["mastra-auth-cloud"]
            .into_iter()
            .chain(OTHERS)
            .zip(self.accepted)
        {
            let _ = writeln!(text, "  {count:>9} accepted by {name}");
        }
        let _ = writeln!(
            text,
            "accepted here, refused by all others: {}",
            self.accepted_alone.count
        );
        let _ = writeln!(
            text,
            "refused here alone: {}",
            self.refused_alone
                .values()
                .map(|group| group.count)
                .sum::<u64>()
        );
        for (code, group) in &self.refused_alone {
            let _ = writeln!(text, "  {:>9} {code}: {}", group.count, most(group));
        }
        let sum: u64 = self
            .accepted_against_some
            .values()
            .map(|group| group.count)
            .sum();
        let _ = writeln!(text, "accepted here, refused by one or two others: {sum}");
        for ((name, says), group) in &self.accepted_against_some {
            let _ = writeln!(text, "  {:>9} {name}, {says}: {}", group.count, most(group));
        }
        let sum: u64 = self.refused_with_some.values().sum();
        let _ = writeln!(text, "refused here and by one or two others: {sum}");
        for (code, count) in &self.refused_with_some {
            let _ = writeln!(text, "  {count:>9} {code}");
        }
        text
    }

    /// One token for each group, to find out why.
    pub(crate) fn examples(&self) -> String {
        let alone = self
            .refused_alone
            .iter()
            .map(|(code, group)| (format!("refused alone, {code}"), group));
        let against = self
            .accepted_against_some
            .iter()
            .map(|((name, says), group)| (format!("accepted against {name}, {says}"), group));
        alone
            .chain(against)
            .fold(String::new(), |mut text, (name, group)| {
                let _ = writeln!(text, "{name}\n  {}", group.example);
                text
            })
    }
}

/// What was done most often to the tokens of a group.
fn most(group: &Group) -> String {
    let mut mutations: Vec<_> = group
        .mutations
        .iter()
        .filter(|(name, _)| !name.contains(" + "))
        .collect();
    mutations.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), name.as_str()));
    let named: Vec<_> = mutations
        .into_iter()
        .take(5)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    named.join(", ")
}
