//! `cargo xtask contract`: schemathesis reads the documents of `contract/`, and calls a local Cloud of each dialect, rightly and
//! wrongly. What it draws is the same in each run. `cargo xtask soak contract` draws more.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;

use crate::builds::cli;
use crate::python;
use crate::workspace::Workspace;

const DIALECTS: [&str; 3] = ["v1", "pkce", "platform"];
const SHORT: &str = "--max-examples 10 --phases examples,coverage,fuzzing";
const LONG: &str = "--max-examples 2000";
/// Most characters of a line that are shown: an address may have thousands.
const LINE: usize = 400;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    hold(workspace, SHORT)
}

pub(crate) fn soak(workspace: &Workspace) -> Result<()> {
    hold(workspace, LONG)
}

/// The documents by their dialects.
pub(crate) fn documents(workspace: &Workspace) -> Result<Value> {
    let documents = DIALECTS.iter().map(|dialect| {
        let place = format!("contract/openapi.{dialect}.yaml");
        let document = serde_saphyr::from_str(&workspace.read(&place)?).context(place)?;
        Ok(((*dialect).to_owned(), document))
    });
    Ok(Value::Object(documents.collect::<Result<_>>()?))
}

fn hold(workspace: &Workspace, how: &str) -> Result<()> {
    let python = match python::with(workspace, "contract/requirements.txt") {
        Ok(python) => python,
        Err(why) => {
            println!("the local Cloud was not held to the documents of contract/: {why:#}");
            return Ok(());
        }
    };
    let (cloud, target) = (cli(workspace)?, workspace.target()?);
    let (folder, python, cloud) = (&workspace.path("contract"), &*python, &*cloud);
    thread::scope(|scope| {
        let all = DIALECTS.map(|dialect| {
            let log = target.join(format!("contract-{dialect}.log"));
            scope.spawn(move || held(dialect, folder, python, cloud, how, &log))
        });
        for (dialect, one) in DIALECTS.iter().zip(all) {
            let told = one.join().map_err(|_| anyhow!("{dialect}: panicked"))??;
            println!("{dialect}: {told}");
        }
        Ok(())
    })
}

/// Tests a local Cloud of this dialect. Returns the line that says how many calls were made.
fn held(
    dialect: &str,
    folder: &Path,
    python: &Path,
    cloud: &Path,
    how: &str,
    log: &Path,
) -> Result<String> {
    let mut cloud = Cloud::start(cloud, dialect)?;
    let url = cloud.url()?;
    let mut program = Command::new(python);
    program
        .args("-m schemathesis.cli --config-file schemathesis.toml run --no-color".split(' '))
        .args(how.split(' '))
        .args([&format!("openapi.{dialect}.yaml"), "--url", &url])
        .env("MASTRA_CLOUD_URL", &url)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(fs::File::create(log)?)
        .stderr(Stdio::inherit());
    let status = program.status().context("schemathesis does not start")?;
    let said = fs::read_to_string(log)?;
    let cut = |line: &str| line.chars().take(LINE).chain(['\n']).collect::<String>();
    ensure!(
        status.success(),
        "{}\nthe local Cloud and contract/openapi.{dialect}.yaml disagree; {} has all of it",
        said.lines().map(cut).collect::<String>(),
        log.display()
    );
    let told = said.lines().find(|line| line.contains(" generated, "));
    let told = told.context("schemathesis does not say how many calls it made")?;
    Ok(told.trim().to_owned())
}

/// A local Cloud on a free port. It ends with its input, also where this process is killed.
struct Cloud(Child);

impl Cloud {
    fn start(program: &Path, dialect: &str) -> Result<Self> {
        let mut command = Command::new(program);
        command.args([
            "dev",
            "--port",
            "0",
            "--end-with-stdin",
            "--dialect",
            dialect,
        ]);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Self(started.context("the local Cloud does not start")?))
    }

    fn url(&mut self) -> Result<String> {
        let mut line = String::new();
        let out = self.0.stdout.take().context("it has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let url = line.trim().strip_prefix("ready cloud=");
        Ok(url.context("the local Cloud names no address")?.to_owned())
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It has ended, or the system has no more of it.
        let _ = self.0.wait();
    }
}
