//! `xtask/supply.toml`: what the crates' packages hold, and which npm packages want to run a script at installation.
//!
//! `cargo xtask soak supply` also asks for known flaws of every lock file. Where a database cannot be reached it says so, and
//! fails for no reason but a flaw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::node::Node;
use crate::process::capture;
use crate::workspace::{Workspace, read};

const LIST: &str = "xtask/supply.toml";
/// The lock file of what users install.
const PUBLISHED: &str = "npm/auth-cloud/package-lock.json";
/// What cargo adds to each package.
const OF_CARGO: [&str; 4] = [
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Supply {
    crates: BTreeMap<String, Vec<String>>,
    scripts: BTreeMap<String, BTreeSet<String>>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let supply: Supply = toml::from_str(&workspace.read(LIST)?).context(LIST)?;
    let mut faults = Vec::new();
    for (name, allowed) in &supply.crates {
        let list =
            capture(&mut workspace.cargo(&format!("package --list --allow-dirty -p {name}")))?;
        let files: Vec<_> = list
            .lines()
            .filter(|file| !OF_CARGO.contains(file))
            .collect();
        println!("{name}: {} files", files.len());
        faults.extend(
            contents(&files, allowed)
                .into_iter()
                .map(|fault| format!("{name}: {fault}")),
        );
    }
    for path in locks(workspace, "package-lock.json")? {
        let file = workspace.relative(&path);
        let lock: Value =
            serde_json::from_str(&read(&path)?).context(path.display().to_string())?;
        let allowed = supply.scripts.get(&file).cloned().unwrap_or_default();
        let own = scripts(&lock, &allowed, file == PUBLISHED);
        faults.extend(own.into_iter().map(|fault| format!("{file}: {fault}")));
        println!(
            "{file}: {} packages, {} of them with a script",
            packages(&lock).count(),
            allowed.len()
        );
    }
    ensure!(
        faults.is_empty(),
        "{}\n{LIST} lists what is expected",
        faults.join("\n")
    );
    Ok(())
}

/// What stands in a package and is not allowed, or the other way round.
fn contents(files: &[&str], allowed: &[String]) -> Vec<String> {
    let fits = |file: &str, pattern: &str| match pattern.split_once('*') {
        Some((start, end)) => file
            .strip_prefix(start)
            .is_some_and(|rest| rest.ends_with(end)),
        None => file == pattern,
    };
    let extra = files
        .iter()
        .filter(|file| !allowed.iter().any(|pattern| fits(file, pattern)));
    let missing = allowed
        .iter()
        .filter(|pattern| !files.iter().any(|file| fits(file, pattern)));
    let extra = extra.map(|file| format!("{file} is in the package"));
    extra
        .chain(missing.map(|pattern| format!("{pattern} is not in the package")))
        .collect()
}

/// Packages of a lock file, each with its name.
fn packages(lock: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let all = lock["packages"].as_object().into_iter().flatten();
    all.filter_map(|(place, package)| Some((place.rsplit_once("node_modules/")?.1, package)))
}

/// Which packages want to run a script and may not, or the other way round. Of what is published, users get no other package.
fn scripts(lock: &Value, allowed: &BTreeSet<String>, is_published: bool) -> Vec<String> {
    let has = |package: &Value, member: &str| package[member] == true;
    let wanting = packages(lock).filter(|(_, package)| has(package, "hasInstallScript"));
    let wanting: BTreeSet<_> = wanting.map(|(name, _)| name.to_owned()).collect();
    let new = wanting
        .difference(allowed)
        .map(|name| format!("{name} wants to run a script"));
    let old = allowed
        .difference(&wanting)
        .map(|name| format!("{name} wants to run no script"));
    let reaches_users = |package: &Value| {
        !["dev", "devOptional", "peer"]
            .iter()
            .any(|kind| has(package, kind))
    };
    let users = packages(lock).filter(|(_, package)| is_published && reaches_users(package));
    let users = users.map(|(name, _)| format!("{name} would be installed with the product"));
    new.chain(old).chain(users).collect()
}

fn locks(workspace: &Workspace, name: &str) -> Result<Vec<std::path::PathBuf>> {
    let mut files = workspace.files("", &["json", "lock"])?;
    files.retain(|file| file.file_name().is_some_and(|own| own == name));
    Ok(files)
}

/// What came of a look for known flaws.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    None(String),
    Flaws(String),
    NotChecked(String),
}

