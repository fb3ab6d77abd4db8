//! Clouds that deviate from the contract: each turns red the rules that it breaks, and no other.

mod browser;
mod deviant;
mod deviations;
mod faults;
mod records;
mod slow;

use std::collections::BTreeSet;

use mastra_auth_cloud_core::config::UrlPath;
use mastra_auth_local_cloud::{LocalCloud, Options, Seed};

use reqwest::Client;

use super::exchange::client;
use super::plan::{self, Asked, Listed};
use super::probe::Seen;
use super::sign_in::SignIn;
use super::verdict::Verdict;
use super::{AT_MOST, announcement, judge, now, own_prefix, spoken};
use crate::args::DialectName;

/// Rules that a Cloud over http cannot break.
const OVER_HTTPS: [&str; 2] = ["security.26", "security.44"];
const SEED: &str = "
[[projects]]
id = \"demo\"
redirect_uris = [\"https://app.example/callback\", \"https://bare.example\"]
[[projects]]
id = \"shop\"
";

async fn local_cloud(dialect: DialectName) -> LocalCloud {
    let mut options = Options::default();
    options.port = 0;
    options.dialect = dialect.of_cloud();
    if dialect != DialectName::Platform {
        options.seed = Seed::from_toml(SEED).unwrap();
    }
    LocalCloud::start(options).await.unwrap()
}

async fn look(base_url: &str, client: &Client, dialect: DialectName) -> Seen {
    look_with(base_url, client, dialect, "shop").await
}

async fn look_with(base_url: &str, client: &Client, dialect: DialectName, other: &str) -> Seen {
    let asked = Asked {
        other_project: Some(other.to_owned()),
        ..asked_of(base_url, dialect)
    };
    plan::run(&asked, client, SignIn::ByForm, now(), &mut |_| ()).await
}

/// All that a run may do.
fn asked_of(base_url: &str, dialect: DialectName) -> Asked {
    Asked {
        base_url: base_url.to_owned(),
        project_id: "demo".to_owned(),
        other_project: Some("shop".to_owned()),
        dialect,
        token: None,
        may_end_sessions: true,
        api_prefix: own_prefix(dialect).to_owned(),
        auth_path: "/auth/oss".to_owned(),
        listed: Listed::parse("https://app.example/callback"),
    }
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
    for dialect in [DialectName::V1, DialectName::Pkce, DialectName::Platform] {
        let cloud = local_cloud(dialect).await;
        assert_eq!(
            spoken(&client(true).unwrap(), cloud.url(), None).await,
            Ok(dialect)
        );
        let seen = look(cloud.url(), &client(true).unwrap(), dialect).await;
        for judged in judge(&seen) {
            let may_be_untested = OVER_HTTPS.contains(&judged.rule.id);
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
        assert!(seen.requests <= AT_MOST, "{}", seen.requests);
        cloud.stop().await;
    }
}

#[tokio::test]
async fn a_cloud_with_paths_of_its_own_is_asked_there() {
    let (cloud, client) = (local_cloud(DialectName::V1).await, client(true).unwrap());
    let to_usual = |asking: &mut deviant::Asking| {
        let path = asking.path.replace("/api/v1", "/nowhere");
        let path = path.replace("/auth/oss", "/nowhere");
        let path = path.replace("/identity", "/api/v1");
        asking.path = path.replace("/sign-in", "/auth/oss");
    };
    let url = deviant::serve(cloud.url(), &client, to_usual, |_, _, _| ()).await;
    let prefix = UrlPath::parse("/identity").unwrap();
    assert_eq!(
        spoken(&client, &url, Some(&prefix)).await,
        Ok(DialectName::V1)
    );
    let asked = Asked {
        api_prefix: prefix.as_str().to_owned(),
        auth_path: "/sign-in".to_owned(),
        ..asked_of(&url, DialectName::V1)
    };
    let seen = plan::run(&asked, &client, SignIn::ByForm, now(), &mut |_| ()).await;
    assert_eq!(red(&seen), BTreeSet::new());
    assert!(seen.exchanges.len() > 60, "{}", seen.exchanges.len());
    cloud.stop().await;
}

#[tokio::test]
async fn a_listed_address_is_asked_as_it_was_given() {
    let cloud = local_cloud(DialectName::V1).await;
    // An address without a path is the same as one with `/`, and written otherwise.
    let asked = Asked {
        listed: Listed::parse("https://bare.example"),
        ..asked_of(cloud.url(), DialectName::V1)
    };
    let client = client(true).unwrap();
    let seen = plan::run(&asked, &client, SignIn::Never, now(), &mut |_| ()).await;
    let judged = judge(&seen).into_iter();
    let told: Vec<_> = judged
        .filter(|judged| judged.rule.id == "login.11")
        .map(|judged| judged.verdict)
        .collect();
    assert_eq!(told, [Verdict::Passed]);
    cloud.stop().await;
}

#[test]
fn the_announcement_fits_a_terminal() {
    let asked = asked_of(
        &format!("https://{}.example", "a-long-name.".repeat(8)),
        DialectName::Pkce,
    );
    for sign_in in [SignIn::ByForm, SignIn::Never] {
        let text = announcement(&asked, &sign_in);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(text.ends_with("\nends three sessions of its own"), "{text}");
    }
}
