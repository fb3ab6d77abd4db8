//! `cargo xtask fuzz`: libFuzzer's search in the targets of `fuzz/`, one after the other, and what it found as committed text.
//!
//! The compiler's own flags instrument the code, so the pinned toolchain does, without a sanitizer. Inputs are text, one a
//! line: `fuzz/seeds` are written by hand, and `fuzz/corpus` is the smallest set that reaches what the search has reached.

mod coverage;
#[path = "../../fuzz/src/lines.rs"]
#[allow(unreachable_pub, reason = "a crate of its own over there")]
mod lines;
mod record;

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::process::{capture, run as run_program};
use crate::workspace::{Workspace, empty};
pub(crate) use coverage::run as coverage;
use record::Campaign;

const BUILD: &str =
    "build --release --locked --manifest-path fuzz/Cargo.toml --target host-tuple --target-dir";
/// Where the targets are listed, and the program that has them.
const LISTS: [(&str, &str); 2] = [
    ("fuzz/src/lib.rs", "fuzz"),
    ("fuzz/src/servers.rs", "servers"),
];
/// Longest input, in bytes.
const LONGEST: &str = "-max_len=4096";
const LIMITS: [&str; 4] = [
    "-timeout=10",
    "-rss_limit_mb=2048",
    LONGEST,
    "-print_final_stats=1",
];
const MEMORY: &str = "/dev/shm";
/// No target waits longer for its turn.
const TURN: Duration = Duration::from_mins(10);

/// A target, and what came of it.
struct Target {
    name: String,
    program: PathBuf,
    /// Its inputs, a file each.
    corpus: PathBuf,
    executions: u64,
    edges: u64,
    crashes: u64,
    kept: usize,
}

/// Searches for so many hours, shared by the targets, or by the one that is named.
pub(crate) fn run(workspace: &Workspace, hours: f64, name: &str) -> Result<()> {
    let campaign = Campaign::begin(workspace)?;
    let folder = workspace.target()?.join("fuzz");
    let programs = build(workspace, &folder)?;
    let mut targets = targets(workspace, &folder, &programs, name)?;
    let time = Duration::try_from_secs_f64(hours * 3600.0).context("so many hours are no time")?;
    let turn = time / u32::try_from(targets.len())?;
    let turns = turn.as_secs().div_ceil(TURN.as_secs()).max(1);
    let turn = (turn.as_secs() / turns).max(1);
    for _ in 0..turns {
        for target in &mut targets {
            target.search(turn)?;
        }
    }
    for target in &mut targets {
        target.minimise(workspace)?;
    }
    let names: Vec<String> = names(workspace)?
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    println!(
        "{}",
        campaign.record(workspace, &names, &targets, turn * turns)?
    );
    let crashes: u64 = targets.iter().map(|target| target.crashes).sum();
    ensure!(
        crashes == 0,
        "{crashes} inputs break a target: each is printed above, as a line for fuzz/seeds"
    );
    Ok(())
}

fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let mut build = workspace.cargo(BUILD);
    let instrumenting = workspace.path("fuzz/rustc.sh");
    run_program(build.arg(folder).env("RUSTC_WRAPPER", instrumenting))?;
    let said = capture(
        Command::new("rustc")
            .arg("-vV")
            .current_dir(workspace.root()),
    )?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not name its host")?;
    Ok(folder.join(host).join("release"))
}

fn targets(
    workspace: &Workspace,
    folder: &Path,
    programs: &Path,
    name: &str,
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for (own, program) in names(workspace)? {
        if name.is_empty() || name.split(',').any(|name| name == own) {
            targets.push(Target::new(workspace, folder, programs.join(program), own)?);
        }
    }
    ensure!(!targets.is_empty(), "there is no target `{name}`");
    Ok(targets)
}

/// Every target, with the program that has it.
fn names(workspace: &Workspace) -> Result<Vec<(String, &'static str)>> {
    let mut names = Vec::new();
    for (list, program) in LISTS {
        let text = workspace.read(list)?;
        let rows = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("(\""));
        names.extend(rows.filter_map(|row| Some((row.split_once('"')?.0.to_owned(), program))));
    }
    Ok(names)
}

