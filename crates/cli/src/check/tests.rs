//! Clouds that deviate from the contract: each turns red the rules that it breaks, and no other.

mod browser;
mod deviant;
mod deviations;
mod faults;
mod records;

use std::collections::BTreeSet;

use mastra_auth_local_cloud::{LocalCloud, Options, Seed};

use reqwest::Client;

use super::exchange::client;
use super::plan::{self, Asked};
use super::probe::Seen;
use super::sign_in::SignIn;
use super::verdict::Verdict;
use super::{judge, now};
use crate::args::DialectName;

const SEED: &str = "[[projects]]\nid = \"demo\"\n[[projects]]\nid = \"shop\"\n";

async fn local_cloud(dialect: DialectName) -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    options.dialect = dialect.of_cloud();
    options.seed = Seed::from_toml(SEED).unwrap();
    LocalCloud::start(options).await.unwrap()
}

async fn look(base_url: &str, client: &Client, dialect: DialectName) -> Seen {
    look_with(base_url, client, dialect, "shop").await
}

async fn look_with(base_url: &str, client: &Client, dialect: DialectName, other: &str) -> Seen {
    let asked = Asked {
        base_url: base_url.to_owned(),
        project_id: "demo".to_owned(),
        other_project: Some(other.to_owned()),
        dialect,
        token: None,
        may_end_sessions: true,
    };
    plan::run(&asked, client, SignIn::ByForm, now(), &mut |_| ()).await
}

/// The ids of the broken rules.
fn red(seen: &Seen) -> BTreeSet<&'static str> {
    let broken = judge(seen).into_iter();
    broken
        .filter(|judged| matches!(judged.verdict, Verdict::Failed(_)))
        .map(|judged| judged.rule.id)
        .collect()
}

#[tokio::test]
async fn the_local_cloud_keeps_every_rule_of_its_dialect() {
    for dialect in [DialectName::V1, DialectName::Pkce] {
        let cloud = local_cloud(dialect).await;
        let seen = look(cloud.url(), &client(true).unwrap(), dialect).await;
        for judged in judge(&seen) {
            let may_be_untested = judged.rule.id == "security.26";
            let is_fine = match &judged.verdict {
                Verdict::Passed => true,
                Verdict::NotTested(_) => may_be_untested,
                Verdict::Failed(_) => false,
            };
            assert!(
                is_fine,
                "{dialect:?} {}: {:?}",
                judged.rule.id, judged.verdict
            );
        }
        assert!(seen.exchanges.len() <= 80, "{}", seen.exchanges.len());
        cloud.stop().await;
    }
}
