//! Rust and Node read the same environment variables and know the same settings.

use std::collections::BTreeSet;

/// Node takes the address from each request.
const RUST_ONLY: [&str; 1] = ["MASTRA_PUBLIC_URL"];
/// `mastra dev` sets it for the server.
const NODE_ONLY: [&str; 1] = ["MASTRA_DEV"];
/// How the codes of Node's warnings begin, which are names of the same form.
const WARNINGS: &str = "MASTRA_AUTH_CLOUD_";

/// Settings of [`Policy`](mastra_auth_cloud::Policy) that Node has no option for, on purpose: their defaults suit a server.
const RUST_ONLY_SETTINGS: [&str; 12] = [
    "max_response_bytes",
    "renew_before",
    "renewed_grace",
    "max_bytes",
    "deny_list_capacity",
    "breaker_failures",
    "breaker_pause",
    "keys_fresh",
    "keys_pause",
    "keys_kept",
    "max_key_set_bytes",
    "login_lifetime",
];

pub(crate) fn repository(file: &str) -> String {
    let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The names of variables that stand alone between these marks.
fn between(marks: char, text: &str) -> BTreeSet<String> {
    let is_name = |part: &&str| {
        part.starts_with("MASTRA_")
            && !part.starts_with(WARNINGS)
            && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    text.split(marks)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

fn without(mut names: BTreeSet<String>, some: &[&str]) -> BTreeSet<String> {
    for name in some {
        assert!(names.remove(*name), "{name} is not read any more");
    }
    names
}

#[test]
fn both_languages_read_the_variables_that_the_guide_lists() {
    let rust = repository("crates/client/src/builder/environment.rs");
    let (rust, _tests) = rust.split_once("#[cfg(test)]").unwrap();
    let mut rust = between('"', rust);
    rust.extend(between(
        '"',
        &repository("crates/client/src/program/source.rs"),
    ));
    let mut node = between('\'', &repository("npm/auth-cloud/src/options.ts"));
    node.extend(between('\'', &repository("npm/auth-cloud/src/program.ts")));
    let listed = between('`', &repository("docs/guide/variables.md"));
    assert!(listed.len() > 10, "{listed:?}");
    assert_eq!(rust, listed, "Rust and docs/guide/variables.md");
    assert_eq!(
        without(rust, &RUST_ONLY),
        without(node, &NODE_ONLY),
        "Rust and Node"
    );
}

/// A time of the policy, as Rust and Node name it in their guides.
const TIMES: [(&str, &str, &str); 5] = [
    ("fresh", "fresh_for", "cache.fresh"),
    (
        "refresh_early",
        "Policy::refresh_early",
        "cache.refreshEarly",
    ),
    ("stale_if_error", "stale_if_error_for", "cache.staleIfError"),
    ("refused", "refused_for", "cache.refused"),
    ("max_entries", "Policy::max_entries", "cache.maxEntries"),
];

/// The number alone: all are seconds.
#[test]
fn the_guides_tell_the_defaults_of_the_policy() {
    let number = |text: &str| -> String {
        let text = text.trim().replace(',', "");
        text.chars().take_while(char::is_ascii_digit).collect()
    };
    let policy = format!("{:?}", mastra_auth_cloud::Policy::default());
    let default = |name: &str| number(policy.split_once(&format!(" {name}: ")).unwrap().1);
    for (page, column, rows) in [
        ("docs/guide/outages.md", 2, 10),
        ("docs/guide/mastra-reference.md", 3, 5),
        ("npm/auth-cloud/README.md", 3, 5),
    ] {
        let mut seen = 0;
        for row in repository(page).lines() {
            let Some((name, _)) = row.strip_prefix("| `").and_then(|row| row.split_once('`'))
            else {
                continue;
            };
            let time = TIMES
                .iter()
                .find(|(_, rust, node)| [*rust, *node].contains(&name));
            let of_policy = name.strip_prefix("Policy::");
            let Some(name) = time.map(|(name, ..)| *name).or(of_policy) else {
                continue;
            };
            let told = row.split('|').nth(column).unwrap();
            assert_eq!(number(told), default(name), "{page}: {row}");
            seen += 1;
        }
        assert_eq!(seen, rows, "{page}");
    }
}

#[test]
fn node_has_every_setting_that_is_not_for_rust_alone() {
    let config = repository("crates/core/src/config.rs");
    let (_, policy) = config.split_once("pub struct Policy {").unwrap();
    let (policy, _) = policy.split_once("\n}").unwrap();
    let settings: BTreeSet<String> = policy
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let node = repository("crates/node/src/config.rs");
    let has = |name: &&String| node.contains(&format!("policy.{name}"));
    let known: BTreeSet<String> = settings.iter().filter(has).cloned().collect();
    assert_eq!(without(settings, &RUST_ONLY_SETTINGS), known);
}
