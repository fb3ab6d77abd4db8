//! Tests every fenced block of the guides. A command runs and prints the output below it. A Rust program is part of one that
//! is compiled. A TypeScript program fits the package's types. A file can be parsed.
//!
//! No block is skipped silently. A block that cannot be tested here says so after its language, with a reason:
//! ```` ```sh not-run: needs the registry ````. A block that another test reads names that test: `read-by: FILE`.

mod blocks;
mod commands;
mod programs;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use crate::node;
use crate::workspace::Workspace;
use blocks::{Block, Note};
use commands::Desk;
pub(crate) use programs::Scripts;

/// Pages that `cargo xtask gen` writes. Their blocks are the commands' help, whose examples have tests of their own.
const GENERATED: [&str; 2] = ["docs/guide/cli.md", "docs/guide/errors.md"];

/// The result of testing a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Ran,
    Compiled,
    TypeChecked,
    Parsed,
    ReadByItsTest,
    Generated,
    NotRun,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut scripts = Scripts::default();
    let mut desk = Desk::open(workspace)?;
    let mut wrong = 0_usize;
    for page in pages(workspace)? {
        let blocks = blocks::cut(&page, &workspace.read(&page)?)?;
        for (place, block) in blocks.iter().enumerate() {
            let output = blocks
                .get(place + 1)
                .filter(|next| next.note == Note::Output);
            match judge(workspace, &mut desk, &mut scripts, block, output) {
                Ok(outcome) => *counts.entry(outcome).or_default() += 1,
                Err(error) => {
                    eprintln!("{page}:{}: {error:#}", block.line);
                    wrong += 1;
                }
            }
        }
        desk.clear()?;
    }
    for (outcome, count) in &counts {
        println!("{count:>4} {}", outcome.text());
    }
    node::guides(workspace, &scripts)?;
    ensure!(wrong == 0, "{wrong} blocks are not what they say");
    Ok(())
}

fn judge(
    workspace: &Workspace,
    desk: &mut Desk<'_>,
    scripts: &mut Scripts,
    block: &Block,
    output: Option<&Block>,
) -> Result<Outcome> {
    match &block.note {
        _ if GENERATED.contains(&block.page.as_str()) => return Ok(Outcome::Generated),
        Note::NotRun(reason) => {
            println!("not run: {}:{}: {reason}", block.page, block.line);
            return Ok(Outcome::NotRun);
        }
        Note::ReadBy(test) => {
            let name = block.page.rsplit('/').next().unwrap_or_default();
            let reads = workspace.read(test)?.contains(name);
            ensure!(reads, "{test} does not read {name}");
            return Ok(Outcome::ReadByItsTest);
        }
        // Already compared with the output of the command above it.
        Note::Output => return Ok(Outcome::Ran),
        Note::None => {}
    }
    match block.language.as_str() {
        "sh" | "bash" => desk.run(block, output)?,
        "rust" => {
            programs::is_compiled(workspace, block)?;
            return Ok(Outcome::Compiled);
        }
        "typescript" | "ts" => {
            scripts.add(block);
            return Ok(Outcome::TypeChecked);
        }
        "toml" => {
            toml::from_str::<toml::Table>(&block.text)?;
            return Ok(Outcome::Parsed);
        }
        "json" => {
            serde_json::from_str::<serde_json::Value>(&block.text)?;
            return Ok(Outcome::Parsed);
        }
        "dotenv" => {
            programs::are_variables(workspace, block)?;
            return Ok(Outcome::Parsed);
        }
        language => bail!(
            "a block of `{language}` is tried in no way: say `not-run: REASON` or `read-by: TEST` behind its language"
        ),
    }
    Ok(Outcome::Ran)
}

/// The pages with commands for a reader to type.
fn pages(workspace: &Workspace) -> Result<Vec<String>> {
    let mut pages: Vec<String> = ["README.md", "CONTRIBUTING.md", "npm/auth-cloud/README.md"]
        .map(str::to_owned)
        .into();
    let mut folders: Vec<PathBuf> = vec![workspace.path("docs/guide")];
    for entry in fs::read_dir(workspace.path("examples"))? {
        folders.push(entry?.path());
    }
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == "md") {
                pages.push(workspace.relative(&path));
            }
        }
    }
    pages.sort();
    Ok(pages)
}

impl Outcome {
    const fn text(self) -> &'static str {
        match self {
            Self::Ran => "commands ran, or were printed by one",
            Self::Compiled => "Rust programs are part of what is compiled",
            Self::TypeChecked => "TypeScript programs fit the types, and run where they are whole",
            Self::Parsed => "files can be read",
            Self::ReadByItsTest => "read by a test of their own",
            Self::Generated => "generated from the command's help",
            Self::NotRun => "not run, each for the reason above",
        }
    }
}