/// `cargo xtask soak supply`: the check, and known flaws in each lock file.
pub(crate) fn audit(workspace: &Workspace) -> Result<()> {
    run(workspace)?;
    println!();
    let mut flaws = Vec::new();
    let mut tell = |what: String, found: Found| match found {
        Found::None(says) => println!("{what}: passed ({says})"),
        Found::NotChecked(why) => println!("{what}: NOT checked: {why}"),
        Found::Flaws(says) => {
            println!("{what}: {says}");
            flaws.push(what);
        }
    };
    let deny = "deny --all-features check";
    tell(
        "licences, bans and sources, by cargo-deny".to_owned(),
        of_cargo(workspace, "deny", &format!("{deny} licenses bans sources")),
    );
    tell(
        "Cargo.lock, by cargo-deny".to_owned(),
        of_cargo(workspace, "deny", &format!("{deny} advisories")),
    );
    for path in locks(workspace, "Cargo.lock")? {
        let file = workspace.relative(&path);
        let found = of_cargo(workspace, "audit", &format!("audit --file {file}"));
        tell(format!("{file}, by cargo-audit"), found);
    }
    let node = Node::find(workspace)?;
    for path in locks(workspace, "package-lock.json")? {
        let mut npm = node.npm(path.parent().unwrap_or(Path::new(".")));
        npm.args(["audit", "--json", "--package-lock-only"]);
        tell(
            format!("{}, by npm audit", workspace.relative(&path)),
            of_npm(&mut npm),
        );
    }
    ensure!(flaws.is_empty(), "known flaws: {}", flaws.join("; "));
    Ok(())
}

fn of_cargo(workspace: &Workspace, tool: &str, words: &str) -> Found {
    if !workspace.has_cargo(tool) {
        return Found::NotChecked(format!(
            "cargo-{tool} is not installed (`cargo install --locked cargo-{tool}`)"
        ));
    }
    match workspace.cargo(words).output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            of_cargo_output(&String::from_utf8_lossy(&said), output.status.success())
        }
        Err(error) => Found::NotChecked(error.to_string()),
    }
}

fn of_cargo_output(said: &str, is_success: bool) -> Found {
    let says = |words: &str| {
        said.lines()
            .find(|line| line.contains(words))
            .map(|line| line.trim().to_owned())
    };
    let unreachable = [
        "failed to fetch advisory database",
        "couldn't fetch advisory database",
    ];
    if !is_success && unreachable.iter().any(|words| said.contains(words)) {
        return Found::NotChecked(
            "the database (github.com/RustSec/advisory-db) cannot be reached".to_owned(),
        );
    }
    if is_success {
        return Found::None(says("Loaded").or(says(" ok")).unwrap_or_default());
    }
    Found::Flaws(says("error").unwrap_or_else(|| said.trim().to_owned()))
}

fn of_npm(npm: &mut Command) -> Found {
    match npm.output() {
        Ok(output) => of_npm_answer(&output.stdout),
        Err(error) => Found::NotChecked(error.to_string()),
    }
}

