//! Tests every fenced block of the guides. A command runs and prints the output below it. A Rust program is part of one that
//! is compiled. A TypeScript program fits the package's types. A file can be parsed.
//!
//! No block is skipped silently. A block that cannot be tested here says so after its language, with a reason:
//! ```` ```sh not-run: needs the registry ````. A block that another test reads names that test: `read-by: FILE`.

mod blocks;
mod commands;
mod programs;

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

use crate::node;
use crate::workspace::Workspace;
use blocks::{Block, Note};
use commands::Desk;
use programs::Scripts;

/// Pages that `cargo xtask gen` writes. Their blocks are the commands' help, whose examples have tests of their own.
const GENERATED: [&str; 2] = ["docs/guide/cli.md", "docs/guide/errors.md"];
/// The pages with commands for a reader to type: these, and those in two folders.
const PAGES: [&str; 3] = ["README.md", "CONTRIBUTING.md", "npm/auth-cloud/README.md"];
const FOLDERS: [&str; 2] = ["docs/guide", "examples"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut pages: Vec<String> = PAGES.map(str::to_owned).into();
    for folder in FOLDERS {
        let found = workspace.files(folder, &["md"])?;
        pages.extend(found.iter().map(|path| workspace.relative(path)));
    }
    pages.sort();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut scripts = Scripts::default();
    let mut desk = Desk::open(workspace)?;
    let mut wrong = 0_usize;
    for page in pages {
        let blocks = blocks::cut(&page, &workspace.read(&page)?)?;
        for (place, block) in blocks.iter().enumerate() {
            let next = blocks.get(place + 1);
            let output = next.filter(|next| next.note == Note::Output);
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
        println!("{count:>4} {outcome}");
    }
    scripts.write(&workspace.path(node::FOLDER).join(".guides"))?;
    node::guides(workspace)?;
    ensure!(wrong == 0, "{wrong} blocks are not what they say");
    Ok(())
}

/// Tests a block, and returns what was tested.
fn judge(
    workspace: &Workspace,
    desk: &mut Desk<'_>,
    scripts: &mut Scripts,
    block: &Block,
    output: Option<&Block>,
) -> Result<&'static str> {
    const RAN: &str = "commands ran, or were printed by one";
    const PARSED: &str = "files can be read";
    match &block.note {
        _ if GENERATED.contains(&block.page.as_str()) => {
            return Ok("generated from the command's help");
        }
        Note::NotRun(reason) => {
            println!("not run: {}:{}: {reason}", block.page, block.line);
            return Ok("not run, each for the reason above");
        }
        Note::ReadBy(test) => {
            let name = block.page.rsplit('/').next().unwrap_or_default();
            ensure!(
                workspace.read(test)?.contains(name),
                "{test} does not read {name}"
            );
            return Ok("read by a test of their own");
        }
        // Already compared with the output of the command above it.
        Note::Output => return Ok(RAN),
        Note::None => {}
    }
    match block.language.as_str() {
        "sh" | "bash" => desk.run(block, output).map(|()| RAN),
        "rust" => {
            programs::is_compiled(workspace, block)?;
            Ok("Rust programs are part of what is compiled")
        }
        "typescript" | "ts" => {
            scripts.add(block);
            Ok("TypeScript programs fit the types, and run where they are whole")
        }
        "toml" => Ok(toml::from_str::<toml::Table>(&block.text).map(|_| PARSED)?),
        "json" => Ok(serde_json::from_str::<serde_json::Value>(&block.text).map(|_| PARSED)?),
        "dotenv" => programs::are_variables(workspace, block).map(|()| PARSED),
        language => bail!(
            "a block of `{language}` is tried in no way: say `not-run: REASON` or `read-by: TEST` behind its language"
        ),
    }
}
