//! Small files, and what each names.

use super::*;

fn paths(text: &str) -> Vec<(String, usize)> {
    let mut source = Source::default();
    source.parse(text).unwrap();
    let paths = source.paths.iter();
    paths
        .map(|path| (path.segments.join("::"), path.line))
        .collect()
}

#[track_caller]
fn names(text: &str, wanted: &[(&str, usize)]) {
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(path, line)| ((*path).to_owned(), *line))
        .collect();
    assert_eq!(paths(text), wanted, "{text}");
}

#[test]
fn a_use_tree_is_every_path_in_it() {
    names("use crate::url;", &[("crate::url", 1)]);
    names(
        "pub use crate::{\n  url::{self, BaseUrl as B},\n  time::*,\n  ids,\n};",
        &[
            ("crate::url::self", 2),
            ("crate::url::BaseUrl", 2),
            ("crate::time::*", 3),
            ("crate::ids", 4),
        ],
    );
    names("use std;", &[]);
}

#[test]
fn a_path_in_place_is_read() {
    names(
        "fn f() {\n  let x: super::call::Call<crate::ids::UserId> = <A as b::C>::d();\n}",
        &[
            ("super::call::Call", 2),
            ("crate::ids::UserId", 2),
            ("b::C", 2),
        ],
    );
    names("f!(\"{}\", crate::a::b(), c)", &[("crate::a::b", 1)]);
    names("fn f() { let a: b = c * d; match d { e: f } }", &[]);
}

#[test]
fn comments_strings_and_tests_are_not_code() {
    names(
        "// use crate::a;\n/* crate::b */ /// [`crate::c`]\nfn f() { g(\"crate::d\", r#\"crate::e\"#) }",
        &[],
    );
    names(
        "use crate::a;\n#[cfg(test)]\nmod tests {\n use crate::b;\n}\n#[cfg(test)] use crate::c;\nfn f() { crate::d::e() }",
        &[("crate::a", 1), ("crate::d::e", 7)],
    );
    names("#![cfg(test)]\nuse crate::a;", &[]);
    names("#[cfg(all(test, unix))] mod a { use crate::a; }", &[]);
    names("#[cfg(not(test))] use crate::a;", &[("crate::a", 1)]);
    names(
        "#[cfg(feature = \"test\")] use crate::a;",
        &[("crate::a", 1)],
    );
}

#[test]
fn a_broken_file_says_where() {
    let error = Source::default().parse("fn f() {\n  )").unwrap_err();
    assert!(error.to_string().contains("line "), "{error}");
}

/// The modules that a file of a crate imports.
fn imported(file: &str, text: &str) -> Vec<String> {
    let files = ["lib.rs", "a.rs", "a/b.rs", "a/b/c.rs", "d/mod.rs"]
        .map(|name| (PathBuf::from("/r").join(name), String::new()));
    let mut files: BTreeMap<_, _> = files.into();
    files.insert(PathBuf::from("/r").join(file), text.to_owned());
    let modules = modules(Path::new("/r"), &files, |path| path.display().to_string()).unwrap();
    let found = modules.values().flat_map(|module| &module.imports);
    found.map(|import| import.to.clone()).collect()
}

#[test]
fn a_path_leads_to_the_nearest_file() {
    for (file, text, to) in [
        ("a.rs", "use b::Name;", "a/b"),
        ("a.rs", "use crate::a::b::c::Name;", "a/b/c"),
        ("a/b.rs", "use super::Name;", "a"),
        ("a/b.rs", "use super::super::d;", "d"),
        ("a/b.rs", "mod inner { use super::super::Name; }", "a"),
        ("d/mod.rs", "fn f() { crate::a::g() }", "a"),
        ("a.rs", "use crate::Name;", ""),
    ] {
        assert_eq!(imported(file, text), [to], "{file}: {text}");
    }
    for text in [
        "use std::b::X;",
        "use self::X;",
        "mod inner { use super::X; }",
        "use serde::a::Y;",
    ] {
        assert!(imported("a.rs", text).is_empty(), "{text}");
    }
}

#[test]
fn the_files_of_test_modules_are_left_out() {
    for text in [
        "#[cfg(test)]\nmod b;",
        "#[cfg(test)] #[path = \"a/b.rs\"] mod more;",
    ] {
        let files = [
            ("/r/a.rs", text),
            ("/r/a/b.rs", "use crate::a;"),
            ("/r/a/b/c.rs", "use crate::a;"),
        ];
        let files = files
            .map(|(path, text)| (PathBuf::from(path), text.to_owned()))
            .into();
        let modules = modules(Path::new("/r"), &files, |_| String::new()).unwrap();
        assert_eq!(modules.into_keys().collect::<Vec<_>>(), ["a"], "{text}");
    }
}
