//! Mutated tokens: what is done to a good one, by name. Most of it is data (`mutations.toml`), some is code.
//!
//! To add a mutation, add an entry or a value there, or a function and its row in `before` or `after`.

use anyhow::Result;
use fastrand::Rng;
use serde::Deserialize;

use crate::after::{self, After};
use crate::before::{self, Before};
use crate::draft::{self, Draft, Part, either, remove, set};
use crate::setting::{Deployment, Setting};

/// A token with the names of what was done to it.
pub(crate) struct Case<'m> {
    pub(crate) deployment: Deployment,
    pub(crate) token: String,
    pub(crate) mutations: Vec<&'m str>,
}

/// `mutations.toml`, which explains its members.
#[derive(Deserialize)]
pub(crate) struct Mutations {
    header: Vec<Entry>,
    claims: Vec<Entry>,
    json: Vec<Entry>,
    token: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Entry {
    name: String,
    members: Vec<String>,
    values: Vec<String>,
    also: Option<Box<Entry>>,
    pairs: Vec<[String; 2]>,
    raw: Vec<[String; 2]>,
    whole: Vec<String>,
    behind: Vec<String>,
    within: Vec<String>,
    forms: Vec<String>,
}

impl Mutations {
    pub(crate) fn read(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// One mutated token: seven of ten have one mutation, the others two or three.
    pub(crate) fn case(&self, rng: &mut Rng, setting: &Setting) -> Case<'_> {
        let mut draft = Draft::good(rng);
        let mut mutations = vec![];
        let mut after = vec![];
        let count = [3, 2, 2, 2, 2, 2].get(rng.usize(..20)).unwrap_or(&1);
        for _ in 0..*count {
            let (entries, code, part): (&[Entry], &[Before], Part) = match rng.u8(..7) {
                0 | 1 => (&self.header, before::HEADER, Part::Header),
                2 | 3 => (&self.claims, before::CLAIMS, Part::Claims),
                4 => (&self.json, before::JSON, either(rng)),
                _ => {
                    after.push(rng.usize(..self.token.len() + after::MUTATIONS.len()));
                    continue;
                }
            };
            let at = rng.usize(..entries.len() + code.len());
            match entries.get(at) {
                Some(entry) => {
                    entry.make(&mut draft, part, rng, setting);
                    mutations.push(entry.name.as_str());
                }
                None => {
                    let (name, change) = code[at - entries.len()];
                    change(&mut draft, rng, setting);
                    mutations.push(name);
                }
            }
        }
        let deployment = draft.deployment;
        let mut token = draft.render(setting);
        for at in after {
            match self.token.get(at) {
                Some(entry) => {
                    entry.make_after(&mut token, rng);
                    mutations.push(entry.name.as_str());
                }
                None => {
                    let (name, change): After = after::MUTATIONS[at - self.token.len()];
                    change(&mut token, rng, setting);
                    mutations.push(name);
                }
            }
        }
        Case {
            deployment,
            token,
            mutations,
        }
    }
}

impl Entry {
    fn make(&self, draft: &mut Draft, part: Part, rng: &mut Rng, setting: &Setting) {
        let mut pairs = self.pairs.clone();
        if let (Some(name), Some(value)) = (rng.choice(&self.members), rng.choice(&self.values)) {
            pairs.push([name.clone(), value.clone()]);
        }
        if let Some([name, value]) = rng.choice(&pairs) {
            match filled(value, draft, rng, setting).as_str() {
                "-" => remove(draft.members(part), name),
                value => set(draft.members(part), name, value),
            }
        }
        if let Some(also) = self.also.as_ref().filter(|_| rng.bool()) {
            also.make(draft, part, rng, setting);
        }
        if let Some([name, value]) = rng.choice(&self.raw).cloned() {
            draft.members(part).push((name, value));
        }
        if let Some(other) = rng.choice(&self.whole).cloned() {
            draft.edit(part, |text| *text = other.into_bytes());
        }
        if let Some(more) = rng.choice(&self.behind).cloned() {
            draft.edit(part, move |text| text.extend_from_slice(more.as_bytes()));
        }
        if let Some(more) = rng.choice(&self.within).cloned() {
            let way = rng.usize(..4);
            draft.edit(part, move |text| {
                let colon = text.iter().position(|byte| *byte == b':');
                let at = [0, 1, text.len(), colon.map_or(0, |at| at + 1)][way].min(text.len());
                text.splice(at..at, more.bytes());
            });
        }
    }

