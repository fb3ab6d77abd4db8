//! `cargo xtask test`: runs the steps in order, each named and timed; some of the slow ones run in parallel with the
//! others.
//!
//! Stops at the first failure and prints the command to run that step alone. Reports each step that it skips.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::cargo::target_directory;
use crate::process::find;
use crate::steps::{Mode, Pace, STEPS, Step, Work};
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, quick: bool) -> Result<()> {
    let all = Instant::now();
    let mut left_out = Vec::new();
    let mut beside: Option<Beside> = None;
    let mut begun = false;
    for step in STEPS {
        if quick && step.pace != Pace::Quick {
            left_out.push(step.name);
            continue;
        }
        if step.pace == Pace::Beside {
            if !begun {
                begun = true;
                beside = Some(Beside::start(workspace)?);
            }
            continue;
        }
        if let Some(over) = beside.take_if(|beside| beside.is_over()) {
            over.finish()?;
        }
        println!("-- {}", step.name);
        let start = Instant::now();
        match step.work {
            Work::Plain(work) => work(workspace),
            Work::Checkable(work) => work(workspace, Mode::Check),
        }
        .with_context(|| failed(step, start.elapsed()))?;
        passed(step, start.elapsed());
    }
    if let Some(beside) = beside {
        beside.finish()?;
    }
    let seconds = all.elapsed().as_secs_f32();
    if left_out.is_empty() {
        println!("everything passed ({seconds:.0} s)");
    } else {
        println!(
            "passed ({seconds:.0} s); left out by --quick: {}",
            left_out.join(", ")
        );
    }
    Ok(())
}

fn passed(step: &Step, took: Duration) {
    println!("== {} ({:.1} s)\n", step.name, took.as_secs_f32());
}

fn failed(step: &Step, took: Duration) -> String {
    format!(
        "{} failed after {:.1} s; run it alone with: {}",
        step.name,
        took.as_secs_f32(),
        step.command()
    )
}

/// The steps that run in parallel with the others, in sequence, each as a process of low priority. The output of each is
/// printed as a whole when it is over.
struct Beside(JoinHandle<Result<()>>);

impl Beside {
    fn start(workspace: &Workspace) -> Result<Self> {
        let target = target_directory(workspace)?;
        // A copy: the steps in the foreground may rebuild this program.
        let program = target.join(format!("xtask-beside{}", env::consts::EXE_SUFFIX));
        fs::copy(env::current_exe()?, &program).context("xtask cannot be copied")?;
        let root = workspace.root().to_path_buf();
        Ok(Self(thread::spawn(move || {
            run_beside(&program, &root, &target)
        })))
    }

    /// Whether all passed or one failed: `finish` then says which, without waiting.
    fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    fn finish(self) -> Result<()> {
        self.0
            .join()
            .map_err(|_panic| anyhow!("what ran beside the others panicked"))?
    }
}

/// Runs `program STEP` for each of these steps, and stops at the first that fails. The output is kept in `logs` too.
fn run_beside(program: &Path, root: &Path, logs: &Path) -> Result<()> {
    for step in STEPS.iter().filter(|step| step.pace == Pace::Beside) {
        let start = Instant::now();
        let place = logs.join(format!("xtask-{}.log", step.name));
        let log = File::create(&place)?;
        let mut command = match find(&["nice"]) {
            Some(nice) => {
                let mut command = Command::new(nice);
                command.args(["-n", "10"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let status = command
            .arg(step.name)
            .current_dir(root)
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        let output = fs::read(&place)?;
        println!("-- {}, which ran beside the others", step.name);
        println!("{}", String::from_utf8_lossy(&output));
        if !status.success() {
            bail!(failed(step, start.elapsed()));
        }
        passed(step, start.elapsed());
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_fails_beside_the_others_fails_the_suite() {
        let logs = env::temp_dir().join(format!("xtask-beside-{}", std::process::id()));
        fs::create_dir_all(&logs).unwrap();
        let run = |program: &str| {
            let (program, root, logs) = (program.into(), env::temp_dir(), logs.clone());
            let run = thread::spawn(move || {
                let program: std::path::PathBuf = program;
                run_beside(&program, &root, &logs)
            });
            Beside(run).finish()
        };
        run("true").unwrap();
        let error = run("false").unwrap_err().to_string();
        assert!(error.starts_with("release failed after"), "{error}");
        fs::remove_dir_all(logs).unwrap();
    }
}
