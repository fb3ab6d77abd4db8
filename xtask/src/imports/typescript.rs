//! Imports between files of TypeScript and JavaScript.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::{Import, Module, Modules};
use crate::workspace::{Workspace, read};

/// What stands before the file's name in quotes; types count like values.
const BEFORE: [&str; 4] = [" from '", "import '", "import('", "require('"];
/// The ending of a source by that of its import.
const ENDINGS: [(&str, &[&str]); 3] = [
    ("js", &["ts", "js"]),
    ("cjs", &["cts", "cjs"]),
    ("mjs", &["mts", "mjs"]),
];

/// The files of a folder, each by its path in the repository.
pub(crate) fn typescript(workspace: &Workspace, folder: &str) -> Result<Modules> {
    let mut files = BTreeMap::new();
    for path in workspace.files(folder, &["ts", "cts", "mts", "mjs", "cjs", "js"])? {
        files.insert(workspace.relative(&path), read(&path)?);
    }
    let mut modules = Modules::new();
    for (file, text) in &files {
        let mut imports = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            for path in imported(text) {
                let to = resolve(file, path, &files);
                imports.extend(to.map(|to| Import {
                    to,
                    line,
                    path: path.to_owned(),
                }));
            }
        }
        modules.insert(
            file.clone(),
            Module {
                file: file.clone(),
                imports,
            },
        );
    }
    Ok(modules)
}

/// The relative imports of a line.
fn imported(line: &str) -> Vec<&str> {
    let line = line.split(" // ").next().unwrap_or(line);
    let starts = BEFORE
        .iter()
        .flat_map(|before| line.match_indices(before).map(|(at, _)| at + before.len()));
    let paths = starts.filter_map(|start| line.get(start..)?.split('\'').next());
    paths.filter(|path| path.starts_with('.')).collect()
}

fn resolve(from: &str, path: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let mut whole = PathBuf::new();
    for part in Path::new(from).parent()?.join(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    let ending = whole.extension()?.to_str()?.to_owned();
    let (_, sources) = ENDINGS.iter().find(|(one, _)| *one == ending)?;
    let names = sources.iter().map(|source| whole.with_extension(source));
    let names = names.map(|name| name.to_string_lossy().replace('\\', "/"));
    names.into_iter().find(|name| files.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_leads_to_the_source() {
        let files = ["a/b.ts", "a/c/d.cts", "a/e.mjs"].map(|file| (file.to_owned(), String::new()));
        let files = files.into();
        for (from, path, to) in [
            ("a/x.ts", "./b.js", Some("a/b.ts")),
            ("a/c/x.ts", "../b.js", Some("a/b.ts")),
            ("a/x.ts", "./c/d.cjs", Some("a/c/d.cts")),
            ("a/x.mjs", "./e.mjs", Some("a/e.mjs")),
            ("a/x.ts", "./gone.js", None),
        ] {
            assert_eq!(resolve(from, path, &files).as_deref(), to, "{from} {path}");
        }
    }

    #[test]
    fn every_kind_of_import_is_seen_and_no_package() {
        for line in [
            "import { a } from './b.js';",
            "export type * from './b.js';",
            "import './b.js';",
            "const b = await import('./b.js');",
            "import b = require('./b.js');",
        ] {
            assert_eq!(imported(line), ["./b.js"], "{line}");
        }
        assert!(imported("import { a } from 'redis'; // and from './b.js'").is_empty());
    }
}
