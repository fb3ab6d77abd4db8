//! Files generated from the code: `cargo xtask gen` writes them; `--check` fails if one differs.
//!
//! To add one, add a row to the table. Generated files are committed, so that readers need no tool.

mod codes;
mod help;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::steps::Mode;
use crate::workspace::Workspace;

struct Page {
    file: &'static str,
    write: fn(&Workspace) -> Result<String>,
}

const PAGES: &[Page] = &[
    Page {
        file: "docs/guide/errors.md",
        write: codes::page,
    },
    Page {
        file: "npm/auth-cloud/src/codes.ts",
        write: codes::typescript,
    },
    Page {
        file: "docs/guide/cli.md",
        write: help::page,
    },
];

pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let mut differ = Vec::new();
    for page in PAGES {
        let path = workspace.path(page.file);
        let wanted = (page.write)(workspace).with_context(|| page.file.to_owned())?;
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found == wanted {
            println!("{} is up to date", page.file);
            continue;
        }
        match mode {
            Mode::Full => {
                fs::write(&path, &wanted).with_context(|| page.file.to_owned())?;
                println!("{} is written anew", page.file);
            }
            Mode::Check => {
                eprintln!("{}", difference(page.file, &found, &wanted));
                differ.push(page.file);
            }
        }
    }
    if !differ.is_empty() {
        bail!("run `cargo xtask gen` and commit {}", differ.join(" and "));
    }
    Ok(())
}

/// The first place where a file differs from what it should be.
fn difference(file: &str, found: &str, wanted: &str) -> String {
    let mut pairs = (1..).zip(
        found
            .lines()
            .map(Some)
            .chain([None])
            .zip(wanted.lines().map(Some).chain([None])),
    );
    match pairs.find(|(_, (one, other))| one != other) {
        Some((line, (one, other))) => format!(
            "{file}:{line}: is  {}\n{file}:{line}: not {}",
            one.unwrap_or("(the end)"),
            other.unwrap_or("(the end)")
        ),
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
