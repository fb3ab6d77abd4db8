//! `http compare OLD`: this checkout and another, measured in turns within one process tree.
//!
//! Each side runs the programs of its own `benches/` and `npm/auth-cloud/bench`; rows are compared by name. Whole programs
//! take turns. Servers take turns second by second, both beside the same open server. Ratios are taken between neighbours.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use mastra_auth_benches::cloud::SignedIn;
use mastra_auth_benches::report::{Bound, Table};
use mastra_auth_benches::rounds::{median, paired};
use serde_json::{Value, json};

use crate::load::{Server, measured};
use crate::{NODE_OPEN, NODE_SERVER, OPEN};

/// How often each program runs.
const RUNS: usize = 5;
const ROUNDS: usize = 21;
const LOADS: usize = 21;
const COLUMNS: [&str; 5] = [
    "µs, unless it says",
    "old",
    "new",
    "new/old",
    "least to most",
];
/// The rows that are compared, by a part of their name.
const ROWS: [&str; 4] = ["ours", OWN, "the signature alone", "fast-jwt"];
const OWN: &str = "@mastra/auth-cloud";
const CRYPTO: &str = "node:crypto, main thread";
const LOADED: &str = "addon, ms to load";
const SIZE: &str = "addon without symbols, MB";
/// Loads the addon in a new process, and prints the milliseconds.
const LOAD: &str = "const begun = performance.now(); require(process.argv[1]); console.log(performance.now() - begun)";
const BUILD: &str = "build --release --locked --bins --manifest-path benches/Cargo.toml --target-dir target/benches";

/// A checkout, and where its programs and its addon are.
struct Checkout {
    root: PathBuf,
    programs: PathBuf,
    addon: PathBuf,
}

/// What the old side and the new one found for a row, in turns.
#[derive(Default)]
struct Found(BTreeMap<String, [Vec<f64>; 2]>);

/// Builds the other checkout and measures both. xtask has built this one.
pub(crate) fn table(old: &Path, someone: &SignedIn) -> Result<Table> {
    let old = old.canonicalize().context("there is no such checkout")?;
    // The second command also measures, which warms up.
    for arguments in [BUILD, "xtask bench node --json"] {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments.split(' ')).current_dir(&old);
        cargo
            .env("CARGO_TARGET_DIR", old.join("target"))
            // Cargo set it for this checkout; the other one has its own, or none.
            .env_remove("AWS_LC_SYS_CFLAGS_x86_64_unknown_linux_gnu")
            .stdout(Stdio::null());
        let is_built = cargo.status()?.success();
        ensure!(is_built, "cargo {arguments} fails in {}", old.display());
    }
    let itself = env::current_exe()?;
    let own = itself.parent().context("this program is nowhere")?;
    let sides = [
        Checkout::new(&old, &old.join("target/benches/release"))?,
        Checkout::new(&env::current_dir()?, own)?,
    ];
    let mut found = Found::default();
    for run in 1..=RUNS {
        for (side, checkout) in sides.iter().enumerate() {
            eprintln!("run {run} of {RUNS}, {}", checkout.root.display());
            let rust = Command::new(checkout.programs.join("rust"));
            found.run(side, "Rust", rust, &checkout.root)?;
            let mut node = Command::new("npm");
            node.args(["run", "--silent", "bench", "--"]);
            found.run(side, "Node", node, &checkout.root.join("npm/auth-cloud"))?;
        }
    }
    found.serve(&sides, someone)?;
    found.load(&sides)?;
    Ok(found.table())
}

impl Checkout {
    /// The addon is a copy without symbols, as it is published.
    fn new(root: &Path, programs: &Path) -> Result<Self> {
        // The newest: one of another name may be left over from an earlier commit.
        let files = fs::read_dir(root.join("npm/auth-cloud/native"))?.flatten();
        let built = files.map(|file| file.path());
        let built = built.max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
        let built = built.context("there is no addon")?;
        let addon = programs.join("stripped.node");
        let strip = Command::new("strip")
            .arg("-o")
            .arg(&addon)
            .arg(&built)
            .status();
        ensure!(strip.context("strip is missing")?.success(), "strip fails");
        Ok(Self {
            root: root.to_owned(),
            programs: programs.to_owned(),
            addon,
        })
    }
}

impl Found {
    fn add(&mut self, name: impl Into<String>, side: usize, value: f64) {
        self.0.entry(name.into()).or_default()[side].push(value);
    }

    /// Runs a program, whose last line is JSON. A row is named by what stands before the first comma of its table's title.
    fn run(&mut self, side: usize, kind: &str, mut program: Command, folder: &Path) -> Result<()> {
        program
            .arg("--json")
            .current_dir(folder)
            .stderr(Stdio::inherit());
        let output = program.output()?;
        ensure!(output.status.success(), "{program:?} fails");
        let text = String::from_utf8(output.stdout)?;
        let report: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
        for table in report["tables"].as_array().context("there are no tables")? {
            let title = table["title"].as_str().context("a table has no title")?;
            let title = title.split(',').next().unwrap_or_default();
            // As older checkouts call it.
            let title = title.replace("somebody who is known", "a known user");
            for row in table["rows"].as_array().context("a table has no rows")? {
                let name = row["name"].as_str().context("a row has no name")?;
                if name == CRYPTO || ROWS.iter().any(|wanted| name.contains(wanted)) {
                    let median = row["median_us"].as_f64().context("a row has no median")?;
                    self.add(format!("{kind}, {title}: {name}"), side, median);
                }
            }
        }
        Ok(())
    }

