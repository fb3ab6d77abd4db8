//! The local Cloud's own fault switches, each on one endpoint: only rules that look at it may turn red.

use mastra_auth_local_cloud::{Fault, FaultKind};

use super::super::exchange::client;
use super::super::probe::Probe;
use super::super::rules;
use super::{local_cloud, look, red};
use crate::args::DialectName;

/// A switch, and the rules that are red on any endpoint that it is for.
fn switches() -> Vec<(FaultKind, &'static [&'static str])> {
    let status = |status| FaultKind::Status { status };
    let redirect = FaultKind::Redirect {
        status: 307,
        location: "https://elsewhere.invalid/".into(),
    };
    vec![
        (FaultKind::Delay { ms: 5 }, &[]),
        (FaultKind::Drop, &["verify.1"]),
        (status(429), &[]),
        (status(500), &["verify.1", "verify.6"]),
        (FaultKind::OkFalse, &["envelope.3", "verify.1"]),
        (FaultKind::Html, &["envelope.1", "headers.2", "verify.1"]),
        (FaultKind::HtmlOk, &["envelope.1", "headers.2", "verify.1"]),
        (FaultKind::Truncated, &["envelope.1", "verify.1"]),
        (FaultKind::Cut, &["verify.1"]),
        (FaultKind::Empty, &["envelope.1", "verify.1"]),
        (FaultKind::Huge, &["envelope.1", "verify.1"]),
        (FaultKind::WrongTypes, &["verify.2"]),
        (redirect, &["headers.1", "verify.1"]),
        (FaultKind::EchoSecret, &["security.24", "verify.1"]),
    ]
}

#[tokio::test]
async fn each_fault_switch_breaks_rules_of_its_endpoint_alone() {
    let client = client(true).unwrap();
    for (kind, wanted) in switches() {
        let cloud = local_cloud(DialectName::V1).await;
        let shown = format!("{kind:?}");
        cloud.control().set_fault(Fault::new(kind).on("verify"));
        let found = red(&look(cloud.url(), &client, DialectName::V1).await);
        for id in wanted {
            assert!(found.contains(id), "{shown}: {id} of {found:?}");
        }
        assert_eq!(found.is_empty(), wanted.is_empty(), "{shown}: {found:?}");
        for rule in rules::all() {
            let probe = format!("{:?}", rule.probe);
            let is_of_verify = probe.starts_with("Verify")
                || matches!(
                    rule.probe,
                    Probe::DestroyedVerify | Probe::DestroyedOther | Probe::ExchangeAgainVerify
                );
            assert!(
                is_of_verify || !found.contains(rule.id),
                "{shown}: {} is red, and looks at {probe}",
                rule.id
            );
        }
        cloud.stop().await;
    }
}
