//! The names under which Prometheus keeps our figures: they hold still, the dashboard and the guide show them all, and nothing
//! that comes from outside becomes one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{App, Browser, ask, desk};
use mastra_auth_cloud::metrics::prometheus_client::encoding::text::encode;
use mastra_auth_cloud::metrics::prometheus_client::registry::Registry;
use mastra_auth_cloud_core::error::CODES;
use mastra_auth_local_cloud::{Fault, FaultKind};
use reqwest::Method;

/// Every metric: name, type and labels. Renaming one breaks alerts that use it.
const NAMES: [(&str, &str, &[&str]); 11] = [
    ("mastra_auth_requests", "counter", &["outcome", "source"]),
    ("mastra_auth_logins", "counter", &["outcome"]),
    ("mastra_auth_sign_outs", "counter", &["outcome"]),
    (
        "mastra_auth_cloud_calls",
        "counter",
        &["operation", "status"],
    ),
    (
        "mastra_auth_cloud_call_duration_seconds",
        "histogram",
        &["operation"],
    ),
    ("mastra_auth_cache_entries", "gauge", &["kind"]),
    ("mastra_auth_breaker_state", "gauge", &["state"]),
    ("mastra_auth_keys_age_seconds", "gauge", &[]),
    ("mastra_auth_revocation_connected", "gauge", &[]),
    ("mastra_auth_revocation_pending", "gauge", &[]),
    ("mastra_auth_revocation_lag_seconds", "gauge", &[]),
];

/// Each family of a text, with its type and the labels of its series.
fn families(text: &str) -> Vec<(String, String, BTreeSet<String>)> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let labels = text
                .lines()
                .filter(|line| line.starts_with(name))
                .filter_map(|line| line.split_once('{')?.1.split_once('}'))
                .flat_map(|(labels, _)| labels.split("\","))
                .filter_map(|label| label.split_once('='))
                .map(|(label, _)| label.to_owned())
                .filter(|label| label != "le");
            (name.to_owned(), kind.to_owned(), labels.collect())
        })
        .collect()
}

/// A provider of which everything that can be shown is shown.
async fn busy() -> (mastra_auth_local_cloud::LocalCloud, App) {
    let (cloud, app) = desk().await;
    Browser::default().sign_in(&app, &cloud, "owner").await;
    (cloud, app)
}

#[tokio::test]
async fn names_types_and_labels_hold_still() {
    let (_cloud, app) = busy().await;
    let text = app.auth.metrics().render().unwrap();
    let expect: Vec<_> = NAMES
        .iter()
        .map(|(name, kind, labels)| {
            let labels = labels.iter().map(|label| (*label).to_owned());
            ((*name).to_owned(), (*kind).to_owned(), labels.collect())
        })
        .collect();
    assert_eq!(families(&text), expect, "{text}");
    assert!(text.ends_with("# EOF\n"));
    let helps = text.lines().filter(|line| line.starts_with("# HELP "));
    assert!(helps.clone().all(|line| line.ends_with('.')), "{text}");
    assert_eq!(helps.count(), NAMES.len());
}

/// The names under which Prometheus keeps a family.
fn kept_as(name: &str, kind: &str) -> Vec<String> {
    let suffixes: &[&str] = match kind {
        "counter" => &["_total"],
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &[""],
    };
    suffixes
        .iter()
        .map(|suffix| format!("{name}{suffix}"))
        .collect()
}

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()))
}

/// Every word of a text that begins as our metrics do.
fn named_in(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("mastra_auth_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_none_that_is_not() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&repository("docs/grafana/mastra-auth.json")).unwrap();
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 39);
    assert_eq!(
        dashboard["id"],
        serde_json::Value::Null,
        "or it cannot be imported"
    );
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(variables.iter().any(|variable| {
        variable["type"] == "datasource"
            && variable["query"] == "prometheus"
            && variable["name"] == "datasource"
    }));
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut shown = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(
            !panel["description"].as_str().unwrap_or_default().is_empty(),
            "{title}"
        );
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let expression = target["expr"].as_str().unwrap();
            let names = named_in(expression);
            assert!(!names.is_empty(), "{title}: {expression}");
            shown.extend(names);
        }
    }
    let all: Vec<Vec<String>> = NAMES
        .iter()
        .map(|(name, kind, _)| kept_as(name, kind))
        .collect();
    let known: BTreeSet<&String> = all.iter().flatten().collect();
    let unknown: Vec<_> = shown.iter().filter(|name| !known.contains(name)).collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
    for names in &all {
        assert!(
            names.iter().any(|name| shown.contains(name)),
            "not shown: {names:?}"
        );
    }
}

