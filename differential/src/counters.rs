//! What the verdicts come to, and whether that is as the committed list says.
//!
//! Three rules: nothing is accepted here that all others refuse; what is refused here alone has a reason of the list; and so
//! has what is accepted here and refused by some.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::judges::Verdict;
use crate::make::Case;

/// The judges beside the core, in the order of their verdicts.
const OTHERS: [&str; 3] = ["jsonwebtoken", "jose", "PyJWT"];

/// `reasons.toml`: what may differ, and why.
#[derive(Deserialize)]
pub(crate) struct Reasons {
    /// By the core's code.
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
    fn list(&self, case: &Case<'_>, by: &str, says: &str) -> bool {
        let was_done = |name: &String| case.mutations.contains(&name.as_str());
        let mut entries = self.accepted_against_some.iter();
        entries.any(|one| one.by == by && one.says == says && one.after.iter().any(was_done))
    }
}

/// How the verdicts differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// There may be none.
    AcceptedAlone,
    /// By the core's code.
    RefusedAlone,
    /// By the judge who refuses it, and its word.
    AcceptedAgainstSome,
    /// By the core's code.
    RefusedWithSome,
}

use Kind::{AcceptedAgainstSome, AcceptedAlone, RefusedAlone, RefusedWithSome};

const KINDS: [(Kind, &str); 4] = [
    (AcceptedAlone, "accepted here, refused by all others"),
    (RefusedAlone, "refused here alone"),
    (
        AcceptedAgainstSome,
        "accepted here, refused by one or two others",
    ),
    (RefusedWithSome, "refused here and by one or two others"),
];

/// How often, after what was done to the token, and one token for it.
#[derive(Default)]
struct Group {
    count: u64,
    mutations: BTreeMap<String, u64>,
    example: String,
}

#[derive(Default)]
pub(crate) struct Counters {
    all: u64,
    accepted_by_all: u64,
    refused_by_all: u64,
    accepted: [u64; 4],
    groups: BTreeMap<(Kind, String), Group>,
    unlisted: Vec<String>,
}

impl Counters {
    /// Verdicts are of the core, then of the others.
    pub(crate) fn add(&mut self, case: &Case<'_>, verdicts: &[Verdict; 4], reasons: &Reasons) {
        self.all += 1;
        for (count, verdict) in self.accepted.iter_mut().zip(verdicts) {
            *count += u64::from(verdict.is_ok());
        }
        let [ours, others @ ..] = verdicts;
        let others = OTHERS.into_iter().zip(others);
        let refusing = others.filter_map(|(name, verdict)| Some((name, verdict.as_ref().err()?)));
        let refusing: Vec<_> = refusing.collect();
        let unlisted = format!("{verdicts:?}: {:?}", case.mutations);
        match (ours, refusing.len()) {
            (Ok(()), 0) => self.accepted_by_all += 1,
            (Err(_), 3) => self.refused_by_all += 1,
            (Ok(()), 3) => self.count(AcceptedAlone, String::new(), case, verdicts),
            (Ok(()), _) => {
                for (name, says) in refusing {
                    if !reasons.list(case, name, says) {
                        self.unlisted
                            .push(format!("accepted against {name}: {unlisted}"));
                    }
                    self.count(
                        AcceptedAgainstSome,
                        format!("{name}, {says}"),
                        case,
                        verdicts,
                    );
                }
            }
            (Err(code), 0) => {
                if !reasons.refused_alone.contains_key(code) {
                    self.unlisted.push(format!("refused alone: {unlisted}"));
                }
                self.count(RefusedAlone, code.clone(), case, verdicts);
            }
            (Err(code), _) => self.count(RefusedWithSome, code.clone(), case, verdicts),
        }
    }

    fn count(&mut self, kind: Kind, by: String, case: &Case<'_>, verdicts: &[Verdict; 4]) {
        let group = self.groups.entry((kind, by)).or_default();
        group.count += 1;
        if let [only] = case.mutations.as_slice() {
            *group.mutations.entry((*only).to_owned()).or_default() += 1;
        }
        if group.example.is_empty() {
            let (to, done) = (case.deployment, &case.mutations);
            group.example = format!("{to:?} {done:?} {verdicts:?} {}", case.token);
        }
    }

    /// What is wrong, a line each; empty where all is as it should be.
    pub(crate) fn faults(&self) -> Vec<String> {
        let alone = self.groups.get(&(AcceptedAlone, String::new())).into_iter();
        let alone = alone.map(|group| {
            let (count, example) = (group.count, &group.example);
            format!("{count} accepted that all others refuse: {example}")
        });
        let more = self.unlisted.len().saturating_sub(20);
        let more = (more > 0).then(|| format!("and {more} more that reasons.toml does not list"));
        alone
            .chain(self.unlisted.iter().take(20).cloned())
            .chain(more)
            .collect()
    }

    pub(crate) fn report(&self) -> String {
        let (all, accepted, refused) = (self.all, self.accepted_by_all, self.refused_by_all);
        let mut text =
            format!("{all} tokens: accepted by all {accepted}, refused by all {refused}\n");
        for (name, count) in ["mastra-auth-cloud"]
            .iter()
            .chain(&OTHERS)
            .zip(self.accepted)
        {
            text += &format!("  {count:>9} accepted by {name}\n");
        }
        for (kind, title) in KINDS {
            let of_kind = || self.groups.iter().filter(|((one, _), _)| *one == kind);
            let sum: u64 = of_kind().map(|(_, group)| group.count).sum();
            text += &format!("{title}: {sum}\n");
            for ((_, by), group) in of_kind() {
                text += &format!("  {:>9} {by}: {}\n", group.count, most(group));
            }
        }
        text
    }

    /// One token for each group, to find out why.
    pub(crate) fn examples(&self) -> String {
        let groups = KINDS.iter().flat_map(|(kind, title)| {
            let of_kind = self.groups.iter().filter(move |((one, _), _)| one == kind);
            of_kind.map(move |((_, by), group)| format!("{title}, {by}\n  {}\n", group.example))
        });
        groups.collect()
    }
}

/// What was done most often to the tokens of a group to which one thing was done.
fn most(group: &Group) -> String {
    let mut mutations: Vec<_> = group.mutations.iter().collect();
    mutations.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let named = mutations.into_iter().take(5);
    let named: Vec<_> = named
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    named.join(", ")
}
