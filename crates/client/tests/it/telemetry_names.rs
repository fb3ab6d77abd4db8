//! The names under which what happens is told: each event of the source is pinned here and stands in the guide, and the other
//! way round.
//!
//! Read from the source, so that an event counts whether or not a test brings it about. That each comes from its cause is in
//! `telemetry.rs`, `renewal.rs` and `revocations.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every event: level, target, name, and the fields that it may have. To change one breaks whoever reads it.
const EVENTS: &str = "\
DEBUG mastra_auth::audit renewal: outcome session_id user_id
DEBUG mastra_auth::cloud cloud_call: duration_us endpoint operation outcome status
DEBUG mastra_auth::revocations revocations_away: error
DEBUG mastra_auth::revocations revocations_received: lag_ms new
DEBUG mastra_auth::revocations revocations_sent: count
ERROR mastra_auth::setup layer_missing: code
ERROR mastra_auth::setup routes_unreachable: code login
INFO mastra_auth::audit login: code outcome request_id session_id user_id
INFO mastra_auth::audit login: outcome request_id session_id user_id
INFO mastra_auth::audit operator_end: session_id
INFO mastra_auth::audit operator_end: user_id
INFO mastra_auth::audit refusal: code duration_us outcome request_id source
INFO mastra_auth::audit refusal: code outcome permission request_id user_id
INFO mastra_auth::audit renewal: code outcome
INFO mastra_auth::audit renewal: outcome session_id user_id
INFO mastra_auth::audit sign_out: outcome request_id session_id user_id
INFO mastra_auth::request page: code reference request_id
INFO mastra_auth::revocations revocations_connected: again new standing
TRACE mastra_auth::request request: duration_us outcome request_id source
TRACE mastra_auth::request request: duration_us outcome request_id source user_id
WARN mastra_auth::audit login: code endpoint outcome reference request_id status
WARN mastra_auth::audit refusal: code outcome request_id
WARN mastra_auth::audit renewal: code outcome
WARN mastra_auth::audit return_path_cut: bytes limit
WARN mastra_auth::audit sign_out: code outcome request_id session_id user_id
WARN mastra_auth::cloud cloud_call: duration_us endpoint operation outcome
WARN mastra_auth::cloud key_set_odd: count
WARN mastra_auth::cloud keys_not_fetched: code endpoint
WARN mastra_auth::cloud refused_oddly: code endpoint status
WARN mastra_auth::request permissions: code outcome permission request_id
WARN mastra_auth::request request: code duration_us outcome request_id source
WARN mastra_auth::revocations revocations_left_out: count
WARN mastra_auth::revocations revocations_lost: error
WARN mastra_auth::revocations revocations_unreadable: count
WARN mastra_auth::setup client_not_renewed: code
WARN mastra_auth::setup clock_ahead: code seconds
WARN mastra_auth::setup prefix_unknown: code login public_url
";

const OPEN: &str = "tell!(";

/// Every source file of the crate, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// What stands between brackets that were opened just before, split at the commas that stand in no others.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut begin) = (0_usize, false, 0);
    let mut found = Vec::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                found.push(text[begin..at].trim());
                found.retain(|argument| !argument.is_empty());
                return found;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    panic!("no end: {text}");
}

/// The targets by the names of their constants.
fn targets(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("const ")?
                .split_once(": &str = \"mastra_auth::")
        })
        .map(|(name, rest)| (name, rest.trim_end_matches("\";")))
        .collect()
}

/// Every event that the source tells, as a line of the list.
fn told() -> BTreeSet<String> {
    let sources = sources();
    let all: String = sources.iter().map(|(_, text)| text.as_str()).collect();
    let targets = targets(&all);
    let calls = all
        .match_indices(OPEN)
        .map(|(at, _)| &all[at + OPEN.len()..]);
    let lines = calls.map(|call| {
        let [level, target, name, fields @ .., message] = &arguments(call)[..] else {
            panic!("{}", &call[..80]);
        };
        assert!(message.starts_with('"'), "{message}");
        let fields: BTreeSet<&str> = fields
            .iter()
            .map(|field| field.split('=').next().unwrap().trim())
            .map(|field| field.trim_start_matches(['%', '?']))
            .collect();
        let fields: Vec<&str> = fields.into_iter().collect();
        let target = targets[target];
        let name = name.trim_matches('"');
        format!("{level} mastra_auth::{target} {name}: {}", fields.join(" "))
    });
    lines.collect()
}

#[test]
fn every_event_of_the_source_is_one_of_these() {
    let told: Vec<String> = told().into_iter().collect();
    assert_eq!(told.join("\n") + "\n", EVENTS);
}

#[test]
fn nothing_is_told_in_another_way() {
    for (path, text) in sources() {
        let names = ["trace", "debug", "info", "warn", "error", "event"];
        let calls = names.map(|name| text.matches(&format!("{name}!(")).count());
        let others: usize = calls.iter().sum();
        // The one call behind all of them.
        let expect = usize::from(path.ends_with("src/telemetry.rs"));
        assert_eq!(others, expect, "{}", path.display());
    }
}

/// The guide's part about events.
fn guide() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/observability.md");
    let guide = fs::read_to_string(path).unwrap();
    let (_, rest) = guide.split_once("\n## Events\n").unwrap();
    rest.split_once("\n## ").unwrap().0.to_owned()
}

/// What a text has between back quotes.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_guide_lists_every_event_with_its_fields_and_none_that_is_not() {
    let guide = guide();
    let words = quoted(&guide);
    let mut names = BTreeSet::new();
    for line in EVENTS.lines() {
        let (what, fields) = line.rsplit_once(": ").unwrap();
        let [level, target, name] = what.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        names.insert(name);
        let fields = fields.split(' ').filter(|field| *field != "outcome");
        for word in fields.chain([target, name]) {
            assert!(words.contains(word), "{word} of {line}");
        }
        assert!(guide.contains(level), "{line}");
    }
    let rows = guide.lines().filter(|line| line.starts_with('|'));
    let table = rows.take_while(|line| !line.starts_with("| field "));
    for row in table {
        let second = row.split('|').nth(2).unwrap();
        for name in quoted(second).difference(&BTreeSet::from(["event"])) {
            assert!(names.contains(name), "there is no {name}");
        }
    }
}
