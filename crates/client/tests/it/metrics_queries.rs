//! What the dashboard, the alerts and the example for Node ask Prometheus for is there: metrics, their labels and the values
//! of those.
//!
//! A query for a label or a value that does not exist is no error to Prometheus: its panel stays empty, and its alert silent.
//! Queries are read as far as these need: selectors, and the labels that are grouped, joined and shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use mastra_auth_cloud::MastraCloudAuth;
use mastra_auth_cloud::transport::CloudCall;
use mastra_auth_cloud_core::counters::CallResult;

/// What Prometheus itself puts on each series.
const ITS_OWN: [&str; 2] = ["job", "instance"];

type Labels = BTreeMap<String, BTreeSet<String>>;

/// Every name under which Prometheus keeps a series of ours, with its labels and all of their values.
fn known() -> BTreeMap<String, Labels> {
    let auth = MastraCloudAuth::builder().project_id("demo").build();
    let text = auth.unwrap().metrics().render().unwrap();
    let mut known: BTreeMap<String, Labels> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.split(' ').next().unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let own = known.entry(name.to_owned()).or_default();
        for (label, value) in pairs(labels.trim_end_matches('}')) {
            let values = own.entry(label.trim_end_matches('=').to_owned());
            values.or_default().insert(value.to_owned());
        }
    }
    // These have series only once there is something to tell.
    let operations = || CloudCall::ALL.map(|call| call.as_str().to_owned()).into();
    let results = CallResult::ALL.map(|result| result.as_str().to_owned());
    let calls = known.entry("mastra_auth_cloud_calls_total".into());
    let labels = calls.or_default();
    labels.insert("operation".into(), operations());
    labels.insert("status".into(), results.into());
    for suffix in ["bucket", "sum", "count"] {
        let name = format!("mastra_auth_cloud_call_duration_seconds_{suffix}");
        let labels = known.entry(name).or_default();
        labels.insert("operation".into(), operations());
        if suffix == "bucket" {
            labels.insert("le".into(), BTreeSet::new());
        }
    }
    for name in [
        "keys_age_seconds",
        "revocation_connected",
        "revocation_pending",
        "revocation_lag_seconds",
    ] {
        known.entry(format!("mastra_auth_{name}")).or_default();
    }
    known
}

/// Label and operator, with the value, of what stands in braces.
fn pairs(matchers: &str) -> Vec<(&str, &str)> {
    let mut rest = matchers;
    let mut found = Vec::new();
    while let Some((label, after)) = rest.split_once('"') {
        let (value, after) = after.split_once('"').unwrap();
        found.push((label.trim_start_matches([',', ' ']), value));
        rest = after;
    }
    found
}

/// Whether a pattern with `.` for any letter is one of these.
fn is_one(pattern: &str, values: &BTreeSet<String>) -> bool {
    let fits = |value: &str| {
        let mut both = pattern.chars().zip(value.chars());
        pattern.len() == value.len() && both.all(|(one, other)| one == '.' || one == other)
    };
    values.iter().any(|value| fits(value))
}

/// The labels that follow a word such as `by (`, up to the bracket's end.
fn listed<'q>(query: &'q str, word: &str) -> Vec<&'q str> {
    let parts = query.split(word).skip(1);
    let lists = parts.map(|part| part.split_once(')').unwrap().0);
    lists.flat_map(|list| list.split(", ")).collect()
}

/// Holds one query against what there is.
fn check(query: &str, shown: &str, known: &BTreeMap<String, Labels>) {
    let mut labels: BTreeSet<&str> = ITS_OWN.into();
    let mut metrics = 0;
    for (at, _) in query.match_indices("mastra_auth_") {
        let rest = &query[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let own = known.get(name);
        let own = own.unwrap_or_else(|| panic!("there is no {name}: {query}"));
        metrics += 1;
        labels.extend(own.keys().map(String::as_str));
        let Some(matchers) = rest.strip_prefix('{') else {
            continue;
        };
        for (matcher, value) in pairs(matchers.split_once('}').unwrap().0) {
            let label = matcher.trim_end_matches(['=', '!', '~']);
            if ITS_OWN.contains(&label) {
                assert_eq!(value, format!("${label}"), "{query}");
                continue;
            }
            let values = own.get(label);
            let values = values.unwrap_or_else(|| panic!("{name} has no {label}: {query}"));
            let is_pattern = matcher.ends_with('~');
            for one in value.split('|') {
                assert!(is_pattern || !value.contains(['|', '.']), "{query}");
                assert!(is_one(one, values), "{name} has no {label}={one}: {query}");
            }
        }
    }
    assert!(metrics > 0, "{query}");
    for word in [" by (", " on (", " ignoring (", " without ("] {
        for label in listed(query, word) {
            assert!(labels.contains(label), "no {label} for{word}: {query}");
        }
    }
    let grouped = listed(query, " by (");
    for part in shown.split("{{").skip(1) {
        let label = part.split_once("}}").unwrap().0;
        let is_there = if grouped.is_empty() {
            labels.contains(label)
        } else {
            grouped.contains(&label)
        };
        assert!(is_there, "no {label} to show: {query}");
    }
}

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let known = known();
    let text = repository("docs/grafana/mastra-auth.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array());
    let mut queries = 0;
    for target in targets.flatten() {
        let shown = target["legendFormat"].as_str().unwrap_or_default();
        check(target["expr"].as_str().unwrap(), shown, &known);
        queries += 1;
    }
    assert!(queries > 15, "{queries}");
}

#[test]
fn the_alerts_ask_for_what_there_is() {
    let known = known();
    let guide = repository("docs/guide/observability.md");
    let (_, alerts) = guide.split_once("```yaml").unwrap();
    let alerts = alerts.split_once("```").unwrap().0;
    let mut names = BTreeSet::new();
    for alert in alerts.split("- alert: ").skip(1) {
        let (name, rest) = alert.split_once('\n').unwrap();
        assert!(names.insert(name), "{name} stands twice");
        let query = rest.split_once("expr: ").unwrap().1;
        check(query.split("for: ").next().unwrap(), "", &known);
    }
    assert!(names.len() > 5, "{names:?}");
}

#[test]
fn the_example_for_node_shows_them_under_the_same_names_and_labels() {
    let known = known();
    let guide = repository("docs/guide/observability.md");
    let mut shown = BTreeSet::new();
    for line in guide.lines().filter_map(|line| line.strip_prefix("show('")) {
        let (name, rest) = line.split_once("', [").unwrap();
        let labels = rest.split_once(']').unwrap().0;
        let labels = labels.split(", ").map(|label| label.trim_matches('\''));
        let labels: BTreeSet<&str> = labels.filter(|label| !label.is_empty()).collect();
        let own = known
            .get(name)
            .unwrap_or_else(|| panic!("there is no {name}"));
        let own: BTreeSet<&str> = own.keys().map(String::as_str).collect();
        assert_eq!(labels, own, "{name}");
        shown.insert(name);
    }
    let besides = ["_sum", "_count"];
    for name in known.keys() {
        let is_besides = besides.iter().any(|end| name.ends_with(end));
        assert!(
            is_besides || shown.contains(name.as_str()),
            "not shown: {name}"
        );
    }
}
