//! Files generated from the code: `cargo xtask gen` writes them; `--check` fails if one differs.
//!
//! To add one, add a row to the table. Generated files are committed, so that readers need no tool.

mod addon;
mod codes;
mod events;
mod help;

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::{Mode, Workspace};

/// A file, and what writes it.
type Page = (&'static str, fn(&Workspace) -> Result<String>);

const PAGES: [Page; 6] = [
    ("docs/guide/errors.md", codes::page),
    ("npm/auth-cloud/src/codes.ts", codes::typescript),
    ("npm/auth-cloud/src/event-types.ts", events::typescript),
    (events::GUIDE, events::guide),
    ("npm/auth-cloud/src/addon-types.ts", addon::types),
    ("docs/guide/cli.md", help::page),
];

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let mut differ = Vec::new();
    for (file, write) in PAGES {
        let path = workspace.path(file);
        let wanted = write(workspace).context(file)?;
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found == wanted {
            println!("{file} is up to date");
        } else if mode == Mode::Full {
            fs::write(&path, &wanted).context(file)?;
            println!("{file} is written anew");
        } else {
            eprintln!("{}", difference(file, &found, &wanted));
            differ.push(file);
        }
    }
    ensure!(
        differ.is_empty(),
        "run `cargo xtask gen` and commit {}",
        differ.join(" and ")
    );
    Ok(())
}

/// The first place where a file differs from what it should be.
fn difference(file: &str, found: &str, wanted: &str) -> String {
    let end = "(the end)";
    let pairs = found.lines().chain([end]).zip(wanted.lines().chain([end]));
    match (1..).zip(pairs).find(|(_, (is, should))| is != should) {
        Some((line, (is, should))) => {
            format!("{file}:{line}: is  {is}\n{file}:{line}: not {should}")
        }
        None => format!("{file}: differs in its line ends"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_shown() {
        assert_eq!(
            difference("f", "a\nb\n", "a\nc\n"),
            "f:2: is  b\nf:2: not c"
        );
        assert_eq!(
            difference("f", "a\n", "a\nb\n"),
            "f:2: is  (the end)\nf:2: not b"
        );
        assert_eq!(difference("f", "", "a\n"), "f:1: is  (the end)\nf:1: not a");
        assert!(difference("f", "a", "a\n").contains("line ends"));
    }
}
