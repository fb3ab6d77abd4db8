//! `cargo xtask wasm`: the addon as WebAssembly, for where it does not load natively.
//!
//! The standard library is compiled along, with unwinding: a panic is then a thrown error, as in the native addon, and no trap
//! that ends the instance. That takes the compiler's sources, and options of cargo that are not stable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::builds;
use crate::node::{self, FOLDER, Node};
use crate::process::{capture, run as run_program};
use crate::workspace::{Workspace, read};

const TARGET: &str = "wasm32-unknown-unknown";
/// Most bytes of the module, compressed with gzip: Workers allow 3 MB for a whole app.
const MOST_BYTES: usize = 600_000;
/// Exports that the module lacks: it has no threads, and checks no signatures.
const NATIVE_ALONE: [&str; 2] = ["checks", "verifiedClaims"];
/// A third of the time.
const UNOPTIMIZED: [(&str, &str); 3] = [
    ("CARGO_PROFILE_WASM_LTO", "off"),
    ("CARGO_PROFILE_WASM_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_WASM_OPT_LEVEL", "0"),
];
const GZIP: &str = "const { readFileSync } = require('fs');
    console.log(require('zlib').gzipSync(readFileSync(process.argv[1]), { level: 9 }).length)";

/// What a module is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shipped,
    /// Its exports can be made to panic.
    Faults,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if !has_sources(workspace) {
        return Ok(());
    }
    let (module, described) = build(workspace, Kind::Shipped)?;
    // What is built for tests alone says nothing of the size.
    if !workspace.is_unoptimized {
        weigh(workspace, &module)?;
    }
    builds::development(workspace)?;
    compare(
        &read(&workspace.exports())?,
        &read(&described.join("mastra-auth-cloud-node"))?,
    )
}

/// `cargo xtask wasm-tests`: the package's own tests on a module whose exports can be made to panic, which is never packed.
pub(crate) fn tests(workspace: &Workspace) -> Result<()> {
    if !has_sources(workspace) {
        return Ok(());
    }
    // Some tests load what ships.
    build(workspace, Kind::Shipped)?;
    build(workspace, Kind::Faults)?;
    node::on_wasm(workspace)
}

/// Builds the addon and the module whose exports can be made to panic, unless the suite has done so.
pub(crate) fn faults(workspace: &Workspace) -> Result<()> {
    if !workspace.is_built.get() {
        builds::development(workspace)?;
        if has_sources(workspace) {
            build(workspace, Kind::Faults)?;
        }
    }
    Ok(())
}