    fn make_after(&self, token: &mut String, rng: &mut Rng) {
        if let Some(more) = rng.choice(&self.within) {
            let dot = token.rfind('.').unwrap_or(0);
            let at = [0, token.len(), dot, after::place(token, rng)][rng.usize(..4)];
            token.insert_str(at, more);
        }
        let parts: Vec<&str> = token.split('.').collect();
        if let (Some(form), [header, claims, signature]) = (rng.choice(&self.forms), &*parts) {
            let form = form.replace("$h", header).replace("$c", claims);
            *token = form.replace("$s", signature);
        }
    }
}

/// A value with the token's own values in place of their names.
fn filled(value: &str, of: &Draft, rng: &mut Rng, setting: &Setting) -> String {
    let mut value = value.replace("$alg", of.algorithm.name());
    for name in ["exp", "iat", "iss"] {
        value = value.replace(&format!("${name}"), &draft::good(name));
    }
    if value == "$jwk" {
        return setting.jwks["keys"][rng.usize(..3)].to_string();
    }
    match value.split_once("$fill") {
        Some((before, count)) => {
            let (count, after) = count.split_at(count.len() - 1);
            let letters = "u".repeat(count.parse().unwrap_or_default());
            format!("{before}{letters}{after}")
        }
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_filled_in() {
        let all = Mutations::read(include_str!("../mutations.toml")).unwrap();
        let setting = Setting::new().unwrap();
        let mut rng = Rng::with_seed(1);
        let draft = Draft::good(&mut rng);
        for entry in all.header.iter().chain(&all.claims) {
            let values = entry.pairs.iter().map(|[_, value]| value);
            for value in values.chain(&entry.values) {
                let filled = filled(value, &draft, &mut rng, &setting);
                assert!(!filled.replace("$numberLong", "").contains('$'), "{filled}");
            }
        }
    }

    #[test]
    fn one_seed_makes_the_same_tokens_and_every_mutation_changes_some() {
        let all = Mutations::read(include_str!("../mutations.toml")).unwrap();
        let setting = Setting::new().unwrap();
        let run = || {
            let mut rng = Rng::with_seed(1);
            let cases = (0..3000).map(|_| all.case(&mut rng, &setting));
            cases.collect::<Vec<_>>()
        };
        let mut names = std::collections::BTreeSet::new();
        let mut good = std::collections::BTreeSet::new();
        for (one, other) in run().iter().zip(run()) {
            assert_eq!(one.mutations, other.mutations);
            if one.mutations == ["nothing"] {
                good.insert(one.token.clone());
            }
        }
        for one in run() {
            names.extend(
                (!good.contains(&one.token))
                    .then_some(one.mutations)
                    .into_iter()
                    .flatten(),
            );
        }
        let entries = [&all.header, &all.claims, &all.json, &all.token];
        let entries = entries
            .into_iter()
            .flatten()
            .map(|entry| entry.name.as_str());
        let code = [before::HEADER, before::CLAIMS, before::JSON]
            .into_iter()
            .flatten();
        let code = code.map(|(name, _)| *name);
        let after = after::MUTATIONS.iter().map(|(name, _)| *name);
        for name in entries
            .chain(code)
            .chain(after)
            .filter(|name| *name != "nothing")
        {
            assert!(names.contains(name), "{name}");
        }
    }
}
