//! `cargo xtask test`: runs the steps in order, each named and timed; those of the other lanes in parallel.
//!
//! Stops at the first failure and prints the command to run that step alone. Names the steps that it leaves out. What runs in
//! parallel ends with this process, however that ends.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::steps::{Lane, Pace, STEPS, Step};
use crate::workspace::Workspace;

/// A step of a lane beside the front, and how many steps of the front it waits for.
type Planned = (usize, &'static Step);

/// What still runs after this long hangs: the longest step takes a fifth of it on two cores.
const HANGS: Duration = Duration::from_mins(25);

pub(crate) fn run(workspace: &Workspace, is_quick: bool) -> Result<()> {
    let begun = Instant::now();
    let is_left_out = |step: &&Step| {
        let is_slow = is_quick && step.pace == Pace::Slow;
        is_slow || (workspace.is_unoptimized && step.name == "release")
    };
    let (left_out, steps): (Vec<&Step>, Vec<&Step>) = STEPS.iter().partition(is_left_out);
    // A copy: the steps of the front may rebuild this program.
    let logs = workspace.target()?.to_path_buf();
    let program = logs.join(format!("xtask-beside{EXE_SUFFIX}"));
    fs::copy(env::current_exe()?, &program).context("xtask cannot be copied")?;
    let flags = workspace.flags();
    let command = move |step: &Step| {
        let mut command = program_beside(&program);
        command.args([step.name, "--check", "--built"]).args(&flags);
        command
    };
    let (over, ends) = channel();
    let mut lanes = Vec::new();
    for lane in [Lane::Package, Lane::Packed] {
        let (mut fronts, mut plan) = (0, Vec::<Planned>::new());
        for step in &steps {
            fronts += usize::from(step.lane == Lane::Front);
            plan.extend((step.lane == lane).then_some((fronts, *step)));
        }
        let (passed, front) = channel();
        let (over, command, logs) = (over.clone(), command.clone(), logs.clone());
        thread::spawn(move || over.send(run_beside(&plan, &front, command, &logs)));
        lanes.push(passed);
    }
    drop(over);
    let mut running = lanes.len();
    for step in steps.iter().filter(|step| step.lane == Lane::Front) {
        while let Ok(end) = ends.try_recv() {
            end?;
            running -= 1;
        }
        println!("-- {}", step.name);
        let start = Instant::now();
        (step.run)(workspace).with_context(|| failed(step, start))?;
        let took = start.elapsed().as_secs_f32();
        println!("== {} ({took:.1} s)\n", step.name);
        for passed in &lanes {
            // A lane that needs no further step does not listen any more.
            let _ = passed.send(());
        }
    }
    for _ in 0..running {
        ends.recv().context("a lane beside the front panicked")??;
    }
    println!("everything passed ({:.0} s)", begun.elapsed().as_secs_f32());
    let names: Vec<_> = left_out.iter().map(|step| step.name).collect();
    println!("left out: {}", names.join(", "));
    Ok(())
}

fn failed(step: &Step, start: Instant) -> String {
    let (name, took) = (step.name, start.elapsed().as_secs_f32());
    format!("{name} failed after {took:.1} s; run it alone with: cargo xtask {name}")
}

/// Runs the command of each of these steps, and stops at the first that fails. Prints the output of each as a whole when it is
/// over, and keeps it in `logs`.
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
        let mut child = command.spawn().context(step.name)?;
        let alive = child.stdin.take();
        let status = wait(&mut child, HANGS)?;
        drop(alive);
        let (name, took) = (step.name, start.elapsed().as_secs_f32());
        let said = fs::read(&place)?;
        let said = String::from_utf8_lossy(&said);
        println!("-- {name}, which ran beside the others\n{said}\n== {name} ({took:.1} s)\n");
        let status =
            status.with_context(|| format!("{name} hangs: it was ended after {took:.0} s"))?;
        ensure!(status.success(), failed(step, start));
    }
    Ok(())
}

/// How it ended, or `None` where it still runs after that long.
fn wait(child: &mut Child, at_most: Duration) -> Result<Option<ExitStatus>> {
    let begun = Instant::now();
    while begun.elapsed() < at_most {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(None)
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
    fn what_hangs_is_not_waited_for() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let status = wait(&mut child, Duration::from_millis(1)).unwrap();
        assert!(status.is_none(), "{status:?}");
        child.kill().unwrap();
        let status = wait(&mut child, HANGS).unwrap();
        assert!(!status.unwrap().success());
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
        let status = child.wait().unwrap();
        assert!(!status.success(), "{status}");
    }
}
