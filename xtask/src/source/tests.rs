//! Small files, and the expected result of parsing each.

use super::*;

fn paths(text: &str) -> Vec<(String, usize)> {
    let source = Source::parse(text).unwrap();
    source
        .paths
        .into_iter()
        .map(|path| (path.segments.join("::"), path.line))
        .collect()
}

fn words(text: &str) -> Vec<String> {
    Source::parse(text)
        .unwrap()
        .words
        .into_iter()
        .map(|(word, _)| word)
        .collect()
}

#[test]
fn a_use_tree_is_every_path_in_it() {
    assert_eq!(paths("use crate::url;"), [("crate::url".to_owned(), 1)]);
    assert_eq!(
        paths("pub use crate::{\n  url::{self, BaseUrl as B},\n  time::*,\n};"),
        [
            ("crate::url::self".to_owned(), 2),
            ("crate::url::BaseUrl".to_owned(), 2),
            ("crate::time::*".to_owned(), 3),
        ]
    );
    assert_eq!(paths("use std;"), [("std".to_owned(), 1)]);
}

#[test]
fn a_path_in_place_is_read() {
    assert_eq!(
        paths("fn f() {\n  let x: super::call::Call<crate::ids::UserId> = <A as b::C>::d();\n}"),
        [
            ("super::call::Call".to_owned(), 2),
            ("crate::ids::UserId".to_owned(), 2),
            ("b::C".to_owned(), 2),
        ]
    );
    assert_eq!(
        paths("f!(\"{}\", crate::a::b(), c)"),
        [("crate::a::b".to_owned(), 1)]
    );
    assert!(paths("let a: b = c; match d { e: f }").is_empty());
}

#[test]
fn comments_and_strings_are_not_code() {
    assert!(
        paths("// use crate::a;\n/* crate::b */ /// [`crate::c`]\nfn f() { g(\"crate::d\") }")
            .is_empty()
    );
    assert!(!words("const A: &str = r#\"tokio\"#; // tokio").contains(&"tokio".to_owned()));
}

#[test]
fn what_is_only_for_tests_is_left_out() {
    let text = "use crate::a;\n#[cfg(test)]\nmod tests {\n use crate::b;\n}\n#[cfg(test)] use crate::c;\nfn f() { crate::d::e() }";
    assert_eq!(
        paths(text),
        [("crate::a".to_owned(), 1), ("crate::d::e".to_owned(), 7)]
    );
    assert!(paths("#![cfg(test)]\nuse crate::a;").is_empty());
    assert_eq!(paths("#[cfg(not(test))] use crate::a;").len(), 1);
    assert_eq!(paths("#[cfg(feature = \"test\")] use crate::a;").len(), 1);
}

#[test]
fn test_modules_in_other_files_are_named() {
    let source =
        Source::parse("#[cfg(test)]\n#[path = \"x_tests.rs\"]\nmod tests;\n#[cfg(test)] mod more;")
            .unwrap();
    let named = |name: &str, path: Option<&str>| TestModule {
        name: name.to_owned(),
        path: path.map(str::to_owned),
    };
    assert_eq!(
        source.test_modules,
        [named("tests", Some("x_tests.rs")), named("more", None)]
    );
    assert!(Source::parse("mod tests;").unwrap().test_modules.is_empty());
}

#[test]
fn inline_modules_are_known() {
    let source = Source::parse("mod a { mod b { use super::c; } }").unwrap();
    assert_eq!(source.paths[0].inside, ["a", "b"]);
}

#[test]
fn tests_that_run() {
    let text = "#[test] fn one() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\nproptest! { #[test] fn three(x in 0..9) {} }\n\
        // #[test] fn gone() {}\n#[test] #[ignore = \"slow\"] fn ignored() {}\nfn helper() {}";
    assert_eq!(test_functions(text).unwrap(), ["one", "two", "three"]);
}

#[test]
fn a_broken_file_says_where() {
    assert!(
        Source::parse("fn f() {\n  )")
            .unwrap_err()
            .to_string()
            .contains("line ")
    );
}
