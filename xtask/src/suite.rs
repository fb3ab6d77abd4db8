//! `cargo xtask test`: runs the steps in order, each named and timed; some in parallel with the others.
//!
//! Stops at the first failure and prints the command to run that step alone. Reports each step that it skips. What runs in
//! parallel ends with this process, however that ends.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};

use crate::steps::{Lane, Pace, STEPS, Step};
use crate::workspace::{Mode, Workspace};

pub(crate) fn run(workspace: &Workspace, pace: Pace) -> Result<()> {
    let begun = Instant::now();
    let is_left_out = |step: &&Step| {
        let is_slow = pace == Pace::Quick && step.pace == Pace::Slow;
        is_slow || (workspace.is_unoptimized && step.name == "release")
    };
    let (left_out, steps): (Vec<&Step>, Vec<&Step>) = STEPS.iter().partition(is_left_out);
    let mut beside = Some(Beside::start(workspace, &steps)?);
    for step in steps.iter().filter(|step| step.lane == Lane::Front) {
        if let Some(over) = beside.take_if(|beside| beside.thread.is_finished()) {
            over.finish()?;
        }
        println!("-- {}", step.name);
        let start = Instant::now();
        step.run(workspace, Mode::Check)
            .with_context(|| failed(step, start))?;
        println!(
            "== {} ({:.1} s)\n",
            step.name,
            start.elapsed().as_secs_f32()
        );
        if let Some(beside) = &beside {
            // It does not listen any more where it needs no further step.
            let _ = beside.passed.send(());
        }
    }
    beside.map_or(Ok(()), Beside::finish)?;
    println!("everything passed ({:.0} s)", begun.elapsed().as_secs_f32());
    if !left_out.is_empty() {
        let names: Vec<_> = left_out.iter().map(|step| step.name).collect();
        println!("left out: {}", names.join(", "));
    }
    Ok(())
}

fn failed(step: &Step, start: Instant) -> String {
    let took = start.elapsed().as_secs_f32();
    format!(
        "{} failed after {took:.1} s; run it alone with: {}",
        step.name,
        step.command()
    )
}

/// The steps that run in parallel with the others, in sequence, each as a process. The output of each is
/// printed as a whole when it is over.
struct Beside {
    passed: Sender<()>,
    thread: JoinHandle<Result<()>>,
}

/// A step beside the others, and how many steps of the front it waits for.
type Planned = (usize, &'static Step);

impl Beside {
    fn start(workspace: &Workspace, steps: &[&'static Step]) -> Result<Self> {
        let mut front = 0;
        let mut plan: Vec<Planned> = Vec::new();
        for step in steps {
            match step.lane {
                Lane::Front => front += 1,
                Lane::Beside => plan.push((front, step)),
            }
        }
        // A copy: the steps in the foreground may rebuild this program.
        let logs = workspace.target()?.to_path_buf();
        let program = logs.join(format!("xtask-beside{EXE_SUFFIX}"));
        fs::copy(env::current_exe()?, &program).context("xtask cannot be copied")?;
        let (root, flags) = (workspace.root().to_path_buf(), workspace.flags());
        let command = move |step: &Step| {
            let mut command = program_beside(&program);
            command.arg(step.name).args(&flags).current_dir(&root);
            command
        };
        let (passed, front) = channel();
        let thread = thread::spawn(move || run_beside(&plan, &front, command, &logs));
        Ok(Self { passed, thread })
    }

    fn finish(self) -> Result<()> {
        self.thread
            .join()
            .map_err(|_panic| anyhow!("what ran beside the others panicked"))?
    }
}

/// Runs the command of each of these steps, and stops at the first that fails. The output is kept in `logs` too.
fn run_beside(
    plan: &[Planned],
    front: &Receiver<()>,
    command: impl Fn(&Step) -> Command,
    logs: &Path,
) -> Result<()> {
    let mut over = 0;
    for (needs, step) in plan {
        while over < *needs {
            if front.recv().is_err() {
                // A step of the front failed, and says so itself.
                return Ok(());
            }
            over += 1;
        }
        let start = Instant::now();
        let place = logs.join(format!("xtask-{}.log", step.name));
        let log = File::create(&place)?;
        let mut command = command(step);
        command
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut child = command.spawn().with_context(|| step.command())?;
        let alive = child.stdin.take();
        let status = child.wait()?;
        drop(alive);
        println!("-- {}, which ran beside the others", step.name);
        println!("{}", String::from_utf8_lossy(&fs::read(&place)?));
        if !status.success() {
            bail!(failed(step, start));
        }
        println!(
            "== {} ({:.1} s)\n",
            step.name,
            start.elapsed().as_secs_f32()
        );
    }
    Ok(())
}

/// Runs a program in a process group of its own, which ends where the pipe to its input does: when this
/// process has ended, for whatever reason.
#[cfg(unix)]
fn program_beside(program: &Path) -> Command {
    use std::os::unix::process::CommandExt as _;
    const GROUP: &str =
        "exec 3<&0 </dev/null; { cat <&3 >/dev/null; kill -TERM 0; } & exec \"$@\" 3<&-";
    let mut command = Command::new("sh");
    command
        .args(["-c", GROUP, "sh"])
        .arg(program)
        .process_group(0);
    command
}

#[cfg(not(unix))]
fn program_beside(program: &Path) -> Command {
    Command::new(program)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::ExitStatus;

    #[test]
    fn what_fails_beside_the_others_fails_the_suite() {
        let logs = env::temp_dir().join(format!("xtask-beside-{}", std::process::id()));
        fs::create_dir_all(&logs).unwrap();
        let plan: Vec<Planned> = STEPS.iter().take(1).map(|step| (1, step)).collect();
        let run = |program: &'static str| {
            let (passed, front) = channel();
            passed.send(()).unwrap();
            run_beside(&plan, &front, |_| program_beside(Path::new(program)), &logs)
        };
        run("true").unwrap();
        let error = run("false").unwrap_err().to_string();
        assert!(error.starts_with("fetch failed after"), "{error}");
        // Where a step of the front fails, what waits for it does not begin.
        let (passed, front) = channel();
        drop(passed);
        run_beside(&plan, &front, |_| program_beside(Path::new("false")), &logs).unwrap();
        fs::remove_dir_all(logs).unwrap();
    }

    #[test]
    fn what_runs_beside_ends_with_the_suite_and_so_do_its_children() {
        let mut command = program_beside(Path::new("sh"));
        // Without an end to its group it would be waited for, and succeed.
        command
            .args(["-c", "sleep 30 & wait; exit 0"])
            .stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdin.take());
        let status: ExitStatus = child.wait().unwrap();
        assert!(!status.success(), "{status}");
    }

    #[test]
    fn a_failure_names_a_command_that_exists() {
        for step in STEPS {
            let command = step.command();
            let words = command.strip_prefix("cargo ").unwrap().split(' ');
            assert!(
                crate::command().try_get_matches_from(words).is_ok(),
                "{command}"
            );
        }
    }
}
