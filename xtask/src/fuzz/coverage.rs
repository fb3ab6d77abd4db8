//! `cargo xtask fuzz --coverage`: which lines of the core the committed inputs reach, in each reader and in each of its modules.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process::{capture, run as run_program};
use crate::workspace::{Workspace, empty};

const BUILD: &str =
    "test --no-run --quiet --package mastra-auth-cloud-core --test fuzz --target-dir";

/// What reads bytes of strangers, and its files below `crates/core/src`.
#[rustfmt::skip]
const READERS: [(&str, &[&str]); 13] = [
    ("addresses", &["url/", "url.rs"]),
    ("answers: the three dialects' envelopes and problems", &["cloud/envelope.rs", "cloud/answer.rs"]),
    ("answers: what each operation reads", &["cloud/model.rs", "cloud/ops/destroy", "cloud/ops/exchange", "cloud/ops/key_set", "cloud/ops/refresh", "cloud/ops/user", "cloud/ops/v"]),
    ("callback: its query and its state", &["login/parameters.rs", "login/state.rs"]),
    ("claims", &["jwt/claims.rs", "unverified.rs"]),
    ("cookies: sessions", &["cookie/"]),
    ("cookies: sign-ins", &["login/cookie.rs"]),
    ("credentials of a request", &["flow/authenticate/credentials.rs"]),
    ("JSON", &["json.rs", "json/"]),
    ("JWS", &["jwt.rs", "jwt/algorithm.rs", "jwt/compact.rs", "jwt/header.rs", "jwt/host.rs"]),
    ("key sets", &["jwt/jwk.rs", "jwt/key.rs", "jwt/key_set.rs", "jwt/known_key.rs", "jwt/rsa.rs"]),
    ("permissions and roles", &["rbac/"]),
    ("revocations", &["revocation/message.rs", "revocation/redis.rs", "revocation/wire.rs"]),
];
/// The least share of each, in percent.
const LEAST: u64 = 90;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target()?.join("fuzz/coverage");
    let tools = capture(
        Command::new("rustc")
            .args(["--print", "target-libdir"])
            .current_dir(workspace.root()),
    )?;
    let tools = std::path::Path::new(tools.trim()).with_file_name("bin");
    let tool = |name: &str| Command::new(tools.join(name));
    ensure!(
        tools.join("llvm-cov").is_file(),
        "`rustup component add llvm-tools` installs llvm-cov"
    );
    let cargo = || {
        let mut cargo = workspace.cargo(BUILD);
        cargo.arg(&folder).env("RUSTFLAGS", "-Cinstrument-coverage");
        // What runs during the build is instrumented too.
        cargo.env("LLVM_PROFILE_FILE", folder.join("build-%m.profraw"));
        cargo
    };
    run_program(&mut cargo())?;
    let messages = capture(cargo().arg("--message-format=json"))?;
    let tests = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(message.get("executable")?.as_str()?.to_owned()));
    let tests = tests.context("cargo names no test program")?;
    let profiles = folder.join("profiles");
    empty(&profiles)?;
    let profile = profiles.join("%p-%m.profraw");
    run_program(
        Command::new(&tests)
            .current_dir(workspace.path("crates/core"))
            .env("FUZZ_INPUTS_ALONE", "1")
            .env("LLVM_PROFILE_FILE", profile),
    )?;
    let merged = folder.join("all.profdata");
    let mut merge = tool("llvm-profdata");
    merge.args(["merge", "-sparse", "-o"]).arg(&merged);
    for file in fs::read_dir(&profiles)? {
        merge.arg(file?.path());
    }
    run_program(&mut merge)?;
    let mut export = tool("llvm-cov");
    export
        .args(["export", "-summary-only", "-instr-profile"])
        .arg(&merged);
    let report: Value = serde_json::from_str(&capture(export.arg(&tests))?)?;
    let files = report
        .pointer("/data/0/files")
        .and_then(Value::as_array)
        .context("llvm-cov names no files")?;
    let mut readers = READERS.map(|(name, files)| (name, files, Lines::default()));
    let mut modules = BTreeMap::<&str, Lines>::new();
    for file in files {
        let name = file.get("filename").and_then(Value::as_str);
        let name = name.and_then(|name| name.split_once("crates/core/src/"));
        let Some((_, name)) = name else {
            continue;
        };
        let module = name.split(['/', '.']).next().unwrap_or_default();
        for module in [module, "**all**"] {
            modules.entry(module).or_default().add(file);
        }
        for (_, files, lines) in &mut readers {
            if files.iter().any(|own| name.starts_with(own)) {
                lines.add(file);
            }
        }
    }
    let table = |what: &str, rows: Vec<Value>| json!({ "columns": [what, "lines", "reached", "%"], "rows": rows });
    let readers = readers.map(|(name, _, lines)| (name, lines));
    let rows = |all: &mut dyn Iterator<Item = (&str, Lines)>| {
        all.map(|(name, lines)| lines.row(name)).collect()
    };
    let tables = [
        table("reader", rows(&mut readers.into_iter())),
        table("module of the core", rows(&mut modules.into_iter())),
    ];
    println!("{}", json!({ "tables": tables }));
    let thin = readers.iter().filter(|(_, lines)| lines.percent() < LEAST);
    let thin: Vec<_> = thin.map(|(name, _)| *name).collect();
    ensure!(
        thin.is_empty(),
        "less than {LEAST} % of {}",
        thin.join(", ")
    );
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    fn add(&mut self, file: &Value) {
        self.count += number(file, "/summary/lines/count");
        self.covered += number(file, "/summary/lines/covered");
    }

    /// Nothing where there are none: a file may have another name now.
    fn percent(self) -> u64 {
        self.covered * 100 / self.count.max(1)
    }

    fn row(self, name: &str) -> Value {
        json!([name, self.count, self.covered, self.percent()])
    }
}

fn number(file: &Value, place: &str) -> u64 {
    file.pointer(place).and_then(Value::as_u64).unwrap_or(0)
}
