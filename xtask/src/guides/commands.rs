//! Runs the guides' commands as written, except for their ports: every Cloud and app listens on a free one.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::blocks::Block;
use crate::builds::cli;
use crate::process::capture;
use crate::workspace::Workspace;

/// The session in which one page's commands run, with its servers.
pub(super) struct Desk<'a> {
    workspace: &'a Workspace,
    binary: PathBuf,
    folder: PathBuf,
    servers: Vec<Child>,
    /// The guides' addresses, and those that replace them.
    urls: Vec<(&'static str, String)>,
}

/// The guides' addresses, by their name in the ready line.
const ADDRESSES: [(&str, &str); 2] = [
    ("app", "http://localhost:4111"),
    ("cloud", "http://localhost:4300"),
];

impl<'a> Desk<'a> {
    pub(super) fn open(workspace: &'a Workspace) -> Result<Self> {
        Ok(Self {
            workspace,
            binary: cli(workspace)?,
            folder: workspace.target()?.join("guides"),
            servers: Vec::new(),
            urls: Vec::new(),
        })
    }

    /// Stops the servers: the next page starts without any.
    pub(super) fn clear(&mut self) -> Result<()> {
        for server in &mut self.servers {
            server.kill()?;
            server.wait()?;
        }
        self.servers.clear();
        self.urls.clear();
        Ok(())
    }

    pub(super) fn run(&mut self, block: &Block, output: Option<&Block>) -> Result<()> {
        let mut printed = String::new();
        for line in block.text.lines() {
            let command = line.split("  #").next().unwrap_or_default().trim();
            if command.is_empty() || command.starts_with('#') {
                continue;
            }
            printed = self
                .command(block, command)
                .with_context(|| format!("`{command}`"))?;
        }
        if let Some(output) = output {
            ensure!(
                printed.trim() == output.text.trim(),
                "it prints\n{printed}and the guide says\n{}",
                output.text
            );
        }
        Ok(())
    }

    /// Runs one command and returns its output, with the guide's addresses restored.
    fn command(&mut self, block: &Block, command: &str) -> Result<String> {
        let own = ["cargo run --quiet -- ", "cargo run -- ", "mastra-auth "];
        let own = own.iter().find_map(|start| command.strip_prefix(start));
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        if let Some(step) = command.strip_prefix("cargo xtask ") {
            let words = [words("xtask"), words(step)].concat();
            crate::command().try_get_matches_from(words)?;
        } else if let Some(arguments) =
            own.filter(|own| own.starts_with("demo") || own.starts_with("dev"))
        {
            return self.serve(&words(arguments));
        } else if own.is_some_and(|own| own.contains("https://")) {
            // It would call another machine, so check only that the command line accepts it.
            self.is_taken(&words(own.unwrap_or_default()))?;
        } else if own.is_some() || command.starts_with("curl ") {
            return self.shell(command);
        } else {
            self.stands_there(block, command)?;
        }
        Ok(String::new())
    }

    /// Starts a server and waits for its ready line.
    fn serve(&mut self, arguments: &[String]) -> Result<String> {
        let ports: &[&str] = match arguments.first().map(String::as_str) {
            Some("demo") => &["--port", "0", "--cloud-port", "0"],
            _ => &["--port", "0"],
        };
        let mut server = Command::new(&self.binary)
            .args(arguments)
            .args(ports)
            .current_dir(self.workspace.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = server.stdout.take().context("its output is read")?;
        self.servers.push(server);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        for (name, guides) in ADDRESSES {
            let found = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            if let Some(url) = found {
                self.urls.push((guides, url.to_owned()));
            }
        }
        Ok(self.as_in_the_guide(line))
    }

    /// Runs a command in a shell that finds `mastra-auth`, in a folder with a file `token`.
    fn shell(&mut self, command: &str) -> Result<String> {
        if self.urls.is_empty() {
            self.serve(&["dev".to_owned()])?;
        }
        fs::create_dir_all(&self.folder)?;
        let cloud = self.here("http://localhost:4300".to_owned());
        let mut new = Command::new(&self.binary);
        let new = new.args(["token", "new", "--as", "member", "--cloud-url", &cloud]);
        fs::write(self.folder.join("token"), capture(new)?)?;
        let script = self
            .here(command.to_owned())
            .replace("cargo run --quiet -- ", "mastra-auth ")
            .replace("cargo run -- ", "mastra-auth ")
            .replace("curl ", "curl --silent --show-error --fail ");
        let mut shell = Command::new("bash");
        shell
            .args(["-o", "pipefail", "-ec", &script])
            .current_dir(&self.folder)
            .env("PATH", self.path()?)
            .env("MASTRA_CLOUD_URL", &cloud);
        capture(&mut shell).map(|printed| self.as_in_the_guide(printed))
    }

    /// The PATH, starting with the command that was just built.
    fn path(&self) -> Result<std::ffi::OsString> {
        let own = self.binary.parent().map(Path::to_path_buf);
        let rest = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths(
            own.into_iter().chain(env::split_paths(&rest)),
        )?)
    }

    fn here(&self, text: String) -> String {
        let replaced = |text: String, (guides, url): &(&str, String)| text.replace(guides, url);
        self.urls.iter().fold(text, replaced)
    }

    fn as_in_the_guide(&self, text: String) -> String {
        let replaced = |text: String, (guides, url): &(&str, String)| text.replace(url, guides);
        self.urls.iter().fold(text, replaced)
    }

    /// Appends an unknown flag, so that nothing starts; the flag must be the only error.
    fn is_taken(&self, arguments: &[String]) -> Result<()> {
        let arguments = arguments.iter().take_while(|word| *word != "<");
        let mut command = Command::new(&self.binary);
        let output = command.args(arguments).arg("--surely-unknown").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            said.contains("unexpected argument '--surely-unknown'"),
            "{said}"
        );
        Ok(())
    }

    /// Checks a folder to change to, or a script of the package that contains the page.
    fn stands_there(&self, block: &Block, command: &str) -> Result<()> {
        if let Some(folder) = command.strip_prefix("cd ") {
            ensure!(self.workspace.path(folder).is_dir(), "there is no {folder}");
            return Ok(());
        }
        let script = command
            .strip_prefix("npm ")
            .map(|rest| rest.strip_prefix("run ").unwrap_or(rest));
        let script = script.context("say behind `sh` why it is not run: `not-run: REASON`")?;
        let (folder, _) = block.page.rsplit_once('/').unwrap_or((".", ""));
        let manifest = self.workspace.read(&format!("{folder}/package.json"))?;
        let manifest: serde_json::Value = serde_json::from_str(&manifest)?;
        let is_there = manifest.pointer(&format!("/scripts/{script}")).is_some();
        ensure!(
            is_there || script == "install",
            "{folder}/package.json has no script {script}"
        );
        Ok(())
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}