fn of_npm_answer(answer: &[u8]) -> Found {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let total = |of: &str| answer.pointer(&format!("/metadata/{of}/total"))?.as_u64();
    match total("vulnerabilities") {
        Some(0) => Found::None(format!("{} packages", total("dependencies").unwrap_or(0))),
        Some(count) => Found::Flaws(format!("{count} packages with known flaws")),
        None => {
            let why = answer.get("message").and_then(Value::as_str);
            let why = why.unwrap_or("npm gives no answer").split(" - ").next();
            let why = why.unwrap_or_default();
            Found::NotChecked(format!("the registry has no list of flaws ({why})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_package_holds_what_is_listed_and_nothing_else() {
        let allowed = ["README.md", "src/*.rs"].map(str::to_owned);
        assert!(contents(&["README.md", "src/a.rs", "src/b/c.rs"], &allowed).is_empty());
        let found = contents(&["README.md", "src/.env", "srcs/a.rs"], &allowed);
        let wanted = [
            "src/.env is in the package",
            "srcs/a.rs is in the package",
            "src/*.rs is not in the package",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn threat_109_no_package_that_a_user_gets_can_run_a_script() {
        let lock = |package: Value| json!({ "packages": { "": {}, "node_modules/a/node_modules/@b/c": package } });
        let none = BTreeSet::new();
        let c = BTreeSet::from(["@b/c".to_owned()]);
        let script = lock(json!({ "dev": true, "hasInstallScript": true }));
        assert_eq!(
            scripts(&script, &none, true),
            ["@b/c wants to run a script"]
        );
        assert!(scripts(&script, &c, true).is_empty());
        assert_eq!(
            scripts(&lock(json!({ "dev": true })), &c, true),
            ["@b/c wants to run no script"]
        );
        let users = lock(json!({}));
        assert_eq!(
            scripts(&users, &none, true),
            ["@b/c would be installed with the product"]
        );
        assert!(scripts(&users, &none, false).is_empty());
    }

    /// A malicious release is usually found within days.
    #[test]
    fn threat_110_a_new_version_waits_a_week_in_every_lock_file() {
        let workspace = Workspace::find().unwrap();
        let text = workspace.read(".github/dependabot.yml").unwrap();
        let settings: Value = serde_saphyr::from_str(&text).unwrap();
        let mut waiting = BTreeSet::new();
        for update in settings["updates"].as_array().unwrap() {
            assert!(
                update["cooldown"]["default-days"].as_u64().unwrap() >= 7,
                "{update}"
            );
            assert!(update.get("ignore").is_none(), "{update}");
            let kind = update["package-ecosystem"].as_str().unwrap();
            let folders = update["directories"].as_array().cloned();
            let folders = folders.unwrap_or_else(|| vec![update["directory"].clone()]);
            waiting.extend(
                folders
                    .iter()
                    .map(|folder| format!("{kind} {}", folder.as_str().unwrap())),
            );
        }
        let mut wanted = BTreeSet::from(["github-actions /".to_owned()]);
        for (kind, name) in [("cargo", "Cargo.lock"), ("npm", "package-lock.json")] {
            for lock in locks(&workspace, name).unwrap() {
                let folder = workspace.relative(lock.parent().unwrap());
                wanted.insert(format!("{kind} /{folder}"));
            }
        }
        for file in workspace.files("", &["txt"]).unwrap() {
            if file.ends_with("requirements.txt") {
                let folder = workspace.relative(file.parent().unwrap());
                wanted.insert(format!("pip /{folder}"));
            }
        }
        assert_eq!(waiting, wanted);
    }

    #[test]
    fn what_could_not_be_checked_is_told_apart_from_what_has_no_flaw() {
        let unreachable = "error: couldn't fetch advisory database: git operation failed";
        assert!(matches!(
            of_cargo_output(unreachable, false),
            Found::NotChecked(_)
        ));
        let loaded = "    Loaded 900 security advisories (from /db)\n    Scanning Cargo.lock";
        assert_eq!(
            of_cargo_output(loaded, true),
            Found::None("Loaded 900 security advisories (from /db)".to_owned())
        );
        let flaw = "Crate: a\nerror: 1 vulnerability found!";
        assert_eq!(
            of_cargo_output(flaw, false),
            Found::Flaws("error: 1 vulnerability found!".to_owned())
        );
        let answer = |total: u64| {
            json!({ "metadata": { "vulnerabilities": { "total": total }, "dependencies": { "total": 9 } } }).to_string()
        };
        assert_eq!(
            of_npm_answer(answer(0).as_bytes()),
            Found::None("9 packages".to_owned())
        );
        assert!(matches!(
            of_npm_answer(answer(2).as_bytes()),
            Found::Flaws(_)
        ));
        assert!(matches!(
            of_npm_answer(b"{\"message\":\"405 Method Not Allowed - POST https://registry\"}"),
            Found::NotChecked(_)
        ));
        assert!(matches!(of_npm_answer(b"<html>"), Found::NotChecked(_)));
    }
}