impl Target {
    fn new(workspace: &Workspace, folder: &Path, program: PathBuf, name: String) -> Result<Self> {
        let corpus = folder.join("corpus").join(&name);
        fs::create_dir_all(&corpus)?;
        for kind in ["seeds", "corpus"] {
            let text = workspace.read(&format!("fuzz/{kind}/{name}.txt"))?;
            for input in lines::read(&text) {
                let mut digest = DefaultHasher::new();
                input.hash(&mut digest);
                fs::write(corpus.join(format!("{:016x}", digest.finish())), input)?;
            }
        }
        Ok(Self {
            name,
            program,
            corpus,
            executions: 0,
            edges: 0,
            crashes: 0,
            kept: 0,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("FUZZ_TARGET", &self.name).args(LIMITS);
        // Files of an input that lie in memory cost an eighth of the time.
        if Path::new(MEMORY).is_dir() {
            command.env("TMPDIR", MEMORY);
        }
        command
    }

    fn search(&mut self, seconds: u64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        // After a crash the rest of the time is for what else there is.
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let found = self.corpus.with_extension("crash-");
            let mut command = self.command();
            command
                .arg(format!("-max_total_time={}", left.as_secs().max(1)))
                .arg(format!("-artifact_prefix={}", found.display()))
                .arg(&self.corpus);
            let output = command
                .output()
                .with_context(|| self.program.display().to_string())?;
            let said = String::from_utf8_lossy(&output.stderr);
            let number = |before: &str| {
                let after = said.rsplit_once(before)?.1.trim_start();
                after.split_whitespace().next()?.parse::<u64>().ok()
            };
            self.executions += number("stat::number_of_executed_units:").unwrap_or(0);
            self.edges = number(" cov: ").unwrap_or(0).max(self.edges);
            if output.status.success() {
                break;
            }
            self.crashes += 1;
            eprintln!("{said}");
            let file = said
                .rsplit_once("Test unit written to ")
                .map(|(_, file)| file);
            let file = file.and_then(|file| file.lines().next());
            let input = fs::read(file.context("the program ended without an input")?)?;
            eprintln!("{} breaks by:\n{}", self.name, lines::line(&input));
        }
        eprintln!(
            "{}: {} executions, {} edges, {} crashes",
            self.name, self.executions, self.edges, self.crashes
        );
        Ok(())
    }

    /// Replaces the committed inputs by the fewest that reach all that is reached, without those written by hand.
    fn minimise(&mut self, workspace: &Workspace) -> Result<()> {
        let least = self.corpus.with_extension("least");
        empty(&least)?;
        let mut command = self.command();
        command
            .args(["-set_cover_merge=1", "-use_counters=0"])
            .arg(&least)
            .arg(&self.corpus);
        capture(&mut command)?;
        let seeds = workspace.read(&format!("fuzz/seeds/{}.txt", self.name))?;
        let seeds: BTreeSet<&str> = seeds.lines().collect();
        let mut found = BTreeSet::new();
        for file in fs::read_dir(&least)? {
            let line = lines::line(&fs::read(file?.path())?);
            if !line.is_empty() && !seeds.contains(&*line) {
                found.insert(line);
            }
        }
        self.kept = found.len();
        let text: String = found.into_iter().map(|line| line + "\n").collect();
        fs::write(
            workspace.path(&format!("fuzz/corpus/{}.txt", self.name)),
            text,
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_comes_back_from_its_line() {
        let every: Vec<u8> = (0..=255).collect();
        for input in [&every[..], b"", b"\\x", b"\\n\n", b"a\\xzz\\"] {
            let line = lines::line(input);
            assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            assert_eq!(lines::read(&format!("{line}\n")), [input]);
        }
        assert_eq!(lines::read("\\xzz\n\\"), [&b"\\xzz"[..], b"\\"]);
    }

    #[test]
    fn each_target_is_searched_and_replayed() {
        let workspace = Workspace::find().unwrap();
        let files = |folder: &str| -> BTreeSet<String> {
            let files = workspace.files(folder, &["txt"]).unwrap();
            let name = |file: &PathBuf| file.file_stem().unwrap().to_string_lossy().into_owned();
            files.iter().map(name).collect()
        };
        let rows = names(&workspace).unwrap().into_iter();
        let rows: BTreeSet<String> = rows.map(|(name, _)| name).collect();
        assert_eq!(files("fuzz/seeds"), rows);
        assert_eq!(files("fuzz/corpus"), rows);
        let tests = ["core", "client"].map(|name| {
            let tests = workspace.read(&format!("crates/{name}/tests/fuzz.rs"));
            tests.unwrap()
        });
        for name in rows {
            let call = format!("replay(\"{name}\",");
            assert!(tests.iter().any(|tests| tests.contains(&call)), "{name}");
        }
    }
}