    /// One open server of each kind, and the protected ones of both sides.
    fn serve(&mut self, sides: &[Checkout; 2], someone: &SignedIn) -> Result<()> {
        let rust = |name, side: usize, served| {
            let program = sides[side].programs.join("http");
            Server::start(name, program, &["serve", served], someone)
        };
        let node = |name, side: usize, served| {
            let script = sides[side].root.join(NODE_SERVER);
            Server::start(name, "node", &[&script.to_string_lossy(), served], someone)
        };
        let servers = [
            rust(OPEN, 1, "open")?,
            rust("axum, old", 0, "required")?,
            rust("axum, new", 1, "required")?,
            node(NODE_OPEN, 1, "open")?,
            node("node:http, old", 0, "ours")?,
            node("node:http, new", 1, "ours")?,
        ];
        let [seen, spent] = measured(&servers, ROUNDS)?;
        for (rounds, what) in [
            (seen, "protected/open"),
            (spent, "processor time, protected/open"),
        ] {
            for (kind, open) in [("axum", OPEN), ("node:http", NODE_OPEN)] {
                for (side, age) in ["old", "new"].iter().enumerate() {
                    let own = rounds.of(&format!("{kind}, {age}"));
                    for (own, open) in own.iter().zip(rounds.of(open)) {
                        self.add(format!("{kind}: speed {what}"), side, open / own);
                    }
                }
            }
        }
        Ok(())
    }

    fn load(&mut self, sides: &[Checkout; 2]) -> Result<()> {
        for _ in 0..LOADS {
            for (side, Checkout { addon, .. }) in sides.iter().enumerate() {
                let output = Command::new("node")
                    .args(["-e", LOAD])
                    .arg(addon)
                    .output()?;
                let time = String::from_utf8(output.stdout)?;
                let time = time.trim().parse().context("the addon does not load")?;
                self.add(LOADED, side, time);
                self.add(SIZE, side, fs::metadata(addon)?.len() as f64 / 1e6);
            }
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let row = |(name, [old, new]): (&String, &[Vec<f64>; 2])| {
            let ratios: Vec<_> = new.iter().zip(old).map(|(new, old)| new / old).collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            let [old, new, ratio] = [old, new, &ratios].map(|all| median(all.iter().copied()));
            json!([name, old, new, ratio, format!("{least:.3} to {most:.3}")])
        };
        // A row of one side alone compares nothing.
        let is_of_both = |(_, sides): &(&String, &[Vec<f64>; 2])| !sides.iter().any(Vec::is_empty);
        let rows = self.0.iter().filter(is_of_both).map(row).collect();
        let table = Table::of("both sides in turns", COLUMNS.into(), rows);
        let goals = self.goals().into_iter();
        goals.fold(table, |table, (name, bound, found)| {
            table.goal(name, bound, found)
        })
    }

    fn goals(&self) -> Vec<(String, Bound, f64)> {
        let side = |name: &str, side: usize| self.0.get(name).map_or(&[][..], |row| &row[side]);
        let divided = |one: &[f64], other: &[f64]| paired(one, other, |one, other| one / other);
        let to_old = |name: &str| divided(side(name, 1), side(name, 0));
        let mut goals = vec![];
        let mut goal = |name: &str, bound, found| goals.push((name.to_owned(), bound, found));
        for algorithm in ["HS256", "RS256", "ES256", "EdDSA"] {
            let rust = |row| side(&format!("Rust, {algorithm}: {row}"), 1);
            let node = |row| side(&format!("Node, {algorithm}: {row}"), 1);
            let excess = |own, raw| paired(own, raw, |own, raw| own - raw);
            let raw = rust("aws-lc-rs, the signature alone");
            let name = format!("Rust, {algorithm}: µs over the signature alone");
            goal(&name, Bound::AtMost(1.0), excess(rust("ours"), raw));
            let (own, crypto) = (node(OWN), node(CRYPTO));
            let name = format!("Node, {algorithm}: times as fast as fast-jwt");
            goal(&name, Bound::AtLeast(1.0), divided(node("fast-jwt"), own));
            match algorithm {
                "HS256" => {
                    let name = "Node, HS256: µs over node:crypto";
                    goal(name, Bound::AtMost(10.0), excess(own, crypto));
                    let faster = 1.0 / to_old(&format!("Node, HS256: {OWN}"));
                    goal(
                        "Node, HS256: times as fast as old",
                        Bound::AtLeast(1.8),
                        faster,
                    );
                }
                "ES256" => {}
                _ => {
                    let name = format!("Node, {algorithm}: in terms of node:crypto");
                    goal(&name, Bound::AtMost(1.1), divided(own, crypto));
                }
            }
        }
        for (kind, least) in [("axum", 0.96), ("node:http", 0.95)] {
            let name = format!("{kind}: speed protected/open");
            let found = median(side(&name, 1).iter().copied());
            goal(&name, Bound::AtLeast(least), found);
        }
        for (kind, row) in [
            ("Rust", "ours, MastraCloudAuth"),
            ("Node", "@mastra/auth-cloud, warm"),
        ] {
            let found = to_old(&format!("{kind}, warm identity: {row}"));
            goal(
                &format!("{kind}, warm, in terms of old"),
                Bound::AtMost(1.02),
                found,
            );
        }
        goal(
            SIZE,
            Bound::AtMost(3.5),
            median(side(SIZE, 1).iter().copied()),
        );
        goal(
            "addon, time to load in terms of old",
            Bound::AtMost(1.0),
            to_old(LOADED),
        );
        goals
    }
}