#[test]
fn the_guide_lists_every_metric_and_none_that_is_not() {
    let listed = named_in(&repository("docs/guide/observability.md"));
    let all: BTreeSet<String> = NAMES
        .iter()
        .flat_map(|(name, kind, _)| kept_as(name, kind))
        .collect();
    let unknown: Vec<_> = listed
        .iter()
        .filter(|name| !all.contains(*name) && !NAMES.iter().any(|(known, _, _)| known == name))
        .filter(|name| *name != "mastra_auth_cloud")
        .collect();
    assert!(unknown.is_empty(), "there is no {unknown:?}");
    for (name, kind, _) in NAMES {
        assert!(
            listed.contains(name) || kept_as(name, kind).iter().any(|name| listed.contains(name)),
            "not listed: {name}"
        );
    }
}

#[tokio::test]
async fn the_figures_stand_in_a_registry_of_ones_own_and_at_a_route_of_ones_choice() {
    let (_cloud, app) = busy().await;
    let mut registry = Registry::default();
    registry
        .sub_registry_with_label(("project".into(), "demo".into()))
        .register_collector(Box::new(app.auth.metrics()));
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(
        text.contains("mastra_auth_logins_total{project=\"demo\",outcome=\"succeeded\"} 1"),
        "{text}"
    );

    assert_eq!(
        ask(&app, "/metrics", &[]).await.status,
        404,
        "not mounted by itself"
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/figures", listener.local_addr().unwrap());
    let route = axum::Router::new().route("/figures", mastra_auth_cloud::axum::metrics(&app.auth));
    let task = tokio::spawn(async move { axum::serve(listener, route).await.unwrap() });
    let page = Browser::default().fetch(&url).await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(
        page.body
            .contains("mastra_auth_logins_total{outcome=\"succeeded\"} 1\n")
    );
    let none = reqwest::header::HeaderMap::new();
    let page = Browser::default().send(Method::POST, &url, none, &[]).await;
    assert_eq!(page.status, 405);
    task.abort();
}

#[tokio::test]
async fn threat_106_labels_are_words_of_short_lists_whatever_comes_in() {
    let (cloud, app) = busy().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, &cloud, "viewer").await;
    for kind in [
        FaultKind::EchoSecret,
        FaultKind::OkFalse,
        FaultKind::Html,
        FaultKind::Status { status: 451 },
        FaultKind::Status { status: 599 },
    ] {
        cloud.control().clear_faults();
        cloud.control().set_fault(Fault::new(kind));
        for n in 0..4 {
            let header = format!("Bearer canary-{n}-of-a-token");
            let _ = ask(&app, "/agents", &[("authorization", &header)]).await;
        }
        let path = "/auth/callback?error=canary-of-an-error&state=canary-of-a-state";
        let _ = browser.clone().open(&app.at(path)).await;
    }
    let text = app.auth.metrics().render().unwrap();
    assert!(
        !text.contains("canary") && !text.contains('@') && !text.contains("usr_"),
        "{text}"
    );
    let token = browser.session().unwrap();
    for part in token.as_bytes().windows(12) {
        assert!(!text.contains(std::str::from_utf8(part).unwrap()));
    }
    // A code of an error is no label: the Cloud may invent new ones.
    for info in CODES {
        let quoted = format!("\"{}\"", info.code);
        let is_result = matches!(info.code, "timeout");
        assert!(is_result || !text.contains(&quoted), "{quoted}");
    }
}
