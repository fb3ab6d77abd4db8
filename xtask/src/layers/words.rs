//! Forbids words in the core's code that open files, wait, read clocks, draw random numbers or log.

use std::collections::BTreeMap;

use super::Breach;
use super::modules::Modules;
use crate::source::Path;

pub(super) fn check(modules: &Modules, forbidden: &BTreeMap<String, String>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for module in modules.values() {
        for (key, reason) in forbidden {
            let lines: Vec<usize> = if key.contains("::") {
                let named: Vec<&str> = key.split("::").collect();
                let paths = module.source.paths.iter();
                paths
                    .filter(|path| reaches(path, &named))
                    .map(|path| path.line)
                    .collect()
            } else {
                let words = module.source.words.iter();
                words
                    .filter(|(word, _)| word == key)
                    .map(|(_, line)| *line)
                    .collect()
            };
            breaches.extend(
                lines
                    .iter()
                    .map(|line| format!("{}:{line}: {key}: {reason}", module.file)),
            );
        }
    }
    breaches
}

/// Whether a path names the forbidden one or an item in it; `*` matches any word.
fn reaches(path: &Path, forbidden: &[&str]) -> bool {
    let mut own = path.segments.iter();
    for part in forbidden {
        match own.next() {
            Some(segment) if segment == "*" => return true,
            Some(segment) if segment == part => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::modules::Module;
    use super::*;
    use crate::source::Source;

    fn breaches(text: &str) -> Vec<String> {
        let source = Source::parse(text).unwrap();
        let modules = [(
            "a".to_owned(),
            Module {
                file: "a.rs".to_owned(),
                source,
            },
        )]
        .into();
        let forbidden = [
            ("std::fs", "no I/O"),
            ("tokio", "no runtime"),
            ("async", "no async"),
        ];
        check(
            &modules,
            &forbidden
                .map(|(key, why)| (key.to_owned(), why.to_owned()))
                .into(),
        )
    }

    #[test]
    fn a_path_is_found_however_it_is_written() {
        assert_eq!(breaches("\nuse std::fs;"), ["a.rs:2: std::fs: no I/O"]);
        for text in [
            "use std::fs::File;",
            "use std::{fs::{self}, fmt};",
            "use std::*;",
            "fn f() { std::fs::read(p); }",
            "use ::std::fs;",
        ] {
            assert_eq!(breaches(text).len(), 1, "{text}");
        }
        assert!(
            breaches("use std::fmt; use core::fs; use std::fsx; use crate::std_fs;").is_empty()
        );
    }

    #[test]
    fn a_word_is_found_anywhere_in_code_and_nowhere_else() {
        assert_eq!(breaches("async fn f() {}"), ["a.rs:1: async: no async"]);
        assert_eq!(breaches("use tokio::time;").len(), 1);
        assert_eq!(breaches("use x::{tokio as y};").len(), 1);
        assert_eq!(breaches("fn f() { g!(tokio::spawn()) }").len(), 1);
        assert!(breaches("// tokio\nconst A: &str = \"async\"; fn asynchronous() {}").is_empty());
        assert!(breaches("#[cfg(test)] mod tests { async fn f() {} use std::fs; }").is_empty());
    }
}
