//! Which files of a crate name which others.
//!
//! Reads text, not types: paths that begin with `crate` or `super`, in code above `#[cfg(test)]`, which stands last. A re-exported name counts as a name of the module that exports it. What a module takes from its own folder need not
//! be found: the two are one unit.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::workspace::{Workspace, read};

/// A folder's modules by name: `cookie/parse`, or the empty name for the crate's root. Files of tests are left out.
pub(super) struct Modules {
    pub(super) files: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
}

/// That one module names another, and where: file, line and path.
pub(super) struct Import {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) place: String,
}

/// The modules of a crate, by its source folder.
pub(super) fn of(workspace: &Workspace, folder: &str) -> Result<Modules> {
    let mut sources = Vec::new();
    let base = workspace.path(folder);
    for path in workspace.files(folder, &["rs"])? {
        let name = module_name(path.strip_prefix(&base)?);
        // Programs have a row of their own.
        if !is_of_tests(&name) && !name.starts_with("bin/") {
            sources.push((name, workspace.relative(&path), read(&path)?));
        }
    }
    let files: BTreeSet<String> = sources.iter().map(|(name, ..)| name.clone()).collect();
    let mut imports = Vec::new();
    for (from, shown, text) in sources {
        let (_, tests) = text.split_once("\n#[cfg(test)]").unwrap_or_default();
        let is_item = |line: &str| {
            ["use ", "pub", "fn ", "impl"]
                .iter()
                .any(|item| line.starts_with(item))
        };
        let is_code = tests
            .lines()
            .any(|line| is_item(line) && !line.contains("mod "));
        ensure!(!is_code, "{shown}: code stands behind the tests");
        for (line, path) in paths(&text) {
            let place = format!("{shown}:{line}: {path}");
            ensure!(
                !path.ends_with("::{"),
                "{place}: name each module in a `use` of its own"
            );
            let to = resolve(&path, &from, &files).filter(|to| *to != from);
            imports.extend(to.map(|to| Import {
                from: from.clone(),
                to,
                place,
            }));
        }
    }
    Ok(Modules { files, imports })
}

fn module_name(path: &Path) -> String {
    let name = path
        .with_extension("")
        .display()
        .to_string()
        .replace('\\', "/");
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
    if ["lib", "main", "mod"].contains(&file) {
        folder.to_owned()
    } else {
        name
    }
}

/// Test modules in files of their own have such names, and `interleavings` is one for `cargo xtask model`.
fn is_of_tests(name: &str) -> bool {
    let is_named =
        |part: &str| part == "tests" || part == "interleavings" || part.ends_with("_tests");
    name.split('/').any(is_named)
}

/// The module of this crate that a path leads to: the longest beginning that is a file, where the rest names items in it.
fn resolve(path: &str, from: &str, files: &BTreeSet<String>) -> Option<String> {
    let mut at: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    for word in path.split("::") {
        match word {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            word => at.push(word),
        }
    }
    while !files.contains(&at.join("/")) {
        at.pop()?;
    }
    Some(at.join("/"))
}

/// Every path in the code that begins with `crate` or `super`, with its line. For the braces of a `use`, one for each name in
/// them, or one that ends with a brace where there are more braces inside.
fn paths(text: &str) -> Vec<(usize, String)> {
    let is_end = |mark: char| !mark.is_alphanumeric() && !"_:".contains(mark);
    let (mut found, mut prefix) = (Vec::new(), String::new());
    let lines = (1..).zip(text.lines());
    for (line, text) in lines.take_while(|(_, text)| !text.starts_with("#[cfg(test)]")) {
        let code = text.split("//").next().unwrap_or_default();
        for word in code.split_inclusive(is_end) {
            let path = word.trim_end_matches(|mark| is_end(mark) && mark != '{');
            let is_ours = path.starts_with("crate::") || path.starts_with("super::");
            let is_tree = path.ends_with("::{");
            if is_ours && is_tree && prefix.is_empty() {
                prefix += path.trim_end_matches('{');
            } else if is_ours || (!prefix.is_empty() && !path.is_empty()) {
                found.push((line, format!("{prefix}{path}")));
            }
            if word.ends_with(['}', ';']) {
                prefix.clear();
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_a_file_names() {
        let files = ["", "a", "a/b", "a/b/c", "d"].map(str::to_owned).into();
        for (from, text, wanted) in [
            ("a/b", "use super::Name;", "1a"),
            ("a/b", "use super::super::d;", "1d"),
            (
                "a",
                "pub(crate) use crate::{\n    d, a,\n    Name as B,\n};\nuse crate::a::b::{Name, c::*};\nlet d = 1;",
                "2d 2a 3 5a/b 5a/b/c",
            ),
            (
                "a",
                "fn f() {\n let x: crate::d::Call<crate::a::b::Id> = <A as super::d::C>::d();\n}",
                "2d 2a/b 2d",
            ),
            ("a", "f!(\"{}\", crate::d::b(), c)", "1d"),
            (
                "a",
                "use std::{b::X, c}; use serde::a::Y; fn f() { match d { e: f } }",
                "",
            ),
            (
                "a",
                "// use crate::d;\n/// [`crate::d`]\nfn f() {}\n#[cfg(test)]\nmod tests {\n use crate::d;\n}",
                "",
            ),
        ] {
            let mut found = Vec::new();
            for (line, path) in paths(text) {
                found.extend(resolve(&path, from, &files).map(|to| format!("{line}{to}")));
            }
            found.dedup();
            assert_eq!(found.join(" "), wanted, "{text}");
        }
        let nested = paths("use crate::{a::{b, c}, d};");
        assert!(
            nested.iter().any(|(_, path)| path.ends_with("::{")),
            "{nested:?}"
        );
    }

    #[test]
    fn names() {
        assert_eq!(
            ["lib.rs", "d/mod.rs", "a/b.rs"].map(|path| module_name(Path::new(path))),
            ["", "d", "a/b"]
        );
        assert!(
            ["a/tests", "a_tests", "a/tests/b"]
                .into_iter()
                .all(is_of_tests)
        );
        assert!(!is_of_tests("contests"));
    }
}
