//! Which tests reach which functions, and whether one of them notices a mutant.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context as _, Result, ensure};

use crate::process::capture;

/// A test that takes so long with a mutant hangs, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(60);
/// All tests of a program, likewise.
const LONG: Duration = Duration::from_secs(300);
/// A mutant that never stops must not take all memory. Stacks are large because every arm of a function has its own variables.
const START: &str = "ulimit -v 16000000; RUST_MIN_STACK=50000000 exec \"$@\"";

/// How many tests are remembered as the last to notice one.
const RECENT: usize = 12;

/// What became of a mutant.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// A test fails or hangs.
    Noticed,
    Missed,
    /// It does not compile.
    Unviable,
}

struct Test {
    program: PathBuf,
    name: String,
    reached: BTreeSet<usize>,
    time: Duration,
}

/// Every test of the programs, fastest first.
pub(super) struct Tests {
    all: Vec<Test>,
    recent: Mutex<VecDeque<usize>>,
}

/// Finds the tests of the programs, and what each reaches. Each passes as the code is.
pub(super) fn tests(programs: &[PathBuf], slow: &[String], package: &Path) -> Result<Tests> {
    let mut names = Vec::new();
    for program in programs {
        let list = capture(
            Command::new(program)
                .args(["--list", "--format=terse"])
                .current_dir(package),
        )?;
        let list = list.lines().filter_map(|line| line.strip_suffix(": test"));
        let list = list.filter(|name| !slow.iter().any(|part| name.contains(part)));
        names.extend(list.map(|name| (program.clone(), name.to_owned())));
    }
    let folder = programs.first().and_then(|program| program.parent());
    let folder = folder.context("no test program was built")?.join("reached");
    crate::workspace::empty(&folder)?;
    let names: Vec<_> = names.into_iter().enumerate().collect();
    let tests = each(&names, |(at, (program, name))| {
        let path = folder.join(at.to_string());
        let begin = Instant::now();
        let mut command = start(program, package);
        let status = command
            .args(["--exact", name])
            .env("MUTANTS_REACHED", &path)
            .status()?;
        ensure!(status.success(), "{name} fails without a mutant");
        let time = begin.elapsed();
        let reached = if path.exists() {
            fs::read_to_string(path)?
        } else {
            String::new()
        };
        let reached = reached.lines().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Test {
            program: program.clone(),
            name: name.clone(),
            reached,
            time,
        })
    });
    let mut tests = tests.into_iter().collect::<Result<Vec<_>>>()?;
    tests.sort_by_key(|test| test.time);
    Ok(Tests {
        all: tests,
        recent: Mutex::default(),
    })
}

impl Tests {
    /// Runs the tests that reach a mutant's function until one notices it: first those that noticed others a moment ago.
    pub(super) fn ask(&self, mutant: usize, function: usize, package: &Path) -> Result<Answer> {
        let reaches = |at: &usize| {
            self.all
                .get(*at)
                .is_some_and(|test| test.reached.contains(&function))
        };
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<usize> = recent().iter().rev().copied().filter(reaches).collect();
        let others = (0..self.all.len())
            .filter(|at| !order.contains(at))
            .filter(reaches);
        let others: Vec<_> = others.collect();
        order.extend(others);
        for at in order {
            let Some(test) = self.all.get(at) else {
                continue;
            };
            let mut command = start(&test.program, package);
            command
                .args(["--exact", &test.name])
                .env("MUTANT", mutant.to_string());
            if !passes(command.spawn()?, LIMIT)? {
                let mut recent = recent();
                recent.retain(|other| *other != at);
                recent.push_back(at);
                if recent.len() > RECENT {
                    recent.pop_front();
                }
                return Ok(Answer::Noticed);
            }
        }
        Ok(Answer::Missed)
    }
}

/// Runs a mutant's own programs until a test of one fails. There is none where it does not compile.
pub(super) fn whole(programs: &[PathBuf], slow: &[String], package: &Path) -> Result<Answer> {
    for program in programs {
        let mut command = start(program, package);
        command.args(slow.iter().flat_map(|part| ["--skip", part]));
        if !passes(command.spawn()?, LONG)? {
            return Ok(Answer::Noticed);
        }
    }
    Ok(if programs.is_empty() {
        Answer::Unviable
    } else {
        Answer::Missed
    })
}

fn passes(mut child: Child, limit: Duration) -> io::Result<bool> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if begin.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn start(program: &Path, package: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", START, "sh"])
        .arg(program)
        .current_dir(package)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The function's result for each of these, in their order, from as many threads as the machine has processors.
pub(super) fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(all.iter().enumerate());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((at, one)) =
                        next.lock().unwrap_or_else(PoisonError::into_inner).next()
                    else {
                        return;
                    };
                    let result = work(one);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
