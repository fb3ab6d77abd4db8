//! The guides' programs and settings.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::blocks::Block;
use crate::workspace::{Workspace, read};

/// Rust sources that the suite compiles and that guides take their blocks from: a folder and a file.
const SOURCES: [&str; 2] = ["examples", "crates/client/tests/it/guides.rs"];
/// Sources that read variables, and a list of other programs' variables that the guides name.
const READERS: [&str; 3] = [
    "npm/auth-cloud/src/options.ts",
    "npm/auth-cloud/src/deployment.ts",
    "crates/client/src/builder/environment.rs",
];
const FOREIGN: [&str; 3] = ["NODE_ENV", "MASTRA_EE_LICENSE", "MASTRA_WORKER_AUTH_TOKEN"];

/// Checks that the block is part of a compiled program, line by line; indentation does not count.
pub(super) fn is_compiled(workspace: &Workspace, block: &Block) -> Result<()> {
    let [folder, file] = SOURCES;
    let mut files = workspace.files(folder, &["rs"])?;
    files.push(workspace.path(file));
    let wanted = significant(&block.text);
    for file in files {
        let lines = significant(&read(&file)?);
        if lines.windows(wanted.len()).any(|part| part == wanted) {
            return Ok(());
        }
    }
    anyhow::bail!(
        "its lines stand in no program that is compiled: cut it out of {folder} or {file}"
    )
}

/// The lines that are not blank, each with single spaces between its words.
fn significant(text: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines = text.lines().map(words);
    lines.filter(|line| !line.is_empty()).collect()
}

/// Checks that each line sets a variable that a source reads.
pub(super) fn are_variables(workspace: &Workspace, block: &Block) -> Result<()> {
    let readers = READERS.iter().map(|file| workspace.read(file));
    let readers = readers.collect::<Result<String>>()?;
    for line in significant(&block.text)
        .iter()
        .filter(|line| !line.starts_with('#'))
    {
        let (name, _) = line
            .split_once('=')
            .with_context(|| format!("`{line}` sets nothing"))?;
        ensure!(
            FOREIGN.contains(&name) || readers.contains(name),
            "nothing reads {name}"
        );
    }
    Ok(())
}

/// TypeScript programs, type-checked together.
#[derive(Default)]
pub(super) struct Scripts(Vec<(String, String)>);

/// Names that a partial program assumes: the word that shows it, the declaration, and the line that declares it.
#[rustfmt::skip]
const GRANTED: [(&str, &str, &str); 9] = [
    ("new MastraCloudAuth(", "{ MastraCloudAuth", "import { MastraCloudAuth } from '@mastra/auth-cloud';"),
    ("RevocationChannel", "{ RevocationChannel", "import type { RevocationChannel } from '@mastra/auth-cloud';"),
    ("new Mastra(", "{ Mastra }", "import { Mastra } from '@mastra/core';"),
    ("auth.", "const auth", "declare const auth: import('@mastra/auth-cloud').MastraCloudAuth;"),
    ("token}", "const token", "declare const token: string;"),
    ("sessionId)", "const sessionId", "declare const sessionId: string;"),
    ("userId)", "const userId", "declare const userId: string;"),
    ("    auth,", "const auth", "declare const auth: import('@mastra/auth-cloud').MastraCloudAuth;"),
    ("{ auth", "const auth", "declare const auth: import('@mastra/auth-cloud').MastraCloudAuth;"),
];
const SETTINGS: &str = r#"{ "extends": "../tsconfig.json", "compilerOptions": { "noUnusedLocals": false, "noPropertyAccessFromIndexSignature": false, "noUnusedParameters": false }, "include": ["*.ts"] }"#;

impl Scripts {
    pub(super) fn add(&mut self, block: &Block) {
        let name = format!("{}-{}.ts", block.page.replace(['/', '.'], "-"), block.line);
        let mut head = Vec::new();
        for (word, declared, line) in GRANTED {
            if block.text.contains(word) && !block.text.contains(declared) && !head.contains(&line)
            {
                head.push(line);
            }
        }
        let text = format!("{}\n{}\nexport {{}};\n", head.join("\n"), block.text);
        self.0.push((name, text));
    }

    /// Writes them into a folder of their own, with their settings, and with a program that runs the complete ones.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        if folder.is_dir() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        fs::write(folder.join("tsconfig.json"), SETTINGS)?;
        let mut run = String::new();
        for (name, text) in &self.0 {
            fs::write(folder.join(name), text)?;
            if !text.contains("declare const ") {
                writeln!(run, "await import('./{name}');")?;
            }
        }
        fs::write(folder.join("run.mjs"), run)?;
        Ok(())
    }
}
