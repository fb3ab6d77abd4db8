//! The table: a deviation, what it changes, and the rules that it breaks, all of them.

mod everywhere;
mod exchange;
mod forged;
mod login;
mod names;
mod pages;
mod platform;
mod sessions;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::exchange::client;
use super::super::rules;
use super::deviant::{After, Answering, Asking, Before, serve};
use super::{local_cloud, look, red};
use crate::args::DialectName::{self, Pkce, Platform, V1};

#[derive(Clone, Copy)]
struct Deviation {
    name: &'static str,
    dialect: DialectName,
    before: Before,
    after: After,
    red: &'static [&'static str],
}

const fn after(name: &'static str, red: &'static [&'static str], after: After) -> Deviation {
    Deviation {
        name,
        dialect: V1,
        before: |_| (),
        after,
        red,
    }
}

const fn before(name: &'static str, red: &'static [&'static str], before: Before) -> Deviation {
    Deviation {
        name,
        dialect: V1,
        before,
        after: |_, _, _| (),
        red,
    }
}

const fn pkce(deviation: Deviation) -> Deviation {
    Deviation {
        dialect: Pkce,
        ..deviation
    }
}

const fn of_platform(deviation: Deviation) -> Deviation {
    Deviation {
        dialect: Platform,
        ..deviation
    }
}

const LOGIN: &str = "/auth/oss";
const EXCHANGE: &str = "/auth/callback";
const VERIFY: &str = "/auth/verify";
const VALIDATE: &str = "/auth/session/validate";
const DESTROY: &str = "/auth/session/destroy";

/// The login page's answer to the local Cloud's own form.
fn is_back(asking: &Asking) -> bool {
    asking.is("POST", LOGIN)
}

fn is_fine(asking: &Asking, answering: &Answering, path: &str) -> bool {
    asking.path.ends_with(path) && answering.status == 200
}

fn is_user(asking: &Asking) -> bool {
    asking.is("GET", "")
        && asking.path.contains("/users/")
        && !asking.path.ends_with("/permissions")
}

fn add_to_location(answering: &mut Answering, text: &str) {
    let location = answering.location();
    answering.set_header("location", &format!("{location}{text}"));
}

/// Sends the browser to the address that it named.
fn obey(asking: &Asking, answering: &mut Answering, name: &str, is_it: fn(&str) -> bool) {
    if let Some(to) = asking.param(name).filter(|to| is_it(to)) {
        answering.lead(303, &to);
    }
}

fn obey_login(asking: &Asking, answering: &mut Answering, is_it: fn(&str) -> bool) {
    if asking.is("GET", LOGIN) {
        obey(asking, answering, "redirect_uri", is_it);
    }
}

fn default_param(asking: &mut Asking, name: &str, value: &str) {
    if asking.is("GET", LOGIN) && asking.param(name).is_none() {
        asking.set_param(name, value);
    }
}

fn default_header(asking: &mut Asking, path: &str, name: &'static str, value: &str) {
    if asking.path.ends_with(path) && asking.header(name).is_none() {
        asking.set_header(name, value);
    }
}

fn any_project(asking: &mut Asking, path: &str, unknown: &str) {
    if asking.path.ends_with(path) && asking.header("x-project-id") == Some(unknown) {
        asking.set_header("x-project-id", "demo");
    }
}

const UNKNOWN: &str = "check-knows-no-such-project";

fn user() -> Value {
    json!({ "user": { "id": "usr_owner", "email": "o@example.com", "created_at": "2026-01-01T00:00:00Z" } })
}

/// Rules that other tests break: by a fault switch, by changed claims, or over https.
#[rustfmt::skip]
const ELSEWHERE: [&str; 11] =
    ["claims.1", "claims.2", "claims.3", "claims.4", "claims.5", "claims.6", "claims.8", "keys.8", "security.26", "security.44", "verify.1"];

fn all() -> impl Iterator<Item = &'static Deviation> {
    let files = [
        login::DEVIATIONS,
        pages::DEVIATIONS,
        exchange::DEVIATIONS,
        sessions::DEVIATIONS,
        forged::DEVIATIONS,
        everywhere::DEVIATIONS,
        names::DEVIATIONS,
        platform::DEVIATIONS,
    ];
    files.into_iter().flatten()
}

/// Runs a part of the table, so that both processors have something to do.
async fn run(part: usize) {
    let clouds = [
        local_cloud(V1).await,
        local_cloud(Pkce).await,
        local_cloud(Platform).await,
    ];
    let client = client(true).unwrap();
    let mut wrong = Vec::new();
    for deviation in all().skip(part).step_by(4) {
        let [v1, pkce, platform] = &clouds;
        let cloud = match deviation.dialect {
            V1 => v1,
            Pkce => pkce,
            Platform => platform,
        };
        let url = serve(cloud.url(), &client, deviation.before, deviation.after).await;
        let url = match deviation.name {
            "a Cloud below a path" => url + "/below",
            _ => url,
        };
        let seen = look(&url, &client, deviation.dialect).await;
        let found = red(&seen);
        let is_limited = deviation.name == "too many requests";
        assert!(
            !deviation.red.is_empty() || is_limited || seen.exchanges.len() > 40,
            "{}",
            deviation.name
        );
        let wanted: BTreeSet<_> = deviation.red.iter().copied().collect();
        if found != wanted {
            wrong.push((deviation.name, found, wanted));
        }
    }
    assert!(wrong.is_empty(), "name, found, wanted: {wrong:#?}");
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_1() {
    run(0).await;
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_2() {
    run(1).await;
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_3() {
    run(2).await;
}

#[tokio::test]
async fn each_deviation_breaks_its_rules_and_no_other_4() {
    run(3).await;
}

#[test]
fn each_rule_is_broken_by_a_test() {
    assert!(all().count() >= 140, "{}", all().count());
    let broken: BTreeSet<_> = all()
        .flat_map(|deviation| deviation.red)
        .chain(&ELSEWHERE)
        .collect();
    let all = rules::all().into_iter();
    let never: Vec<_> = all
        .map(|rule| rule.id)
        .filter(|id| !broken.contains(id))
        .collect();
    assert_eq!(never, Vec::<&str>::new());
}