/// Builds a module and puts it where the package looks for it. Returns its place, and that of the description of its exports.
fn build(workspace: &Workspace, kind: Kind) -> Result<(PathBuf, PathBuf)> {
    let name = match kind {
        Kind::Shipped => "auth-cloud.wasm",
        Kind::Faults => "faults.wasm",
    };
    let target = workspace.target()?.to_path_buf();
    let (placed, described) = (target.join("wasm").join(name), target.join("wasm/exports"));
    fs::create_dir_all(&described)?;
    let mut build = workspace.cargo("rustc --profile wasm --package mastra-auth-cloud-node");
    build
        .args(["--target", TARGET, "-Zbuild-std=std,panic_unwind"])
        // Without backtraces, which a module cannot take.
        .arg("-Zbuild-std-features=optimize_for_size")
        // Short paths in the places of panics, and the same on every machine.
        .args(["-Ztrim-paths", "--config", "profile.wasm.trim-paths='all'"])
        .args((kind == Kind::Faults).then_some("--features=fault-injection"))
        .args(["--", "-Clink-arg=--export-table"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cpanic=unwind -Ctarget-feature=+simd128")
        .env("NAPI_TYPE_DEF_TMP_FOLDER", &described);
    if workspace.is_unoptimized {
        build.envs(UNOPTIMIZED);
    }
    if kind == Kind::Faults {
        // Cargo has one file for both kinds. Linked elsewhere, this one is never taken for what ships.
        build.arg(format!("--emit=link={}", placed.display()));
        run_program(&mut build)?;
    } else {
        run_program(&mut build)?;
        let built = target.join(TARGET).join("wasm/mastra_auth_cloud_node.wasm");
        fs::copy(&built, &placed).with_context(|| built.display().to_string())?;
    }
    let in_package = workspace.path(FOLDER).join("native").join(name);
    fs::create_dir_all(in_package.with_file_name(""))?;
    fs::copy(&placed, &in_package).with_context(|| in_package.display().to_string())?;
    Ok((placed, described))
}

/// Whether the compiler's sources are there; says so where they are not.
fn has_sources(workspace: &Workspace) -> bool {
    let found = sources(workspace);
    if let Err(error) = &found {
        println!("nothing was built: the compiler's sources are missing ({error:#})");
    }
    found.is_ok()
}

/// Has rustup fetch the sources of the pinned compiler, where they are missing.
fn sources(workspace: &Workspace) -> Result<()> {
    let mut compiler = Command::new("rustc");
    compiler.args(["--print", "sysroot"]);
    let root = capture(compiler.current_dir(workspace.root()))?;
    let library = Path::new(root.trim()).join("lib/rustlib/src/rust/library");
    if !library.is_dir() {
        let mut rustup = Command::new("rustup");
        rustup.args(["component", "add", "rust-src"]);
        capture(rustup.current_dir(workspace.root()))?;
    }
    Ok(())
}

/// Prints the module's size, and fails where it is too large.
fn weigh(workspace: &Workspace, module: &Path) -> Result<()> {
    let mut gzip = Command::new("node");
    gzip.args(["-e", GZIP]).arg(module);
    let node = Node::find(workspace)?;
    let gzip = capture(node.for_children_of(&mut gzip))?;
    let gzip: usize = gzip.trim().parse()?;
    let bytes = fs::metadata(module)?.len();
    let place = workspace.relative(module);
    println!("{place}: {bytes} bytes, {gzip} with gzip");
    ensure!(
        gzip <= MOST_BYTES,
        "the module has {gzip} bytes with gzip, {MOST_BYTES} at most"
    );
    Ok(())
}

/// Fails where the module's exports are not the addon's, but for those that are native alone.
fn compare(addon: &str, module: &str) -> Result<()> {
    let (addon, module) = (exports(addon)?, exports(module)?);
    let native: BTreeSet<_> = addon.difference(&module).collect();
    let foreign: BTreeSet<_> = module.difference(&addon).collect();
    let is_known = |export: &&String| NATIVE_ALONE.iter().any(|name| is_named(export, name));
    ensure!(
        foreign.is_empty() && native.iter().all(is_known),
        "the exports differ. In the addon alone: {native:?}. In the module alone: {foreign:?}"
    );
    ensure!(
        native.len() == NATIVE_ALONE.len(),
        "xtask/src/wasm.rs lists {NATIVE_ALONE:?} as native alone, and of these are: {native:?}"
    );
    println!("its {} exports are the addon's", module.len());
    Ok(())
}

fn is_named(export: &str, name: &str) -> bool {
    export.contains(&format!(" {name}("))
}

/// One line for each type and function, and for each member of a class, as napi-derive describes them.
fn exports(described: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for line in described.lines() {
        let export: Value = serde_json::from_str(line)?;
        let text = |key| export.get(key).and_then(Value::as_str).unwrap_or_default();
        let members = text("def").lines();
        // Comments say nothing of what there is.
        let members = members.filter(|line| !line.trim_start().starts_with(['/', '*']));
        let head = format!("{} {}:", text("kind"), text("name"));
        let members: Vec<_> = members
            .map(|line| format!("{head} {}", line.trim()))
            .collect();
        found.extend(if members.is_empty() {
            vec![head]
        } else {
            members
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: &str = r#"{"kind":"struct","name":"Engine","def":""}"#;
    const OPEN: &str = r#"{"kind":"fn","name":"open","def":"function open(a: string): Engine"}"#;
    const CHECKS: &str = r#"{"kind":"impl","name":"Engine","def":"/** Starts. */\n checks(): Promise<Step>[]\n facts(): Facts"}"#;
    const FACTS: &str =
        r#"{"kind":"impl","name":"Engine","def":"/** Others. */\n facts(): Facts"}"#;
    const CLAIMS: &str =
        r#"{"kind":"fn","name":"verifiedClaims","def":"function verifiedClaims(): Claims"}"#;

    #[test]
    fn exports_are_compared_but_for_those_that_are_native_alone() {
        let addon = [CLASS, OPEN, CHECKS, CLAIMS].join("\n");
        let module = [CLASS, OPEN, FACTS].join("\n");
        assert!(
            compare(&addon, &module).is_ok(),
            "{:?}",
            compare(&addon, &module)
        );
        assert!(
            compare(&addon, &[CLASS, FACTS].join("\n")).is_err(),
            "one is missing"
        );
        let other = OPEN.replace("string", "number");
        assert!(compare(&addon, &[CLASS, &other, FACTS].join("\n")).is_err());
        assert!(
            compare(&addon, &addon).is_err(),
            "the list names what is there"
        );
    }
}
