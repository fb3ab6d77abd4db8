//! `cargo xtask soak mutants`: the core is changed one place at a time, as cargo-mutants would, and the tests must notice.
//!
//! cargo-mutants builds each mutant by itself, which takes days. Here one build holds nearly all of them, and only the others have
//! one each. After `--hours` no other file begins: what is kept of a file stands until its code changes.

mod copy;
mod hunt;
mod record;

use std::collections::BTreeMap;
use std::env;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::process::capture;
use crate::workspace::Workspace;
use copy::{Copy, State};
use hunt::{Answer, each, whole};
use record::Record;

const LIST: &str = "xtask/mutants.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// The core's modules in the order of their turns.
    turns: Vec<String>,
    /// What has to notice, as words for `cargo test`. A mutant that the first notice needs no build of the others.
    tests: Vec<String>,
    /// Tests with one of these in their names take so long that each miss would cost minutes.
    slow: Vec<String>,
    /// A mutant that no test can tell from the code, and why.
    equivalent: BTreeMap<String, String>,
}

impl List {
    fn read(workspace: &Workspace) -> Result<Self> {
        toml::from_str(&workspace.read(LIST)?).context(LIST)
    }

    /// The turn of a file's module.
    fn turn(&self, file: &str) -> Option<usize> {
        let module = file.split(['/', '.']).next();
        self.turns
            .iter()
            .position(|turn| Some(turn.as_str()) == module)
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let list = List::read(workspace)?;
    ensure!(
        workspace.has_cargo("mutants"),
        "cargo-mutants is missing: `cargo install --locked cargo-mutants` installs it"
    );
    let end = Instant::now() + workspace.time(1.0)?;
    let mut copy = Copy::of(workspace)?;
    let mut record = Record::read(workspace, &copy.files())?;
    let mut turns: Vec<_> = copy.files().into_iter().collect();
    turns.retain(|file| !record.stands(file, &list.equivalent));
    turns.sort_by_key(|file| list.turn(file));
    // To try new tests on one file, without a record.
    let only = env::var("MUTANTS").ok();
    if let Some(only) = &only {
        turns.retain(|file| file == only);
    }
    let programs = copy.build(&list.tests.join(" "))?;
    let tests = hunt::tests(&programs, &list.slow, &copy.package())?;
    let ask_all = || {
        for tests in &list.tests {
            let answer = whole(&copy.programs(tests)?, &list.slow, &copy.package())?;
            if !matches!(answer, Answer::Missed) {
                return Ok(answer);
            }
        }
        Ok(Answer::Missed)
    };
    ensure!(
        matches!(ask_all()?, Answer::Missed),
        "a test fails without a mutant"
    );
    let date = capture(Command::new("date").args(["-u", "+%F"]))?;
    for file in turns {
        if Instant::now() >= end {
            break;
        }
        let (mut row, missed) = record.begin(&file, date.trim());
        let is_due = |name: &String| missed.as_ref().is_none_or(|missed| missed.contains(name));
        let mutants = copy.mutants.iter().enumerate();
        let mutants: Vec<_> = mutants
            .filter(|(_, mutant)| mutant.file == file && is_due(&mutant.name))
            .collect();
        let answers = each(&mutants, |(at, mutant)| match mutant.state {
            State::Built(function) => tests.ask(*at, function, &copy.package()).map(Some),
            State::Unviable => Ok(Some(Answer::Unviable)),
            State::Apart => Ok(None),
        });
        for ((_, mutant), answer) in mutants.into_iter().zip(answers) {
            let answer = answer?.map_or_else(|| copy.holding(mutant, ask_all), Ok);
            row.add(&mutant.name, answer?);
        }
        eprintln!("{file}: {row:?}");
        record.put(&file, row);
    }
    if only.is_none() {
        println!("{}", record.line(copy.mutants.len(), &list.equivalent));
    }
    let missed = record
        .missed()
        .filter(|name| !list.equivalent.contains_key(*name));
    let missed: Vec<_> = missed.collect();
    ensure!(
        missed.is_empty(),
        "a test is missing, or a reason in {LIST}:\n{}",
        missed.join("\n")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::copy::SOURCES;
    use super::*;

    #[test]
    fn every_file_has_a_turn_and_a_reason_names_a_file() {
        let workspace = Workspace::find().unwrap();
        let list = List::read(&workspace).unwrap();
        let folder = workspace.path(SOURCES);
        for path in workspace.files(SOURCES, &["rs"]).unwrap() {
            let file = path.strip_prefix(&folder).unwrap().to_str().unwrap();
            let has_turn = list.turn(file).is_some();
            assert_ne!(has_turn, file == "cache_tests.rs", "{file}");
        }
        for name in list.equivalent.keys() {
            let (file, _) = name.split_once(": ").unwrap();
            assert!(folder.join(file).is_file(), "{name}");
        }
    }
}
